import type { Reference } from './domain.ts';
import type { ActivityNote } from './delivery.ts';

/** The kind of an older integration's note in an activity. */
export const LEGACY_STATUS = 'LEGACY_STATUS';

/** What an older integration has told, with what it names. */
export interface LegacyNote {
  /** Logs that it names; the known ones get the note. */
  logIds: string[];
  /** The lab that it names. */
  labId: number | null;
  /** Objects that it names, for where no log is known; a patient only counts where nothing else does. */
  objects: Reference[];
  actor: string;
  /** LabRelay's own words: nobody's data. */
  note: string;
  /** The sender's words (JSON), secrets masked, of bounded length. */
  detail: string;
  /** Epoch milliseconds. */
  at: number;
}

/** What became of it. */
export type LegacyNoted =
  /** `changed` false: the very same was noted a moment ago. */
  | { outcome: 'NOTED'; logIds: string[]; objects: Reference[]; changed: boolean }
  /** It names nothing that is known here. */
  | { outcome: 'UNKNOWN' }
  /** Several labs have what it names. */
  | { outcome: 'SEVERAL_LABS'; object: Reference };

/** Whose notes are asked for. */
export interface ObjectNotesQuery extends Reference {
  labId: number;
  limit: number;
}

/** Notes about an object, the newest first. */
export type ObjectNotes = ActivityNote[];
