import type { Database } from 'better-sqlite3';

interface FoldedRow {
  activity_id: number;
  first: number;
  last: number;
}

/**
 * Keeps the attempts of a log few that waits for long: a probe goes every 15 s, over a weekend more
 * than ten thousand. Of probes in a row that met the same the newest is kept, and one note in the
 * log's activity says how many there were. The first attempt of a log is no probe and always stays.
 */
export function createFoldRun(
  db: Database,
): (attempt: { logSeq: number; number: number; at: number }) => void {
  const former = db
    .prepare<[{ logSeq: number; number: number }], string>(
      `DELETE FROM attempt WHERE log_seq = @logSeq AND number = @number - 1
         AND kind = 'AUTO' AND certainty = 'NOT_SENT'
         AND EXISTS (SELECT 1 FROM attempt n WHERE n.log_seq = @logSeq AND n.number = @number
           AND n.kind = 'AUTO' AND n.certainty = 'NOT_SENT' AND n.error_kind = attempt.error_kind
           AND n.config_version = attempt.config_version)
       RETURNING error_kind`,
    )
    .pluck();
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
    const errorKind = former.get({ logSeq, number });
    if (errorKind === undefined) return;
    const last = number - 1;
    const known = newestNote.get(logSeq);
    const isSameRun = known !== undefined && known.last === last - 1;
    const first = isSameRun ? known.first : last;
    const note = noteOf(first, last, errorKind);
    const detail = JSON.stringify({ first, last, error_kind: errorKind });
    if (isSameRun) goOn.run(at, note, detail, known.activity_id);
    else add.run(logSeq, at, note, detail);
  };
}

function noteOf(first: number, last: number, errorKind: string): string {
  const those =
    first === last
      ? `Attempt ${first} ended like the one after it`
      : `Attempts ${first} to ${last} (${last - first + 1}) ended like the one after them`;
  return `${those}: nothing was sent (${errorKind}). Only the newest is kept.`;
}
