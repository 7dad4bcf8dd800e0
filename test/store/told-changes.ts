import type { Database } from 'better-sqlite3';
import { changesBy } from '../../src/main/store/changes.ts';
import type { Reply, Request } from '../../src/main/store/protocol.ts';

/** What people see of a log at a glance; what else changes with an attempt or a note is in rows of its own. */
const SEEN = [
  'status',
  'certainty',
  'retry_state',
  'retry_count',
  'next_retry_at',
  'held_reason',
  'stage',
  'newest_attempt',
  'revision',
  'resolution',
  'error_kind',
  'response_status_code',
];

/**
 * Of a claimed task that cannot be read the claim's answer says nothing; it is buried, and its log is
 * shown as it stands at the console's next round.
 */
const MAY_BURY = new Set(['claim', 'lease']);

/**
 * Watches which logs each commit of a test's store really changes.
 * @returns a check of a whole commit: throws where a log has changed that its commands do not tell of
 */
export function watchChanges(
  db: Database,
): (requests: readonly Request[], replies: readonly Reply[]) => void {
  const differs = SEEN.map((column) => `OLD.${column} IS NOT NEW.${column}`).join(' OR ');
  const touch = (event: string, seq: string, when = '') =>
    `CREATE TEMP TRIGGER "touched by ${event}" AFTER ${event} ${when}
     BEGIN INSERT OR IGNORE INTO touched VALUES (${seq}); END;`;
  db.exec(`CREATE TEMP TABLE touched (log_seq INTEGER PRIMARY KEY);
    ${touch('INSERT ON log', 'NEW.log_seq')}
    ${touch('UPDATE ON log', 'NEW.log_seq', `WHEN ${differs}`)}
    ${touch('INSERT ON attempt', 'NEW.log_seq')}
    ${touch('UPDATE ON attempt', 'NEW.log_seq')}
    ${touch('INSERT ON activity', 'NEW.log_seq')}`);
  const touched = db
    .prepare<[], string>('SELECT log_id FROM touched JOIN log USING (log_seq)')
    .pluck();
  const forget = db.prepare('DELETE FROM touched');
  return (requests, replies) => {
    const changed = touched.all();
    forget.run();
    if (requests.some(({ name }) => MAY_BURY.has(name))) return;
    const answers = new Map(replies.map((reply) => [reply.id, reply]));
    const told = requests.flatMap(({ id, name, input }) => {
      const reply = answers.get(id);
      return reply?.ok ? changesBy(name, input, reply.value) : [];
    });
    if (told.some(({ kind }) => kind === 'MANY')) return;
    const named = new Set(told.map((change) => (change.kind === 'LOG' ? change.logId : '')));
    const untold = changed.filter((logId) => !named.has(logId));
    if (untold.length === 0) return;
    const names = requests.map(({ name }) => name).join(', ');
    throw new Error(
      `${names} changed ${untold.length} logs that src/main/store/changes.ts does not tell of`,
    );
  };
}
