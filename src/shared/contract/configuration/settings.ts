import { z } from 'zod';
import { CALLBACK_TRANSPORTS } from '../../model/configuration.ts';
import { procedure } from '../procedure.ts';
import { whole } from './fields.ts';

const settingsDocument = z.object({
  callback_transport: z.enum(CALLBACK_TRANSPORTS),
  max_concurrency: z.int(),
  event_rate_limit: z.int(),
  callback_rate_limit: z.int(),
  console_rate_limit: z.int(),
});

export type SettingsDocument = z.output<typeof settingsDocument>;

export const settingsProcedures = {
  getSettings: procedure({
    summary: 'Settings of the engine',
    role: 'viewer',
    input: z.strictObject({}),
    output: settingsDocument,
  }),
  updateSettings: procedure({
    summary: 'Changes settings of the engine; those left out stay',
    role: 'admin',
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
    }),
    output: settingsDocument,
  }),
};
