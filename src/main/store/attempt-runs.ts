import type { Database } from 'better-sqlite3';

/** What a folded probe met. */
interface Met {
  error_kind: string;
  response_status_code: number | null;
}

interface FoldedRow {
  activity_id: number;
  first: number;
  last: number;
}

/**
 * Keeps the attempts of a log few that waits for long: a probe goes every 15 s, over a weekend more
 * than ten thousand. Of probes in a row that met the same the newest is kept, and one note in the
 * log's activity says how many there were. The first attempt of a log is no probe and always stays, and so
 * does one that used up a step of the schedule (whose note of what it was made of does not say `waited`).
 */
export function createFoldRun(
  db: Database,
): (attempt: { logSeq: number; number: number; at: number }) => void {
  const former = db.prepare<[{ logSeq: number; number: number }], Met>(
    `DELETE FROM attempt WHERE log_seq = @logSeq AND number = @number - 1
         AND kind = 'AUTO' AND certainty IN ('NOT_SENT', 'REFUSED_RETRYABLE')
         AND (retry IS NULL OR json_extract(retry, '$.waited') = 1)
         AND EXISTS (SELECT 1 FROM attempt n WHERE n.log_seq = @logSeq AND n.number = @number
           AND n.kind = 'AUTO' AND n.certainty = attempt.certainty
           AND n.error_kind = attempt.error_kind
           AND n.response_status_code IS attempt.response_status_code
           AND n.revision = attempt.revision AND n.config_version = attempt.config_version)
       RETURNING error_kind, response_status_code`,
  );
  const newestNote = db.prepare<[number], FoldedRow>(
    `SELECT activity_id, json_extract(detail, '$.first') AS first,
       json_extract(detail, '$.last') AS last
     FROM activity WHERE log_seq = ? AND kind = 'PROBES_FOLDED' ORDER BY activity_id DESC LIMIT 1`,
  );
  const add = db.prepare<[number, number, string, string]>(
    `INSERT INTO activity (log_seq, at, actor, kind, note, detail)
     VALUES (?, ?, 'LabRelay', 'PROBES_FOLDED', ?, ?)`,
  );
  const goOn = db.prepare<[number, string, string, number]>(
    'UPDATE activity SET at = ?, note = ?, detail = ? WHERE activity_id = ?',
  );

  return ({ logSeq, number, at }) => {
    const met = former.get({ logSeq, number });
    if (met === undefined) return;
    const last = number - 1;
    const known = newestNote.get(logSeq);
    const isSameRun = known !== undefined && known.last === last - 1;
    const first = isSameRun ? known.first : last;
    const note = noteOf(first, last, met);
    const code = met.response_status_code;
    const detail = JSON.stringify({
      first,
      last,
      error_kind: met.error_kind,
      ...(code === null ? {} : { response_status_code: code }),
    });
    if (isSameRun) goOn.run(at, note, detail, known.activity_id);
    else add.run(logSeq, at, note, detail);
  };
}

function noteOf(first: number, last: number, { error_kind, response_status_code }: Met): string {
  const those =
    first === last
      ? `Attempt ${first} ended like the one after it`
      : `Attempts ${first} to ${last} (${last - first + 1}) ended like the one after them`;
  const what =
    response_status_code === null
      ? `nothing was sent (${error_kind})`
      : `the partner refused it for now (${response_status_code})`;
  return `${those}: ${what}. Only the newest is kept.`;
}
