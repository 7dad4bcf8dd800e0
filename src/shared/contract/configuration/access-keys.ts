import { z } from 'zod';
import { ACCESS_KEY_KINDS, ROLES } from '../../model/vocabulary.ts';
import { id, isoTime } from '../common.ts';
import { procedure } from '../procedure.ts';
import { flag, line } from './fields.ts';

/** The routes that an inbound key can be limited to. */
const INBOUND_ROUTES = [
  '/billing/',
  '/sample/receive/',
  '/report/submit/',
  '/patient/',
  '/appointment/',
  '/appointmentConfirmAPI/',
  '/api/v1/events',
  '/integrationWebhookBulkAPI/',
] as const;

const accessKeyDocument = z.object({
  access_key_id: z.int(),
  kind: z.enum(ACCESS_KEY_KINDS),
  name: z.string(),
  role: z.enum(ROLES).nullable(),
  /** Labs that an inbound key may speak for; null: all. */
  lab_ids: z.array(z.int()).nullable(),
  /** Routes that an inbound key may call; null: all event routes. */
  routes: z.array(z.string()).nullable(),
  /** The key's last four characters. */
  hint: z.string(),
  created_at: isoTime,
  revoked_at: isoTime.nullable(),
});

export type AccessKeyDocument = z.output<typeof accessKeyDocument>;

export const accessKeyProcedures = {
  createAccessKey: procedure({
    summary: 'Makes a key for calls in; it is shown this once and kept as a hash',
    role: 'admin',
    audit: 'change',
    input: z.strictObject({
      kind: z.enum(ACCESS_KEY_KINDS, { error: 'must be inbound, user or internal' }),
      name: line(200),
      /** Only for inbound keys; left out: every lab. */
      lab_ids: z
        .array(id)
        .min(1, { error: 'must name at least one lab; leave it out for every lab' })
        .max(10_000, { error: 'must not be more than 10000 labs' })
        .optional(),
      /** Only for inbound keys; left out: every event route. */
      routes: z
        .array(z.enum(INBOUND_ROUTES, { error: `must be one of ${INBOUND_ROUTES.join(' ')}` }))
        .min(1, { error: 'must name at least one route; leave it out for every event route' })
        .optional(),
      /** Needed for user keys, and only for them. */
      role: z.enum(ROLES, { error: 'must be viewer, operator or admin' }).optional(),
    }),
    output: accessKeyDocument.extend({ key: z.string() }),
  }),
  listAccessKeys: procedure({
    summary: 'Access keys by id, without the keys themselves',
    role: 'admin',
    audit: 'none',
    input: z.strictObject({ include_revoked: flag.default(false) }),
    output: z.object({ items: z.array(accessKeyDocument) }),
  }),
  revokeAccessKey: procedure({
    summary: 'Revokes an access key for good, from the next call on',
    role: 'admin',
    audit: 'change',
    input: z.strictObject({ access_key_id: id }),
    output: accessKeyDocument,
  }),
};
