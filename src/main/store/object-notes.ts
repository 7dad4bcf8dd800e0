import type { Database } from 'better-sqlite3';
import type { ActivityNote } from '../../shared/model/delivery.ts';
import type { Reference } from '../../shared/model/domain.ts';
import type { JsonObject } from '../../shared/model/json.ts';
import {
  LEGACY_STATUS,
  type LegacyNote,
  type LegacyNoted,
  type ObjectNotes,
  type ObjectNotesQuery,
} from '../../shared/model/legacy-note.ts';

/** The same note within this time is a repeat (ms). */
const REPEATED_WITHIN_MS = 10 * 60 * 1_000;

/** Notes about each of a log's objects that its activity shows. */
const SHOWN_OF_OBJECT = 50;
/** So many of a log's objects are looked at. */
const LOOKED_AT = 200;

interface NoteRow {
  at: number;
  actor: string;
  note: string;
  detail: string;
}

/** Keeps what older integrations tell: notes, which never change a log. */
export function createObjectNoteCommands(db: Database) {
  const logSeq = db.prepare<[string], number>('SELECT log_seq FROM log WHERE log_id = ?').pluck();
  const addToLog = db.prepare<[LegacyNote & { logSeq: number }]>(
    `INSERT INTO activity (log_seq, at, actor, kind, note, detail)
     SELECT @logSeq, @at, @actor, '${LEGACY_STATUS}', @note, @detail
     WHERE NOT EXISTS (SELECT 1 FROM activity WHERE log_seq = @logSeq AND kind = '${LEGACY_STATUS}'
       AND at BETWEEN @at - ${REPEATED_WITHIN_MS} AND @at
       AND actor = @actor AND note = @note AND detail = @detail)`,
  );
  // Labs are few, and an object is found by its id first.
  const labsWith = db
    .prepare<[string, string], number>(
      'SELECT lab_id FROM domain_object WHERE id = ? AND kind = ? LIMIT 2',
    )
    .pluck();
  const isIn = db.prepare<[string, string, number]>(
    'SELECT 1 FROM domain_object WHERE id = ? AND kind = ? AND lab_id = ?',
  );
  const addToObject = db.prepare<[LegacyNote & Reference & { lab: number }]>(
    `INSERT INTO object_note (lab_id, kind, id, at, actor, note, detail)
     SELECT @lab, @kind, @id, @at, @actor, @note, @detail
     WHERE NOT EXISTS (SELECT 1 FROM object_note WHERE id = @id AND kind = @kind AND lab_id = @lab
       AND at BETWEEN @at - ${REPEATED_WITHIN_MS} AND @at
       AND actor = @actor AND note = @note AND detail = @detail)`,
  );

  const labOf = ({ kind, id }: Reference, labId: number | null): number | 'SEVERAL' | null => {
    if (labId !== null) return isIn.get(id, kind, labId) ? labId : null;
    const [lab, another] = labsWith.all(id, kind);
    return another === undefined ? (lab ?? null) : 'SEVERAL';
  };

  return {
    noteLegacy(note: LegacyNote): LegacyNoted {
      let changed = false;
      const logIds = note.logIds.filter((logId) => {
        const seq = logSeq.get(logId);
        if (seq !== undefined && addToLog.run({ ...note, logSeq: seq }).changes > 0) changed = true;
        return seq !== undefined;
      });
      if (logIds.length > 0) return { outcome: 'NOTED', logIds, objects: [], changed };

      const known: { object: Reference; lab: number }[] = [];
      for (const object of note.objects) {
        const lab = labOf(object, note.labId);
        if (lab === 'SEVERAL') return { outcome: 'SEVERAL_LABS', object };
        if (lab !== null) known.push({ object, lab });
      }
      // A patient has many bills and samples: a note on one of those is not about all of them.
      const meant = known.some(({ object }) => object.kind !== 'patient')
        ? known.filter(({ object }) => object.kind !== 'patient')
        : known;
      if (meant.length === 0) return { outcome: 'UNKNOWN' };
      for (const { object, lab } of meant) {
        if (addToObject.run({ ...note, ...object, lab }).changes > 0) changed = true;
      }
      return { outcome: 'NOTED', logIds: [], objects: meant.map(({ object }) => object), changed };
    },
  };
}

/** What was noted about objects. */
export function createObjectNoteQueries(db: Database) {
  const notes = db.prepare<[string, string, number, number], NoteRow>(
    `SELECT at, actor, note, detail FROM object_note WHERE id = ? AND kind = ? AND lab_id = ?
     ORDER BY at DESC, object_note_id DESC LIMIT ?`,
  );
  return {
    objectNotes({ labId, kind, id, limit }: ObjectNotesQuery): ObjectNotes {
      return notes.all(id, kind, labId, limit).map(noteOf);
    },
  };
}

/**
 * A log's activity with the notes about its objects that came after it was made: an older integration
 * that tells of a bill tells of the bill's deliveries.
 */
export function createWithObjectNotes(
  db: Database,
): (
  log: { labId: number | null; references: readonly Reference[]; createdAt: number },
  activity: ActivityNote[],
) => ActivityNote[] {
  const notes = db.prepare<[string, string, number, number], NoteRow>(
    `SELECT at, actor, note, detail FROM object_note
     WHERE id = ? AND kind = ? AND lab_id = ? AND at >= ? ORDER BY at LIMIT ${SHOWN_OF_OBJECT}`,
  );
  return ({ labId, references, createdAt }, activity) => {
    if (labId === null) return activity;
    // One that names several of them is kept with each, and shown once.
    const found = new Map<string, ActivityNote>();
    for (const { kind, id } of references.slice(0, LOOKED_AT)) {
      if (kind === 'event') continue;
      for (const row of notes.all(id, kind, labId, createdAt)) {
        found.set(`${row.at} ${row.detail}`, noteOf(row));
      }
    }
    if (found.size === 0) return activity;
    return [...activity, ...found.values()].sort((a, b) => a.at - b.at);
  };
}

function noteOf(row: NoteRow): ActivityNote {
  return { ...row, kind: LEGACY_STATUS, detail: JSON.parse(row.detail) as JsonObject };
}
