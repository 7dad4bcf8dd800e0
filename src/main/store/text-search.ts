import type { Database } from 'better-sqlite3';
import type { LogSearch } from '../../shared/model/search.ts';
import type { LogRow } from './directory.ts';
import { and, type Condition, type Cursor } from './search-conditions.ts';
import type { Estimate } from './search-estimate.ts';
import { LOG_TEXT, type LogTextRow, textsOf } from './text-index.ts';
import { holdsAll, matchExpression, wordsOf } from './words.ts';

/** Tail rows read at a time. */
const TAIL_CHUNK = 500;
/** Tail rows read for the sake of the total alone; while deliveries rush in it may be long. */
const TAIL_COUNTED = 5_000;

/** The tail is searched as it stands, so what the index may still hold of it does not count. */
const NOT_IN_TAIL = 'NOT EXISTS (SELECT 1 FROM text_pending p WHERE p.log_seq = log_text.rowid)';

/**
 * Searches words in payload, response and error. The index is filled after the commit, so what is
 * not in it yet (made or settled lately) is read and searched as it stands; the two are
 * merged. In the order of acceptance, newest first.
 */
export function createTextSearch(
  db: Database,
  logRows: (sql: string, params: unknown[]) => LogRow[],
  estimate: Estimate,
) {
  const text = db.prepare<[number], LogTextRow>(LOG_TEXT);

  /** What is not indexed yet, newest first, a chunk at a time. */
  function* tailSeqs({ where, params }: Condition, below: number): Generator<number> {
    const sql = `SELECT waiting.log_seq FROM text_pending waiting
       CROSS JOIN log ON log.log_seq = waiting.log_seq
       WHERE ${and([...where, 'waiting.log_seq < ?'])} ORDER BY waiting.log_seq DESC LIMIT ${TAIL_CHUNK}`;
    for (let last = below; ; ) {
      const chunk = logRows(sql, [...params, last]);
      for (const { log_seq: seq } of chunk) yield seq;
      const oldest = chunk.at(-1);
      if (!oldest || chunk.length < TAIL_CHUNK) return;
      last = oldest.log_seq;
    }
  }

  return (
    search: LogSearch,
    query: string,
    condition: Condition,
    cursor: Cursor | null,
  ): { rows: LogRow[]; total: number } => {
    const words = wordsOf(query);
    // Nothing but punctuation: no log holds it as a word.
    if (words.length === 0) return { rows: [], total: 0 };
    const match = matchExpression(words);
    const below = cursor?.seq ?? Number.MAX_SAFE_INTEGER;

    const tail: LogRow[] = [];
    let inTail = 0;
    let read = 0;
    // Row by row, so that a long tail costs no memory; once the page is full it is only counted.
    for (const seq of tailSeqs(condition, below)) {
      const isFull = tail.length > search.limit;
      if (isFull && (cursor !== null || read >= TAIL_COUNTED)) break;
      read++;
      const texts = text.get(seq);
      if (!texts || !holdsAll(textsOf(texts).join(' '), words)) continue;
      inTail++;
      if (!isFull) tail.push(...logRows('SELECT * FROM log WHERE log_seq = ?', [seq]));
    }

    const from = 'log_text CROSS JOIN log ON log.log_seq = log_text.rowid';
    const conditions = ['log_text MATCH ?', ...condition.where, NOT_IN_TAIL];
    const indexed = logRows(
      `SELECT log.* FROM ${from} WHERE ${and([...conditions, 'log_text.rowid < ?'])}
       ORDER BY log_text.rowid DESC LIMIT ?`,
      [match, ...condition.params, below, search.limit + 1],
    );
    const total =
      cursor?.total ??
      inTail +
        estimate(
          `SELECT log_text.rowid AS log_seq FROM ${from} WHERE ${and(conditions)}
           ORDER BY log_text.rowid DESC`,
          [match, ...condition.params],
          search,
        );
    return { rows: [...tail, ...indexed].sort((a, b) => b.log_seq - a.log_seq), total };
  };
}
