import type { Certainty, LogStatus, Stage } from './vocabulary.ts';
import { STAGES } from './vocabulary.ts';

/** What a report says, or what is known of an attempt; `status` null or `PENDING`: no outcome. */
export interface ReportedState {
  status: LogStatus | null;
  certainty: Certainty | null;
  stage: Stage | null;
}

/** A report, and when it happened as its reporter says (epoch ms). */
export interface TimedReport extends ReportedState {
  at: number;
}

/** What is known of an attempt before a report is applied to it. */
export interface AttemptState extends ReportedState {
  number: number;
  /** When its outcome happened (epoch ms); null where it has none. */
  endedAt: number | null;
  /** It sent the body that the newest attempt did; an earlier one may have been corrected since. */
  isNewestBody: boolean;
}

/** What is known of the log. */
export interface LogState {
  status: LogStatus;
  certainty: Certainty | null;
  stage: Stage;
  /** The number of its newest attempt; 0 where none was made. */
  newestAttempt: number;
  /** An operator has closed it by hand, and the report is on an attempt that was made before. */
  isResolved: boolean;
}

/** What is to be written. */
export interface Transition {
  /** The attempt's new state; null where it stays as it is. */
  attempt: ReportedState | null;
  /** The log's new state; null where it stays as it is. */
  log: { status: LogStatus; certainty: Certainty | null; stage: Stage } | null;
  /** The report is the attempt's outcome: code, body and error are the attempt's from now on. */
  settlesAttempt: boolean;
  /** The report is the log's outcome too; false where only its stage moves, if anything. */
  settlesLog: boolean;
}

/**
 * How strong a signal a status is. An equal or weaker one never replaces what is known, which makes
 * repeats harmless and lets a late confirmation still settle an unknown outcome, while a late
 * failure takes back nothing. "Handed on" is stronger than a failure that tells nothing of the
 * receiver; the receiver's own refusal of what was handed on (AE after CA) is stronger still.
 */
function strength(status: LogStatus | null, certainty: Certainty | null): number {
  switch (status) {
    case null:
    case 'PENDING':
      return 0;
    case 'FAIL':
      return certainty === 'REFUSED' || certainty === 'REFUSED_RETRYABLE' ? 3 : 1;
    case 'QUEUED':
      return 2;
    case 'SUPPRESSED':
    case 'SUCCESS':
      return 4;
  }
}

type Outcome = Pick<ReportedState, 'status' | 'certainty'>;

/** Whether the receiver says that it has the message, hidden or not. */
function isAcceptance({ status, certainty }: Outcome): boolean {
  return certainty === 'ACCEPTED' && (status === 'SUCCESS' || status === 'SUPPRESSED');
}

/** Whether an outcome tells what became of the message; the others wait for a word, however late. */
function isDefinite({ certainty }: Outcome): boolean {
  switch (certainty) {
    case null:
    case 'UNKNOWN':
    case 'COMMITTED':
      return false;
    case 'NOT_SENT':
    case 'REFUSED_RETRYABLE':
    case 'REFUSED':
    case 'ACCEPTED':
      return true;
  }
}

/** Whether a report is older than what is known, and what is known is definite. */
function comesTooLate(report: TimedReport, known: AttemptState | null): boolean {
  return known !== null && known.endedAt !== null && report.at < known.endedAt && isDefinite(known);
}

/** Whether a report replaces what is known; one failure never does another, whose certainty stands. */
function replaces(report: Outcome, known: Outcome): boolean {
  if (report.status === 'FAIL' && known.status === 'FAIL') return false;
  return strength(report.status, report.certainty) > strength(known.status, known.certainty);
}

/**
 * The log's one state machine. A report settles its attempt if it is a stronger signal than what
 * the attempt holds, and not older than a definite outcome; the log follows its newest attempt, except
 * that acceptance is never taken back by the failure of a re-send, that acceptance of an earlier attempt
 * counts where the same body was only sent again since, whatever became of that, and that a log closed
 * by hand follows acceptance alone. Acceptance of what was corrected since says nothing of the
 * correction. Stages move forward only, whatever else a report changes.
 *
 * @param attempt the attempt that is reported on; null where none was made
 */
export function transition(
  log: LogState,
  attempt: AttemptState | null,
  report: TimedReport,
): Transition {
  const settlesAttempt = replaces(report, attempt ?? log) && !comesTooLate(report, attempt);
  const isNewest = attempt === null || attempt.number >= log.newestAttempt;
  const isLateAcceptance =
    attempt?.isNewestBody === true && isAcceptance(report) && !isAcceptance(log);
  const takesBackAcceptance =
    (log.status === 'SUCCESS' && report.status !== 'SUCCESS') ||
    (isAcceptance(log) && !isAcceptance(report));
  // People asked the receiver; only the receiver's own acceptance says more than they do.
  const contradictsPeople = log.isResolved && report.certainty !== 'ACCEPTED';
  const speaksForLog = (isNewest || isLateAcceptance) && !takesBackAcceptance && !contradictsPeople;
  const settlesLog = settlesAttempt && speaksForLog;

  const attemptStage = attempt && laterStage(attempt.stage, report.stage);
  const logStage = laterStage(log.stage, report.stage);
  return {
    attempt:
      attempt && (settlesAttempt || attemptStage !== attempt.stage)
        ? stateOf(settlesAttempt ? report : attempt, attemptStage)
        : null,
    log:
      report.status !== null && settlesLog
        ? { status: report.status, certainty: report.certainty, stage: logStage }
        : logStage !== log.stage
          ? { status: log.status, certainty: log.certainty, stage: logStage }
          : null,
    settlesAttempt: settlesAttempt && attempt !== null,
    settlesLog,
  };
}

function stateOf({ status, certainty }: ReportedState, stage: Stage | null): ReportedState {
  return { status, certainty, stage };
}

/** The stage that is further along; stages only move forward. */
function laterStage<S extends Stage | null>(known: S, told: Stage | null): S | Stage {
  if (told === null) return known;
  return known === null || STAGES.indexOf(told) > STAGES.indexOf(known) ? told : known;
}
