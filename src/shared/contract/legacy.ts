import { z } from 'zod';
import { OBJECT_KINDS } from '../model/vocabulary.ts';
import { id, isoTime } from './common.ts';
import { flag, whole } from './configuration/fields.ts';
import { objectId } from './domain-objects.ts';
import { procedure } from './procedure.ts';

/** Where older integrations report to. */
export const LEGACY_ROUTES = [
  '/integration_status_callback/',
  '/jio_integration_status_callback/',
] as const;
export type LegacyRoute = (typeof LEGACY_ROUTES)[number];

/** A body of any shape; these names in it, at the top or up to two levels below, say what it is about. */
export const legacyReport = z.looseObject({
  log_id: z.string().nullish(),
  lab_id: z.union([z.int(), z.string()]).nullish(),
  bill_id: objectId.nullish(),
  sample_id: objectId.nullish(),
  report_id: objectId.nullish(),
  appointment_id: objectId.nullish(),
  patient_id: objectId.nullish(),
});

export const legacyAnswer = z.object({
  /** Logs whose activity has the note. */
  log_ids: z.array(z.string()),
  /** Where no log is named: objects that it is noted with. */
  objects: z.array(z.object({ kind: z.enum(OBJECT_KINDS), id: z.string() })),
  /** False: the very same was noted within the last ten minutes. */
  changed: z.boolean(),
});
export type LegacyAnswer = z.output<typeof legacyAnswer>;

export const legacyProcedures = {
  listObjectNotes: procedure({
    summary:
      'What older integrations have reported about a bill, sample, report, appointment or patient',
    role: 'viewer',
    audit: 'none',
    readsInClear: ({ kind, in_clear }) => in_clear || kind === 'patient',
    input: z.strictObject({
      lab_id: id,
      kind: z.enum(OBJECT_KINDS),
      id: objectId,
      limit: whole(1, 200).default(50),
      /** The senders' own words, unmasked; for operators, and kept in the audit chain. */
      in_clear: flag.default(false),
    }),
    output: z.object({
      items: z.array(
        z.object({
          at: isoTime,
          actor: z.string(),
          kind: z.string(),
          note: z.string(),
          detail: z.record(z.string(), z.json()).nullable(),
        }),
      ),
    }),
  }),
};
