import type { Database, Statement } from 'better-sqlite3';
import { fieldError } from '../../shared/errors.ts';
import type { LogPage, LogSearch } from '../../shared/model/search.ts';
import { type LogRow, logSummary } from './directory.ts';
import { createEndpointWaits } from './endpoint-waits.ts';
import {
  and,
  chooseWalk,
  conditionOf,
  type Cursor,
  source,
  statusLanes,
} from './search-conditions.ts';
import { createEstimate } from './search-estimate.ts';
import { snapshot } from './snapshot.ts';
import { createTextSearch } from './text-search.ts';
import { createWaits } from './waits.ts';

/**
 * Finds logs, newest first, by keyset pages. The index to walk is chosen here, by what narrows most,
 * since one lab's store gives the planner no statistics worth having.
 */
export function createSearchQueries(db: Database) {
  const statements = new Map<string, Statement>();
  const prepared = (sql: string): Statement => {
    const known = statements.get(sql);
    if (known) return known;
    const statement = db.prepare(sql);
    // Searches differ in which filters they have, which is a small number of texts.
    if (statements.size > 500) statements.clear();
    statements.set(sql, statement);
    return statement;
  };
  const waits = createWaits(db);
  const withWait = createEndpointWaits(db);
  const estimate = createEstimate(db, prepared);
  const searchText = createTextSearch(db, logRows, estimate);

  function logRows(sql: string, params: unknown[]): LogRow[] {
    return prepared(sql).all(...params) as LogRow[];
  }

  function list(search: LogSearch, cursor: Cursor | null): { rows: LogRow[]; total: number } {
    const walk = chooseWalk(search);
    const page: LogRow[] = [];
    let total = 0;
    for (const lane of statusLanes(walk, search)) {
      const condition = conditionOf({ ...search, status: lane });
      const from = source(walk);
      if (cursor === null) {
        total += estimate(
          `SELECT log.log_seq FROM ${from} WHERE ${and(condition.where)}
           ORDER BY log.created_at DESC, log.log_seq DESC`,
          condition.params,
          search,
        );
      }
      if (cursor !== null) {
        condition.where.push('(log.created_at, log.log_seq) < (?, ?)');
        condition.params.push(cursor.createdAt, cursor.seq);
      }
      page.push(
        ...logRows(
          `SELECT log.* FROM ${from} WHERE ${and(condition.where)}
           ORDER BY log.created_at DESC, log.log_seq DESC LIMIT ?`,
          [...condition.params, search.limit + 1],
        ),
      );
    }
    page.sort((a, b) => b.created_at - a.created_at || b.log_seq - a.log_seq);
    return { rows: page, total: cursor?.total ?? total };
  }

  return {
    // One snapshot: a log that changes its status between two lanes would be listed twice, or never.
    searchLogs: snapshot(db, (search: LogSearch): LogPage => {
      const cursor = search.cursor === null ? null : decodeCursor(search.cursor);
      const { rows, total } =
        search.text === null
          ? list(search, cursor)
          : searchText(search, search.text, conditionOf(search), cursor);
      const shown = rows.slice(0, search.limit);
      const last = shown.at(-1);
      return {
        items: shown.map((row) => ({ ...logSummary(withWait(row)), ...waits(row) })),
        nextCursor:
          rows.length > search.limit && last
            ? encodeCursor({ createdAt: last.created_at, seq: last.log_seq, total })
            : null,
        totalEstimate: total,
      };
    }),
  };
}

function encodeCursor({ createdAt, seq, total }: Cursor): string {
  return Buffer.from(`${createdAt}.${seq}.${total}`).toString('base64url');
}

function decodeCursor(text: string): Cursor {
  const match = /^(\d{1,15})\.(\d{1,15})\.(\d{1,15})$/.exec(
    Buffer.from(text, 'base64url').toString('latin1'),
  );
  if (!match) {
    throw fieldError(
      'INVALID_INPUT',
      'cursor',
      'is not one that a search answered; leave it out to start from the newest',
    );
  }
  return { createdAt: Number(match[1]), seq: Number(match[2]), total: Number(match[3]) };
}
