import { z } from 'zod';
import { CALLBACK_TRANSPORTS } from '../../model/configuration.ts';
import { isoTime } from '../common.ts';
import { procedure } from '../procedure.ts';
import { flag, line, whole } from './fields.ts';

/** Why deliveries stand still; null: they go out. */
const pauseDocument = z
  .object({ since: isoTime, by: z.string(), reason: z.string().nullable() })
  .nullable();

const settingsDocument = z.object({
  callback_transport: z.enum(CALLBACK_TRANSPORTS),
  max_concurrency: z.int(),
  event_rate_limit: z.int(),
  callback_rate_limit: z.int(),
  console_rate_limit: z.int(),
  delivery_paused: pauseDocument,
  backup_schedule: z.string().nullable(),
  backup_keep: z.int(),
  backup_folder: z.string().nullable(),
  session_hours: z.int(),
  session_idle_minutes: z.int(),
  legacy_callbacks_enabled: z.boolean(),
});

export type SettingsDocument = z.output<typeof settingsDocument>;

export const settingsProcedures = {
  getSettings: procedure({
    summary: 'Settings of the engine',
    role: 'viewer',
    audit: 'none',
    input: z.strictObject({}),
    output: settingsDocument,
  }),
  updateSettings: procedure({
    summary: 'Changes settings of the engine; those left out stay',
    role: 'admin',
    audit: 'change',
    input: z.strictObject({
      callback_transport: z
        .enum(CALLBACK_TRANSPORTS, { error: 'must be in_process or http' })
        .optional(),
      /** Deliveries in flight over all integrations. */
      max_concurrency: whole(1, 1_000).optional(),
      /** Requests a minute of one access key. */
      event_rate_limit: whole(1, 10_000_000).optional(),
      /** Reports a minute of one internal key. */
      callback_rate_limit: whole(1, 10_000_000).optional(),
      /** Requests a minute of one user key. */
      console_rate_limit: whole(10, 1_000_000).optional(),
      /** Cron expression in local time, e.g. `30 2 * * *`; null makes no scheduled backups. */
      backup_schedule: line(100).nullish(),
      /** Scheduled backups that are kept. */
      backup_keep: whole(1, 1_000).optional(),
      /** Absolute path on the engine's machine; null: `backups` in the data folder. */
      backup_folder: line(1_000).nullish(),
      /** After so many hours a browser session ends, however much it is used; for new ones. */
      session_hours: whole(1, 168).optional(),
      /** After so many minutes without use it ends as well. */
      session_idle_minutes: whole(1, 1_440).optional(),
      /** Whether /integration_status_callback/ and its like are taken. */
      legacy_callbacks_enabled: flag.optional(),
    }),
    output: settingsDocument,
  }),
  setDeliveryPaused: procedure({
    summary:
      'Pauses all deliveries, also over restarts, or lets them go on; events are taken meanwhile',
    role: 'operator',
    audit: 'change',
    input: z.strictObject({
      paused: flag,
      /** For those who find it paused; no patient data. */
      reason: line(500).nullish(),
    }),
    output: z.object({ delivery_paused: pauseDocument }),
  }),
};
