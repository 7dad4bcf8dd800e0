import { z } from 'zod';
import { id } from '../common.ts';
import { procedure } from '../procedure.ts';
import { flag } from './fields.ts';
import { mappingText } from './integrations.ts';

/** The event's data as a trigger would be given it; left out, the category's own sample. */
const data = z.record(z.string(), z.json(), { error: 'must be a JSON object' }).optional();

/** What a connection test goes through, in this order; it ends at the first that fails. */
const TEST_STEPS = [
  'configuration',
  'credentials',
  'dns',
  'connect',
  'tls',
  'payload',
  'send',
] as const;

export const testingProcedures = {
  testIntegration: procedure({
    summary:
      'Tests the way to an integration’s end point without making a delivery; with send, one sample marked x-labrelay-test is sent',
    role: 'operator',
    audit: 'change',
    input: z.strictObject({
      lab_integration_id: id,
      data,
      send: flag.default(false),
    }),
    output: z.object({
      ok: z.boolean(),
      steps: z.array(
        z.object({
          name: z.enum(TEST_STEPS),
          ok: z.boolean(),
          /** What was found, or what to mend; never a secret. */
          detail: z.string(),
          time_ms: z.number(),
        }),
      ),
      /** Status of the partner's answer, where a sample was sent and answered. */
      response_status_code: z.int().nullable(),
    }),
  }),
  previewPayload: procedure({
    summary:
      'Builds the body that a mapping (or the default shape) makes of an event, sends nothing',
    role: 'operator',
    audit: 'none',
    input: z.strictObject({
      lab_id: id,
      action_category_list_id: id,
      /** JSONata; null or left out: the category's default shape. */
      mapping: mappingText.nullish(),
      data,
    }),
    output: z.object({ body: z.string(), content_type: z.string() }),
  }),
};
