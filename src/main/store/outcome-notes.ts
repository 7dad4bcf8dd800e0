import type { Database } from 'better-sqlite3';
import type { AttemptReport } from '../../shared/model/delivery.ts';
import type { Certainty, ErrorKind, LogStatus } from '../../shared/model/vocabulary.ts';

/** Who is named where our own worker's report changed an outcome. */
const OWN_WORKER = 'LabRelay';

/** An outcome as far as it outlives the one that replaces it. */
export interface KnownOutcome {
  status: LogStatus | null;
  certainty: Certainty | null;
  response_status_code: number | null;
  error_kind: ErrorKind | null;
}

/**
 * Notes in a log's activity who changed an outcome that was known, and what it was: the attempt
 * itself keeps the newest alone. An attempt that had no outcome yet needs no note.
 */
export function createNoteOutcome(
  db: Database,
): (
  attempt: { logSeq: number; number: number },
  known: KnownOutcome,
  report: AttemptReport,
  at: number,
) => void {
  const note = db.prepare(
    `INSERT INTO activity (log_seq, at, actor, kind, note, detail)
     VALUES (?, ?, ?, 'OUTCOME_CHANGED', ?, ?)`,
  );
  return ({ logSeq, number }, known, report, at) => {
    if (known.status === null || known.status === 'PENDING') return;
    const { status, certainty, response_status_code, error_kind } = known;
    const from = { status, certainty, response_status_code, error_kind };
    const to: KnownOutcome = {
      status: report.status,
      certainty: report.certainty,
      response_status_code: report.responseStatusCode,
      error_kind: report.errorKind,
    };
    note.run(
      logSeq,
      at,
      report.reporter ?? OWN_WORKER,
      `The outcome of attempt ${number} was ${inWords(from)} and is now ${inWords(to)}.`,
      JSON.stringify({ attempt: number, from, to }),
    );
  };
}

/** `FAIL (REFUSED, 422)` */
function inWords({ status, certainty, response_status_code, error_kind }: KnownOutcome): string {
  const facts = [certainty, response_status_code ?? error_kind].filter((fact) => fact !== null);
  return facts.length === 0 ? String(status) : `${status} (${facts.join(', ')})`;
}
