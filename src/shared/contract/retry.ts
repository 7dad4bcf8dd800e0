import { z } from 'zod';
import { RETRY_OBSTACLES } from '../model/retry.ts';
import { RETRY_DOUBTS } from '../model/retry-verdict.ts';
import { HELD_REASONS, OBJECTS_FROM, RETRY_BODY_ORIGINS } from '../model/vocabulary.ts';
import { flag, reasonText } from './configuration/fields.ts';
import { procedure } from './procedure.ts';

/** Differences that one preview names. */
export const DIFFERENCES_SHOWN = 500;

/** Which bytes a retry sends: built anew from fresh objects, those of a revision, or a person's own. */
export const RETRY_BODIES = ['fresh', 'stored', 'edited'] as const;

const logId = z
  .string({ error: 'must be a log_id as searchLogs shows it' })
  .min(1, 'must not be empty')
  .max(100, 'must have at most 100 characters');

const configVersion = z
  .int({ error: 'must be a version as listIntegrationVersions shows it' })
  .positive({ error: 'must be a version as listIntegrationVersions shows it' });

/** Which bytes are meant; the same for a preview and for the retry that follows it. */
const bodyChoice = {
  body: z
    .enum(RETRY_BODIES, { error: `must be one of ${RETRY_BODIES.join(', ')}` })
    .default('fresh'),
  /** With `stored`: which; the one that was sent last where it is left out. */
  revision: z
    .int({ error: 'must be a revision as getLog shows it' })
    .positive({ error: 'must be a revision as getLog shows it' })
    .optional(),
  /** With `fresh`: the mapping of that version; address and credentials are always the present ones. */
  config_version: configVersion.optional(),
  /** With `edited`: the body itself, as text or as JSON. */
  payload: z.json({ error: 'must be the body, as text or as JSON' }).optional(),
};

/** One place in which what was sent last and what would be sent now differ. */
const difference = z.object({
  /** JSON pointer (RFC 6901); empty: the bodies as a whole. */
  path: z.string(),
  kind: z.enum(['ADDED', 'REMOVED', 'CHANGED', 'MOVED']),
  /** Null where it was added; masked unless the preview is revealed. */
  before: z.json().nullable(),
  /** Null where it was removed. */
  after: z.json().nullable(),
});

export const retryPreviewDocument = z.object({
  log_id: z.string(),
  /** Values of patients are masked; `reveal` shows them to operators. */
  masked: z.boolean(),
  /**
   * On what terms it may be sent: at a click, after a warning that is confirmed (`accept_duplicates`),
   * with a typed reason, or not at all (`obstacle` says why).
   */
  terms: z.enum(['FREE', 'CONFIRM', 'REASON', 'IMPOSSIBLE']),
  obstacle: z.enum(RETRY_OBSTACLES).nullable(),
  /** What the obstacle is and how it is cleared, in a sentence; null where there is none. */
  obstacle_sentence: z.string().nullable(),
  /** What stands against sending it (again), each in a sentence. */
  doubts: z.array(z.object({ doubt: z.enum(RETRY_DOUBTS), sentence: z.string() })),
  /** Null: nothing was sent yet. */
  last_sent: z
    .object({
      revision: z.int(),
      /** What the receiver was given to recognise repeats by. */
      key: z.string(),
      /** Of the bytes; in a masked preview a keyed hash, which tells only whether bytes are the same. */
      sha256: z.string(),
      attempt_id: z.string(),
      content_type: z.string(),
      body: z.string(),
    })
    .nullable(),
  /** What would be sent now: built anew, or as `body` says. */
  now: z.object({
    /** `SAME`: the bytes that were sent last or, where none were, were to go. `FAILED`: they cannot be built; `message` says why. */
    outcome: z.enum(['SAME', 'CHANGED', 'FAILED']),
    /** The number that these bytes would have; null where there are none, below likewise. */
    revision: z.int().nullable(),
    key: z.string().nullable(),
    /** For `expected_sha256` of retryIntegration. */
    sha256: z.string().nullable(),
    content_type: z.string().nullable(),
    body: z.string().nullable(),
    /** How it comes about; null where it does not. */
    made: z.enum(RETRY_BODY_ORIGINS).nullable(),
    /** Where the objects were read; null where none was. */
    objects_from: z.enum(OBJECTS_FROM).nullable(),
    /** Why our own copy had to serve; null where it need not. */
    fallback: z.string().nullable(),
    /** The version whose mapping made it. */
    config_version: z.int().nullable(),
    message: z.string().nullable(),
  }),
  differences: z.array(difference),
  differences_total: z.int(),
  /** Revisions that the receiver may hold, rising. */
  may_hold: z.array(z.int()),
  /** A newer log of its ordering key or object that was accepted. */
  overtaken_by: z.string().nullable(),
  versions: z.object({ last_attempt: z.int().nullable(), current: z.int().nullable() }),
});

export const retryProcedures = {
  previewRetry: procedure({
    summary:
      'What was sent last, what would be sent now, how they differ and on what terms; patient data is masked; reveal, and comparing an edit, take an operator',
    role: 'viewer',
    audit: 'none',
    // An edit that is compared tells where it is right: so its guesses are on record, too.
    readsInClear: ({ reveal, body }) => reveal || body === 'edited',
    input: z.strictObject({
      log_id: logId,
      ...bodyChoice,
      reveal: flag.default(false),
      /** Why it is to be seen in clear, for the audit chain. */
      reason: reasonText.optional(),
    }),
    output: retryPreviewDocument,
  }),
  retryIntegration: procedure({
    summary:
      'Sends a log again: built anew from fresh objects, with the bytes of an earlier revision, or edited',
    role: 'operator',
    audit: 'change',
    input: z.strictObject({
      log_id: logId,
      /** Needed where the terms are REASON. */
      reason: reasonText.optional(),
      /** Needed where the terms are CONFIRM, unless a reason is given. */
      accept_duplicates: flag.default(false),
      ...bodyChoice,
      /** The sha256 that the preview showed; other bytes are refused. */
      expected_sha256: z
        .string({ error: 'must be the sha256 that previewRetry showed' })
        .regex(/^[0-9a-f]{64}$/, 'must be the sha256 that previewRetry showed')
        .optional(),
    }),
    output: z.object({
      log_id: z.string(),
      /** The attempt that it will be. */
      attempt_id: z.string(),
      revision: z.int(),
      key: z.string(),
      /** Keyed like that of a masked preview. */
      sha256: z.string(),
      body: z.enum(RETRY_BODY_ORIGINS),
      objects_from: z.enum(OBJECTS_FROM).nullable(),
      fallback: z.string().nullable(),
      /** What stood against it, in sentences. */
      warnings: z.array(z.string()),
      /** What it waits for; null: it goes as soon as there is room. */
      waits: z.enum(HELD_REASONS).nullable(),
      retry_count: z.int(),
    }),
  }),
  cancelRetry: procedure({
    summary: 'Stops what would still be sent of a log; repeats change nothing',
    role: 'operator',
    audit: 'change',
    input: z.strictObject({ log_id: logId, reason: reasonText }),
    output: z.object({
      log_id: z.string(),
      /**
       * `CANCELLED`: it was taken out of the queue. `IN_FLIGHT`: its attempt is under way and ends by
       * itself; nothing follows. `NOTHING`: nothing was to be sent any more.
       */
      outcome: z.enum(['CANCELLED', 'IN_FLIGHT', 'NOTHING']),
    }),
  }),
};
