import { z } from 'zod';
import { LONGEST_LEASE_MS } from '../model/lease.ts';
import { HTTP_METHODS, PRIORITIES } from '../model/vocabulary.ts';
import { callbackReport } from './callback.ts';
import { id, isoTime } from './common.ts';
import { line, whole } from './configuration/fields.ts';
import { procedure } from './procedure.ts';

/** `lease_id` as leaseTasks gave it. */
const leaseId = z.string({ error: 'must be the lease_id that leaseTasks gave' }).min(1).max(200);

const leaseSeconds = whole(5, LONGEST_LEASE_MS / 1_000);

/** What the partner is to be sent, and nothing else. */
const partnerRequest = z.object({
  method: z.enum(HTTP_METHODS),
  url: z.string(),
  headers: z.record(z.string(), z.string()),
  /** Null: it has none (GET). */
  body: z.string().nullable(),
});

const leasedTask = z.object({
  task_id: z.int(),
  /** Everything about this task is said by it; nobody else's says anything. */
  lease_id: z.string(),
  attempt_id: z.string(),
  /** Until then it must have been started or extended. */
  lease_until: isoTime,
  priority: z.enum(PRIORITIES),
  deliver_by: isoTime.nullable(),
  /** What the integration allows for the whole call. */
  timeout_ms: z.int(),
  request: partnerRequest,
  /** The worker's; the partner never sees it. */
  integration_payload: z.object({
    log_id: z.string(),
    attempt_id: z.string(),
    integration_callback_url: z.string(),
    lab_id: z.int(),
    lab_integration_id: z.int(),
    action_category: z.string(),
    event_id: z.string().nullable(),
  }),
});

/**
 * What an outside worker calls, many times a second. Giving tasks out shows payloads and credentials,
 * so that is audited, where anything was given. The others act on one delivery that was given out
 * before, and attempts and activity of its log keep what they did: in the chain, which is for people's
 * acts, they would bury those.
 */
export const leaseProcedures = {
  leaseTasks: procedure({
    summary:
      'Gives tasks of integrations with executor external to an outside worker, each under a lease; docs/fusion-worker.md tells how to go on',
    role: 'operator',
    audit: 'itself',
    input: z.strictObject({
      /** The worker's own name, for people who look for it. */
      worker: line(100),
      /** Left out: of any integration. */
      lab_integration_id: id.optional(),
      limit: whole(1, 100).default(10),
      lease_s: leaseSeconds.default(60),
    }),
    output: z.object({
      tasks: z.array(leasedTask),
      /** Nothing is given out then. */
      delivery_paused: z.boolean(),
    }),
  }),
  startTask: procedure({
    summary:
      'Marks a leased attempt as started, before anything is sent; answers with what is to be sent now',
    role: 'operator',
    audit: 'none',
    input: z.strictObject({ lease_id: leaseId }),
    output: z.object({
      lease_id: z.string(),
      attempt_id: z.string(),
      started_at: isoTime,
      /** Extended so that the call has its time-out, and ten seconds to be reported in. */
      lease_until: isoTime,
      /** Address, credentials and signature of this moment: send this one. */
      request: partnerRequest,
    }),
  }),
  extendLease: procedure({
    summary: 'Lets a lease run so many seconds from now, if that is longer than it would',
    role: 'operator',
    audit: 'none',
    input: z.strictObject({ lease_id: leaseId, lease_s: leaseSeconds.default(60) }),
    output: z.object({ lease_id: z.string(), lease_until: isoTime }),
  }),
  releaseTask: procedure({
    summary: 'Gives a leased task back that was not started, e.g. when the worker ends',
    role: 'operator',
    audit: 'none',
    input: z.strictObject({ lease_id: leaseId }),
    output: z.object({ lease_id: z.string() }),
  }),
  reportTask: procedure({
    summary:
      'Reports what came of a leased attempt, in the words of /integration_callback/; an outcome ends its task, repeats change nothing',
    role: 'operator',
    audit: 'none',
    input: z.strictObject({
      ...callbackReport.shape,
      lease_id: leaseId,
      log_id: z.string().max(100).nullish(),
      // A worker may repeat its integration_payload as it stands.
      lab_id: z.int().nullish(),
      lab_integration_id: z.int().nullish(),
      action_category: z.string().max(100).nullish(),
      event_id: z.string().max(200).nullish(),
    }),
    output: z.object({
      log_id: z.string(),
      /** False: a repeat, or a weaker or older signal than what is known. */
      changed: z.boolean(),
    }),
  }),
};
