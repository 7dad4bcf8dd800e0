/** One step of the schema. Steps are append-only: a landed one is never edited. */
export interface Migration {
  /** Counts from 1, without gaps. */
  version: number;
  name: string;
  /** Run in one transaction together with the note that it was run. */
  sql: string;
}
