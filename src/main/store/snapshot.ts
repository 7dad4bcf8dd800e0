import type { Database } from 'better-sqlite3';

/** A query of several statements that all see the store as it is at one moment. */
export function snapshot<A, R>(db: Database, query: (input: A) => R): (input: A) => R {
  const read = db.transaction(query);
  return (input) => read(input);
}
