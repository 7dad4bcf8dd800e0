import type { Database } from 'better-sqlite3';
import { decodeBody, decodeBodyOrNull, type StoredBody } from './bodies.ts';
import { fold } from './words.ts';

/** How much of each text is indexed (UTF-16 units); a longer one is found by its beginning. */
const INDEXED_LENGTH = 65_536;

/**
 * A log's searchable text: of a delivery what was last sent and answered, of a call into the lab,
 * which has neither revisions nor attempts, what it brought and was answered.
 */
export const LOG_TEXT = `
SELECT l.log_seq, l.error_message,
  coalesce(
    (SELECT r.body FROM revision r WHERE r.log_seq = l.log_seq ORDER BY r.number DESC LIMIT 1),
    (SELECT c.request_body FROM inbound_call c WHERE c.log_seq = l.log_seq)) AS body,
  coalesce(
    (SELECT a.response_body FROM attempt a WHERE a.log_seq = l.log_seq ORDER BY a.number DESC LIMIT 1),
    (SELECT c.response_body FROM inbound_call c WHERE c.log_seq = l.log_seq)) AS response_body
FROM log l WHERE l.log_seq = ?`;

/** A row of {@link LOG_TEXT}. */
export interface LogTextRow {
  log_seq: number;
  error_message: string | null;
  body: StoredBody | null;
  response_body: StoredBody | null;
}

/** The three searchable texts of a log: payload, response, error. */
export function textsOf(row: LogTextRow): [string, string, string] {
  return [
    row.body === null ? '' : searchable(decodeBody(row.body)),
    searchable(decodeBodyOrNull(row.response_body) ?? ''),
    row.error_message ?? '',
  ];
}

/** An escape inside a JSON string (RFC 8259, 7). */
const ESCAPE = /\\(?:u([0-9a-f]{4})|(.))/gi;

/**
 * A body's beginning, as its words are read by people: in JSON `two\nlines` is not the word
 * "nlines", and `Jos\u00e9` is a name.
 */
function searchable(body: string): string {
  const text = body.slice(0, INDEXED_LENGTH);
  if (!text.includes('\\') || !/^\s*[{["]/.test(text)) return text;
  return text.replaceAll(ESCAPE, (_, code: string | undefined, letter: string) => {
    if (code !== undefined) return String.fromCharCode(Number.parseInt(code, 16));
    return 'bfnrt'.includes(letter) ? ' ' : letter;
  });
}

/** Fills the text index from `text_pending`, a batch at a time, after the deliveries' own commits. */
export function createTextIndexCommands(db: Database) {
  const pending = db
    .prepare<[number], number>('SELECT log_seq FROM text_pending ORDER BY log_seq LIMIT ?')
    .pluck();
  const text = db.prepare<[number], LogTextRow>(LOG_TEXT);
  const put = db.prepare(
    'INSERT OR REPLACE INTO log_text (rowid, payload, response, error) VALUES (?, ?, ?, ?)',
  );
  const done = db.prepare('DELETE FROM text_pending WHERE log_seq = ?');

  return {
    indexText(limit: number): number {
      const seqs = pending.all(limit);
      for (const seq of seqs) {
        const row = text.get(seq);
        if (row) put.run(seq, ...textsOf(row).map(fold));
        done.run(seq);
      }
      return seqs.length;
    },
  };
}
