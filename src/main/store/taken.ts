import type { Database } from 'better-sqlite3';
import type { KeyWentOn } from '../../shared/model/ordering.ts';
import { liftHoldOf } from './order-commands.ts';
import type { Ordering } from './ordering.ts';
import type { Tasks } from './tasks.ts';

/** A log that the partner has, or wants unseen, as is known from now on. */
export interface TakenLog {
  logSeq: number;
  /** It has it; otherwise only what the schedule had in mind ends. */
  isTaken: boolean;
  /** Which of its bodies; null: no attempt tells. */
  revision: number | null;
  isOrdered: boolean;
  /** The outcome of the attempt was known, or none was under way: a task of the log is another one. */
  isLate: boolean;
  /** When it was told (epoch ms). */
  at: number;
}

/**
 * What follows once it is known that the partner has a message: what is still queued of it is not
 * sent again, unless it is a correction of what the partner has, and those of its ordering key go on.
 * An attempt that is stamped may have left already;
 * it ends by itself. The function tells what of the key has become ready so.
 */
export function createOnTaken(
  db: Database,
  tasks: Tasks,
  ordering: Ordering,
): (log: TakenLog) => KeyWentOn | null {
  const unsent = db
    .prepare<[{ logSeq: number; revision: number | null; taken: number }], number>(
      `SELECT task_id FROM task WHERE log_seq = @logSeq AND stamped_at IS NULL
         AND (@revision IS NULL OR revision = @revision) AND (@taken = 1 OR kind = 'AUTO')`,
    )
    .pluck();
  const waitsNoMore = db.prepare<[number]>(
    `UPDATE log SET retry_state = 'NONE', next_retry_at = NULL, held_reason = NULL WHERE log_seq = ?`,
  );

  const notGivenUp = db.prepare<[number]>(
    `UPDATE log SET retry_state = 'NONE' WHERE log_seq = ? AND retry_state = 'EXHAUSTED'`,
  );

  return ({ logSeq, isTaken, revision, isOrdered, isLate, at }) => {
    const taken = isTaken ? 1 : 0;
    const taskId = isLate ? unsent.get({ logSeq, revision, taken }) : undefined;
    let wentOn: KeyWentOn | null = null;
    if (taskId !== undefined) {
      wentOn = tasks.end(taskId, at)?.wentOn ?? null;
      waitsNoMore.run(logSeq);
    } else if (isLate) {
      notGivenUp.run(logSeq);
    }
    return (isOrdered ? liftHoldOf(ordering, logSeq) : null) ?? wentOn;
  };
}
