import type { Database } from 'better-sqlite3';
import { isTaken } from '../../shared/model/certainty.ts';
import type { AttemptReport, ReportResult } from '../../shared/model/delivery.ts';
import type { KeyWentOn } from '../../shared/model/ordering.ts';
import type { ScheduleStep } from '../../shared/model/retry.ts';
import { transition } from '../../shared/model/transitions.ts';
import type { Certainty, LogStatus, Stage } from '../../shared/model/vocabulary.ts';
import { encodeBody } from './bodies.ts';
import type { TakenLog } from './taken.ts';
import { createNoteOutcome, type KnownOutcome } from './outcome-notes.ts';

interface LogRow {
  log_seq: number;
  status: LogStatus;
  certainty: Certainty | null;
  stage: Stage;
  newest_attempt: number;
  created_at: number;
  resolved_at: number | null;
  ordering_key: string | null;
}

interface AttemptRow extends KnownOutcome {
  stage: Stage | null;
  revision: number;
  started_at: number;
  ended_at: number | null;
}

/** The report on a stamped attempt of which nobody knows what became: the partner may have it. */
export function inDoubt(
  attempt: { logId: string; attempt: number },
  errorKind: 'CRASH' | 'HANDLER' | 'LEASE_EXPIRED',
  errorMessage: string,
  at: number,
): AttemptReport {
  return {
    ...attempt,
    status: 'FAIL',
    certainty: 'UNKNOWN',
    stage: 'REPORTED',
    errorKind,
    errorMessage,
    endPoint: null,
    requestHeaders: null,
    responseStatusCode: null,
    responseHeaders: null,
    responseBody: null,
    responseBodyCut: false,
    responseTime: null,
    activityDate: at,
  };
}

/**
 * Applies one report to its attempt and log, inside the caller's transaction. Everything that
 * becomes of a delivery comes through here, whoever reports it, so that all reporters give the
 * same log documents.
 *
 * @param onTaken told of what the partner has, or wants unseen, where more than the attempt's own task hangs on it; it
 *   tells what may go on for that
 * @param onFailedLate told of a failure that takes the place of what was known to be the outcome; it
 *   tells what the log's schedule makes of it
 */
