import { z } from 'zod';
import { ROLES } from '../model/vocabulary.ts';
import { givenTime, id, isoTime } from './common.ts';
import { procedure } from './procedure.ts';

const auditDocument = z.object({
  audit_id: z.int(),
  at: isoTime,
  actor: z.string(),
  access_key_id: z.int().nullable(),
  role: z.enum(ROLES).nullable(),
  /** A procedure's name, or signIn, signInRefused, signOut, firstAdminKey, restore, auditSealBroken. */
  action: z.string(),
  /** Ids of what it was done to. */
  subject: z.string(),
  reason: z.string().nullable(),
  /** Null: at the desktop, or by LabRelay itself. */
  address: z.string().nullable(),
  /** Names of the fields that were given. */
  fields: z.array(z.string()),
  /** Set in the second entry of an act: which one it belongs to, and what came of it. */
  of: z.int().nullable(),
  outcome: z.string().nullable(),
  /** How often, where one entry tells of several. */
  count: z.int().nullable(),
  /** The outside worker that was given tasks, by its own name. */
  worker: z.string().nullable(),
  addresses: z.array(z.string()),
  found: z.string().nullable(),
  hash: z.string(),
});

const sessionDocument = z.object({
  session_id: z.int(),
  access_key_id: z.int(),
  name: z.string(),
  role: z.enum(ROLES),
  address: z.string().nullable(),
  created_at: isoTime,
  last_used_at: isoTime,
  expires_at: isoTime,
});

/** Who has signed in: the answer of `/api/v1/session`. */
export const whoDocument = z.object({
  name: z.string(),
  role: z.enum(ROLES),
  /** Null where a key was sent instead of the session's cookie. */
  session_id: z.int().nullable(),
  expires_at: isoTime.nullable(),
});

export type Who = z.output<typeof whoDocument>;

/** What `POST /api/v1/session` takes. */
export const signInInput = z.strictObject({
  key: z.string().trim().min(1, 'give a user key').max(512),
});

export const peopleProcedures = {
  listAudit: procedure({
    summary: 'The audit chain, newest first: who has read in clear or changed what, and why',
    role: 'admin',
    audit: 'none',
    input: z.strictObject({
      from: givenTime.optional(),
      to: givenTime.optional(),
      actor: z.string().min(1).max(200).optional(),
      action: z.string().min(1).max(100).optional(),
      cursor: z.string().max(40).optional(),
      limit: z.int().min(1).max(500).default(100),
    }),
    output: z.object({ items: z.array(auditDocument), next_cursor: z.string().nullable() }),
  }),
  listSessions: procedure({
    summary: 'Browser sessions that are open: everybody’s to admins, else one’s own',
    role: 'viewer',
    audit: 'none',
    input: z.strictObject({}),
    output: z.object({ items: z.array(sessionDocument) }),
  }),
  revokeSession: procedure({
    summary: 'Ends a browser session at once: one’s own, and anybody’s to admins',
    role: 'viewer',
    audit: 'change',
    input: z.strictObject({ session_id: id }),
    output: sessionDocument,
  }),
};

export type AuditDocument = z.output<typeof auditDocument>;
export type SessionDocument = z.output<typeof sessionDocument>;
