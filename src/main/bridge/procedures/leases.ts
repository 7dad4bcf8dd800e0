import { toIso } from '../../../shared/contract/common.ts';
import type { leaseProcedures } from '../../../shared/contract/leases.ts';
import type { PartnerRequest } from '../../engine/dispatch/transport.ts';
import type { Leases } from '../../engine/leases/leases.ts';
import type { LeasedTask } from '../../engine/leases/parts.ts';
import type { Audit } from '../audited.ts';
import type { Caller, Handlers } from '../handler.ts';

/** Handlers of what outside workers call. */
export function leaseHandlers(
  leases: Leases,
  audit: Audit,
): Handlers<keyof typeof leaseProcedures> {
  return {
    leaseTasks: async (input, caller) => {
      const { worker } = input;
      const tasks = await leases.lease({
        worker,
        labIntegrationId: input.lab_integration_id ?? null,
        limit: input.limit,
        leaseMs: input.lease_s * 1_000,
      });
      if (tasks.length > 0) await tellLeased(leases, audit, tasks, { worker, caller });
      return { tasks: tasks.map(taskDocument), delivery_paused: leases.isPaused };
    },
    startTask: async ({ lease_id }) => {
      const { attemptId, startedAt, leaseUntil, request } = await leases.start(lease_id);
      return {
        lease_id,
        attempt_id: attemptId,
        started_at: toIso(startedAt),
        lease_until: toIso(leaseUntil),
        request: requestDocument(request),
      };
    },
    extendLease: async ({ lease_id, lease_s }) => ({
      lease_id,
      lease_until: toIso(await leases.extend(lease_id, lease_s * 1_000)),
    }),
    releaseTask: async ({ lease_id }) => {
      await leases.release(lease_id);
      return { lease_id };
    },
    reportTask: async ({ lease_id, ...report }, caller) => {
      const { logId, changed } = await leases.report(lease_id, report, caller.name);
      return { log_id: logId, changed };
    },
  };
}

/**
 * One entry for all that a call gives out, before it is given. Where it cannot be written nothing is:
 * the tasks go back.
 */
async function tellLeased(
  leases: Leases,
  audit: Audit,
  tasks: readonly LeasedTask[],
  { worker, caller }: { worker: string; caller: Caller },
): Promise<void> {
  try {
    await audit.append({
      actor: caller.name,
      action: 'leaseTasks',
      subject: `log_id=${tasks.map(({ task }) => task.logId).join(',')}`,
      reason: null,
      address: caller.address,
      detail: {
        access_key_id: caller.accessKeyId,
        role: caller.role,
        count: tasks.length,
        worker,
      },
    });
  } catch (error) {
    for (const { leaseId } of tasks) await leases.release(leaseId).catch(() => {});
    throw error;
  }
}

function taskDocument({ task, leaseId, leaseUntil, ...rest }: LeasedTask) {
  return {
    task_id: task.taskId,
    lease_id: leaseId,
    attempt_id: rest.integrationPayload.attempt_id,
    lease_until: toIso(leaseUntil),
    priority: task.priority,
    deliver_by: toIso(task.deliverBy),
    timeout_ms: rest.timeoutMs,
    request: requestDocument(rest.request),
    integration_payload: rest.integrationPayload,
  };
}

function requestDocument({ method, url, headers, body }: PartnerRequest) {
  return { method, url, headers, body };
}