export function createApplyReport(
  db: Database,
  onTaken: (log: TakenLog) => KeyWentOn | null,
  onFailedLate: (logSeq: number, at: number) => ScheduleStep | null,
): (report: AttemptReport) => ReportResult {
  const log = db.prepare<[string], LogRow>(
    `SELECT log_seq, status, certainty, stage, newest_attempt, created_at, resolved_at, ordering_key
     FROM log WHERE log_id = ?`,
  );
  const attempt = db.prepare<[number, number], AttemptRow>(
    `SELECT status, certainty, stage, response_status_code, error_kind, revision, started_at, ended_at
     FROM attempt WHERE log_seq = ? AND number = ?`,
  );
  // Where an attempt went is what it was stamped with, whatever a report says of it.
  const outcome = db.prepare(
    `UPDATE attempt SET status = ?, certainty = ?, stage = ?, error_kind = ?, error_message = ?,
       end_point = coalesce(nullif(end_point, ''), ?), request_headers = coalesce(?, request_headers),
       response_status_code = ?, response_headers = ?, response_body = ?, response_body_cut = ?,
       response_time = ?, ended_at = ?
     WHERE log_seq = ? AND number = ?`,
  );
  const attemptStage = db.prepare('UPDATE attempt SET stage = ? WHERE log_seq = ? AND number = ?');
  // A signal that settles the log takes the place of an operator's word; the activity keeps that.
  const follow = db.prepare(
    `UPDATE log SET status = ?, certainty = ?, stage = ?, error_kind = ?, error_message = ?,
       end_point = coalesce(nullif(end_point, ''), ?), response_status_code = ?, response_time = ?,
       activity_date = ?, updated_at = max(updated_at, ?), resolution = NULL, resolved_at = NULL
     WHERE log_seq = ?`,
  );
  const logStage = db.prepare(
    'UPDATE log SET stage = ?, updated_at = max(updated_at, ?) WHERE log_seq = ?',
  );
  const textPending = db.prepare('INSERT OR IGNORE INTO text_pending (log_seq) VALUES (?)');

  const noteOutcome = createNoteOutcome(db);

  return (report) => {
    const { logId } = report;
    const known = log.get(logId);
    if (!known) return { outcome: 'UNKNOWN_LOG', logId };
    const number = report.attempt ?? known.newest_attempt;
    const made = attempt.get(known.log_seq, number);
    // A stage may be told of a log that no attempt was made for yet; an outcome may not.
    if (!made && (report.attempt !== null || report.status !== null)) {
      return { outcome: 'UNKNOWN_ATTEMPT', logId };
    }

    const isOlder = number < known.newest_attempt;
    // Our own workers report on the newest, which is known to have its own body.
    const isNewestBody =
      !isOlder || attempt.get(known.log_seq, known.newest_attempt)?.revision === made?.revision;

    const change = transition(
      {
        status: known.status,
        certainty: known.certainty,
        stage: known.stage,
        newestAttempt: known.newest_attempt,
        isResolved: known.resolved_at !== null && (!made || made.started_at <= known.resolved_at),
      },
      made ? { ...made, number, endedAt: made.ended_at, isNewestBody } : null,
      {
        status: report.status,
        certainty: report.certainty,
        stage: report.stage,
        at: report.activityDate,
      },
    );
    if (!change.attempt && !change.log) return { outcome: 'UNCHANGED', logId };

    const at = timeOf(report, made?.started_at ?? known.created_at);
    const changedAt = report.receivedAt ?? at;
    if (change.attempt && change.settlesAttempt) {
      outcome.run(
        change.attempt.status,
        change.attempt.certainty,
        change.attempt.stage,
        report.errorKind,
        report.errorMessage,
        report.endPoint,
        report.requestHeaders && JSON.stringify(report.requestHeaders),
        report.responseStatusCode,
        report.responseHeaders && JSON.stringify(report.responseHeaders),
        report.responseBody === null ? null : encodeBody(report.responseBody),
        report.responseBodyCut ? 1 : 0,
        report.responseTime,
        at,
        known.log_seq,
        number,
      );
      textPending.run(known.log_seq);
      if (made) noteOutcome({ logSeq: known.log_seq, number }, made, report, changedAt);
    } else if (change.attempt) {
      attemptStage.run(change.attempt.stage, known.log_seq, number);
    }
    if (change.log && change.settlesLog) {
      follow.run(
        change.log.status,
        change.log.certainty,
        change.log.stage,
        report.errorKind,
        report.errorMessage,
        report.endPoint,
        report.responseStatusCode,
        report.responseTime,
        at,
        changedAt,
        known.log_seq,
      );
      const isAccepted = isTaken(change.log.certainty);
      // What the partner wants unseen is not tried again, whatever it has.
      if (isAccepted || change.log.status === 'SUPPRESSED') {
        const isOrdered = known.ordering_key !== null && isAccepted;
        // An attempt without an outcome is under way: the log's task is its own, and ends by itself.
        const isLate = !made || made.status !== null || isOlder;
        const wentOn =
          isOrdered || isLate
            ? onTaken({
                logSeq: known.log_seq,
                revision: made?.revision ?? null,
                isTaken: isAccepted,
                isOrdered,
                isLate,
                at: changedAt,
              })
            : null;
        if (wentOn) return { outcome: 'APPLIED', logId, wentOn };
      } else if (change.log.status === 'FAIL' && made && made.status !== null) {
        const retry = onFailedLate(known.log_seq, changedAt);
        if (retry) return { outcome: 'APPLIED', logId, retry };
      }
    } else {
      // Of an older attempt's outcome the log shows the time of the change alone.
      logStage.run(change.log?.stage ?? known.stage, changedAt, known.log_seq);
    }
    return { outcome: 'APPLIED', logId };
  };
}

/**
 * When a report happened. Nothing can have become of an attempt before it began: a reporter that
 * says so has a wrong clock, and the report counts from when it came.
 *
 * @param earliest when the attempt began, or the log where none was made
 */
function timeOf({ activityDate, receivedAt }: AttemptReport, earliest: number): number {
  return activityDate >= earliest ? activityDate : Math.max(receivedAt ?? activityDate, earliest);
}
