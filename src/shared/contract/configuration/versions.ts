import { z } from 'zod';
import { id, isoTime } from '../common.ts';
import { procedure } from '../procedure.ts';
import { checkData, expectedVersion, reasonText } from './fields.ts';
import { integrationSettingsDocument, savedIntegrationDocument } from './integrations.ts';

const versionDocument = z.object({
  version: z.int(),
  changed_by: z.string(),
  changed_at: isoTime,
  /** Why, where that was told: a rollback, 410 Gone. */
  reason: z.string().nullable(),
  settings: integrationSettingsDocument,
  /** To the version before, by path; the first version has none. */
  differences: z.array(z.object({ path: z.string(), from: z.json(), to: z.json() })),
});

export const versionProcedures = {
  listIntegrationVersions: procedure({
    summary:
      'Versions of an integration, newest first, each with its differences to the one before',
    role: 'viewer',
    audit: 'none',
    input: z.strictObject({
      lab_integration_id: id,
      cursor: z.string().max(40).optional(),
      limit: z.int().min(1).max(100).default(20),
    }),
    output: z.object({ items: z.array(versionDocument), next_cursor: z.string().nullable() }),
  }),
  rollbackIntegration: procedure({
    summary:
      'Makes a new version of an integration with the settings of a former one; whether it is active stays as it is',
    role: 'admin',
    audit: 'change',
    input: z.strictObject({
      lab_integration_id: id,
      version: z.int({ error: 'must be the number of a version' }).positive({
        error: 'must be the number of a version',
      }),
      expected_version: expectedVersion,
      reason: reasonText.optional(),
      /** As in addUpdateWebhookIntegration: the version's expressions are tried on it. Not kept. */
      check_data: checkData.optional(),
    }),
    output: savedIntegrationDocument,
  }),
};
