import { z } from 'zod';
import { AUTHENTICATION_KINDS } from '../../model/configuration.ts';
import { id, isoTime } from '../common.ts';
import { procedure } from '../procedure.ts';
import { expectedVersion, flag, line, ownerFields, preset } from './fields.ts';

/** What stands in a document where a secret is kept; sent back, it means "keep the stored one". */
export const SECRET_MASK = '••••';

const secret = (max: number) =>
  z
    .string({ error: 'must be text' })
    .min(1, { error: 'must not be empty; leave the field out to keep the stored one' })
    .max(max, { error: `must have at most ${max} characters` });

/**
 * Keys of every kind; which of them belong together is checked when they are saved, since an
 * update may leave out the kind as well as a secret.
 */
const keys = z.strictObject({
  /** basic */
  username: z.string().min(1).max(500).optional(),
  password: secret(1_000).optional(),
  /** bearer */
  token: secret(8_000).optional(),
  /** api_key: the header's name, and its value */
  header: z.string().min(1).max(100).optional(),
  value: secret(8_000).optional(),
  /** Any kind. Standard Webhooks: `whsec_` and the base64 of 24 to 64 bytes; null removes it. */
  signing_secret: secret(200).nullish(),
});

const kind = z
  .enum(AUTHENTICATION_KINDS, { error: 'must be one of none, basic, bearer, api_key' })
  .refine((value) => value !== 'oauth2' && value !== 'mtls', {
    error: 'comes with a later version of LabRelay; use none, basic, bearer or api_key',
  });

const developerAuthenticationInput = z.strictObject({
  developer_authentication_id: id.optional(),
  ...ownerFields,
  name: line(200).optional(),
  kind: kind.optional(),
  keys: keys.optional(),
  is_active: preset(flag, true),
  expected_version: expectedVersion,
});

const developerAuthenticationDocument = z.object({
  developer_authentication_id: z.int(),
  lab_id: z.int().nullable(),
  organization_id: z.int().nullable(),
  name: z.string(),
  kind: z.enum(AUTHENTICATION_KINDS),
  /** What is public in clear, every secret as `••••`. */
  keys: z.record(z.string(), z.string()),
  /** Last four characters of secrets that are long enough to stay secret (tokens from 16 on). */
  hints: z.record(z.string(), z.string()),
  /** False: the secrets cannot be opened with the present key file; enter them anew. */
  secrets_readable: z.boolean(),
  is_active: z.boolean(),
  version: z.int(),
  updated_at: isoTime,
});

export type DeveloperAuthenticationInput = z.output<typeof developerAuthenticationInput>;
export type DeveloperAuthenticationDocument = z.output<typeof developerAuthenticationDocument>;

export const authenticationProcedures = {
  getDeveloperAuthentication: procedure({
    summary:
      'One developer authentication by id, or those that a lab (with its organization) or an organization may use; secrets masked',
    role: 'viewer',
    input: z.strictObject({
      developer_authentication_id: id.optional(),
      lab_id: id.optional(),
      organization_id: id.optional(),
    }),
    output: z.object({ items: z.array(developerAuthenticationDocument) }),
  }),
  addUpdateDeveloperAuthentication: procedure({
    summary:
      'Adds or changes credentials for calls out; fields left out, and secrets sent back as their mask, stay as they are',
    role: 'admin',
    input: developerAuthenticationInput,
    output: developerAuthenticationDocument,
  }),
};
