import Database from 'better-sqlite3';
import { decodeBody, type StoredBody } from '../../src/main/store/bodies.ts';
import { storeFile } from '../../src/main/store/store.ts';
import type { Certainty, ErrorKind, LogStatus } from '../../src/shared/model/vocabulary.ts';

/** An event as it was kept. */
export interface KeptEvent {
  eventId: string;
  /** The event's document, as JSON text. */
  document: string;
  /** The `log_ids` of its answer. */
  answered: string[];
  /** Its logs. */
  logIds: string[];
}

/** A delivery's log with what stands in the queues for it. */
export interface KeptLog {
  logId: string;
  /** The call that has fired it. */
  triggeredBy: string | null;
  status: LogStatus;
  certainty: Certainty | null;
  errorKind: ErrorKind | null;
  attempts: number;
  taskState: string | null;
  /** Whether the open task's attempt was stamped: bytes may have left. */
  isStamped: boolean;
  /** Cause of its entry in the failed-task queue that nobody has queued once more. */
  failedCause: string | null;
}

const LOGS = `
SELECT l.log_id AS logId, l.triggered_by AS triggeredBy, l.status, l.certainty, l.error_kind AS errorKind,
  (SELECT count(*) FROM attempt a WHERE a.log_seq = l.log_seq) AS attempts,
  t.state AS taskState, t.stamped_at IS NOT NULL AS isStamped,
  (SELECT f.cause FROM failed_task f
   WHERE f.log_seq = l.log_seq AND f.requeued_at IS NULL) AS failedCause
FROM log l LEFT JOIN task t ON t.log_seq = l.log_seq WHERE l.direction = 'OUTBOUND'`;

/**
 * What is committed in a data folder, read past the engine by SQLite itself and without a write:
 * neither an engine's memory nor what a restarted one would make of it has a say here.
 */
export class Ledger {
  readonly #db: Database.Database;

  constructor(dataFolder: string) {
    this.#db = new Database(storeFile(dataFolder), { readonly: true });
  }

  /** `ok`, or what is damaged. */
  integrity(check: 'quick_check' | 'integrity_check'): unknown {
    return this.#db.pragma(check, { simple: true });
  }

  /** Logs without an outcome that nothing will ever deliver. */
  forgottenLogs(): string[] {
    return this.#db
      .prepare<[], string>(
        `SELECT log_id FROM log l WHERE status = 'PENDING'
           AND NOT EXISTS (SELECT 1 FROM task t WHERE t.log_seq = l.log_seq)`,
      )
      .pluck()
      .all();
  }

  /** Those of the ids that have no log. */
  missing(logIds: Iterable<string>): string[] {
    const find = this.#db.prepare('SELECT 1 FROM log WHERE log_id = ?').pluck();
    return [...logIds].filter((id) => find.get(id) === undefined);
  }

  /** Logs whose attempt was stamped and has no outcome yet. */
  inDoubt(): string[] {
    return this.#db
      .prepare<[], string>(
        `SELECT l.log_id FROM task t JOIN log l ON l.log_seq = t.log_seq
         WHERE t.state = 'CLAIMED' AND t.stamped_at IS NOT NULL`,
      )
      .pluck()
      .all();
  }

  /** Tasks of any state. */
  openTasks(): number {
    return this.#db.prepare<[], number>('SELECT count(*) FROM task').pluck().get() ?? 0;
  }

  logs(): KeptLog[] {
    return this.#db
      .prepare<[], Omit<KeptLog, 'isStamped'> & { isStamped: number }>(LOGS)
      .all()
      .map((row) => ({ ...row, isStamped: row.isStamped === 1 }));
  }

  /** The log_ids of calls into the lab that were answered as asked. */
  calls(): string[] {
    return this.#db
      .prepare<[], string>(
        `SELECT l.log_id FROM log l JOIN inbound_call c ON c.log_seq = l.log_seq
         WHERE l.direction = 'INBOUND' AND l.status = 'SUCCESS'`,
      )
      .pluck()
      .all();
  }

  events(): KeptEvent[] {
    const logIds = this.#db
      .prepare<[string], string>(
        "SELECT log_id FROM log WHERE event_id = ? AND direction = 'OUTBOUND'",
      )
      .pluck();
    return this.#db
      .prepare<[], { event_id: string; document: StoredBody; answer: string }>(
        'SELECT event_id, document, answer FROM event',
      )
      .all()
      .map(({ event_id, document, answer }) => ({
        eventId: event_id,
        document: decodeBody(document),
        answered: (JSON.parse(answer) as { log_ids: string[] }).log_ids,
        logIds: logIds.all(event_id),
      }));
  }

  close(): void {
    this.#db.close();
  }
}

/** Reads a data folder's ledger, and lets go of the file. */
export function readLedger<T>(dataFolder: string, read: (ledger: Ledger) => T): T {
  const ledger = new Ledger(dataFolder);
  try {
    return read(ledger);
  } finally {
    ledger.close();
  }
}
