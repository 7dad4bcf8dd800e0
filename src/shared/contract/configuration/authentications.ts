import { z } from 'zod';
import { AUTHENTICATION_KINDS } from '../../model/configuration.ts';
import { id, isoTime } from '../common.ts';
import { procedure } from '../procedure.ts';
import { expectedVersion, flag, line, ownerFields, preset, whole } from './fields.ts';
import { endPoint } from './http-fields.ts';

/** What stands in a document where a secret is kept; sent back, it means "keep the stored one". */
export const SECRET_MASK = '••••';

const secret = (max: number) =>
  z
    .string({ error: 'must be text' })
    .min(1, { error: 'must not be empty; leave the field out to keep the stored one' })
    .max(max, { error: `must have at most ${max} characters` });

/** As {@link secret}, for one that may be removed. */
const removable = (max: number) => secret(max).nullish();

const pem = (max: number, what: string) =>
  z
    .string({ error: `must be ${what} as PEM` })
    .min(1, { error: `must be ${what} as PEM` })
    .max(max, { error: `must have at most ${max} characters` });

const overlapHours = whole(0, 720);

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
  /** oauth2 (client credentials, RFC 6749 4.4): where tokens are got, and by whom */
  token_url: endPoint.optional(),
  client_id: z.string().min(1).max(1_000).optional(),
  client_secret: secret(8_000).optional(),
  /** oauth2, where the partner wants them; null removes */
  scope: z.string().min(1).max(4_000).nullish(),
  audience: z.string().min(1).max(2_000).nullish(),
  /** oauth2: how the client says who it is; `basic` unless the partner wants it in the body */
  client_authentication: z
    .enum(['basic', 'body'], { error: 'must be basic or body' })
    .nullish()
    .meta({ default: 'basic' }),
  /** oauth2: PEM certificates that are trusted for token_url beside the system's own; null removes */
  ca: pem(200_000, 'certificates').nullish(),
  /** mtls: our certificate first, then those between it and its authority; and its key */
  certificate: pem(100_000, 'a certificate chain').optional(),
  private_key: secret(20_000).optional(),
  passphrase: removable(1_000),
  /**
   * Any kind. Standard Webhooks: `whsec_` and the base64 of 24 to 64 bytes; null removes it. One that
   * is replaced goes on signing beside the new one for `signing_overlap_hours`.
   */
  signing_secret: removable(200),
  /** Shown during an overlap; null ends it. */
  signing_secret_previous: removable(200),
  signing_overlap_hours: overlapHours.nullish().meta({ default: 24 }),
});

const kind = z.enum(AUTHENTICATION_KINDS, {
  error: `must be one of ${AUTHENTICATION_KINDS.join(', ')}`,
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
  /** What is public in clear, every secret as `••••`; as a whole it may be sent back. */
  keys: z.record(z.string(), z.union([z.string(), z.number()])),
  /** Last four characters of secrets that are long enough to stay secret (tokens from 16 on). */
  hints: z.record(z.string(), z.string()),
  /** False: the secrets cannot be opened with the present key file; enter them anew. */
  secrets_readable: z.boolean(),
  /** Until when the former signing secret signs beside the new one; null: one signs. */
  signing_overlap_ends_at: isoTime.nullable(),
  /** Kind mtls: what is shown to the partner. */
  certificate: z
    .object({ subject: z.string(), issuer: z.string(), expires_at: isoTime })
    .nullable(),
  /** What its author should know, in whole sentences. */
  notices: z.array(z.string()),
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
    audit: 'none',
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
    audit: 'change',
    input: developerAuthenticationInput,
    output: developerAuthenticationDocument,
  }),
};
