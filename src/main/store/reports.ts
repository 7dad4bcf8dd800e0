import type { Database } from 'better-sqlite3';
import type { AttemptReport, ReportResult } from '../../shared/model/delivery.ts';
import { transition } from '../../shared/model/transitions.ts';
import type { Certainty, LogStatus, Stage } from '../../shared/model/vocabulary.ts';
import { encodeBody } from './bodies.ts';

interface LogRow {
  log_seq: number;
  status: LogStatus;
  certainty: Certainty | null;
  stage: Stage;
  newest_attempt: number;
  ordering_key: string | null;
}

interface AttemptRow {
  status: LogStatus | null;
  certainty: Certainty | null;
  stage: Stage | null;
}

/** The report on a stamped attempt of which nobody knows what became: the partner may have it. */
export function inDoubt(
  attempt: { logId: string; attempt: number },
  errorKind: 'CRASH' | 'HANDLER',
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
 * @param onTaken told of a log in an ordering key that the partner has, as is known from now on
 */
export function createApplyReport(
  db: Database,
  onTaken: (logSeq: number) => void,
): (report: AttemptReport) => ReportResult {
  const log = db.prepare<[string], LogRow>(
    'SELECT log_seq, status, certainty, stage, newest_attempt, ordering_key FROM log WHERE log_id = ?',
  );
  const attempt = db.prepare<[number, number], AttemptRow>(
    'SELECT status, certainty, stage FROM attempt WHERE log_seq = ? AND number = ?',
  );
  const outcome = db.prepare(
    `UPDATE attempt SET status = ?, certainty = ?, stage = ?, error_kind = ?, error_message = ?,
       end_point = coalesce(?, end_point), request_headers = coalesce(?, request_headers),
       response_status_code = ?, response_headers = ?, response_body = ?, response_body_cut = ?,
       response_time = ?, ended_at = ?
     WHERE log_seq = ? AND number = ?`,
  );
  const attemptStage = db.prepare('UPDATE attempt SET stage = ? WHERE log_seq = ? AND number = ?');
  const follow = db.prepare(
    `UPDATE log SET status = ?, certainty = ?, stage = ?, error_kind = ?, error_message = ?,
       end_point = coalesce(?, end_point), response_status_code = ?, response_time = ?,
       activity_date = ?, updated_at = max(updated_at, ?)
     WHERE log_seq = ?`,
  );
  const logStage = db.prepare(
    'UPDATE log SET stage = ?, updated_at = max(updated_at, ?) WHERE log_seq = ?',
  );
  const textPending = db.prepare('INSERT OR IGNORE INTO text_pending (log_seq) VALUES (?)');

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

    const change = transition(
      {
        status: known.status,
        certainty: known.certainty,
        stage: known.stage,
        newestAttempt: known.newest_attempt,
      },
      made ? { number, ...made } : null,
      report,
    );
    if (!change.attempt && !change.log) return { outcome: 'UNCHANGED', logId };

    const at = report.activityDate;
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
    } else if (change.attempt) {
      attemptStage.run(change.attempt.stage, known.log_seq, number);
    }
    if (change.log) {
      if (change.settlesLog) {
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
          at,
          known.log_seq,
        );
        const { certainty } = change.log;
        const isTaken = certainty === 'ACCEPTED' || certainty === 'COMMITTED';
        if (isTaken && known.ordering_key !== null) onTaken(known.log_seq);
      } else {
        logStage.run(change.log.stage, at, known.log_seq);
      }
    }
    return { outcome: 'APPLIED', logId };
  };
}
