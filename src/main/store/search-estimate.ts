import type { Database, Statement } from 'better-sqlite3';
import type { LogSearch } from '../../shared/model/search.ts';

/** Up to so many matches are counted; counting all of a million would take longer than the search. */
const COUNTED = 1_000;

/**
 * How many rows a query finds: exact up to a thousand; beyond, told from how densely its newest
 * thousand lie, for as far back as the search reaches.
 *
 * @param query selects `log_seq`, newest first, without a LIMIT
 */
export type Estimate = (
  query: string,
  params: readonly unknown[],
  search: Pick<LogSearch, 'from'>,
) => number;

export function createEstimate(db: Database, prepared: (sql: string) => Statement): Estimate {
  const firstSince = db
    .prepare<[number], number>(
      `SELECT log_seq FROM log INDEXED BY log_by_time WHERE created_at >= ?
       ORDER BY created_at, log_seq LIMIT 1`,
    )
    .pluck();

  return (query, params, { from }) => {
    const { n, newest, oldest } = prepared(
      `SELECT count(*) AS n, max(log_seq) AS newest, min(log_seq) AS oldest
       FROM (${query} LIMIT ${COUNTED})`,
    ).get(...params) as { n: number; newest: number; oldest: number };
    if (n < COUNTED) return n;
    const first = (from === null ? null : firstSince.get(from)) ?? 1;
    return Math.max(n, Math.round((n * (newest - first + 1)) / (newest - oldest + 1)));
  };
}
