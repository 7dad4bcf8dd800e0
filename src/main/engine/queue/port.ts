import type { KeyWentOn, OrderTended } from '../../../shared/model/ordering.ts';
import type { ScheduleStep } from '../../../shared/model/retry.ts';
import type {
  ClaimedTask,
  FailedTask,
  PendingReport,
  Settlement,
  SettlementResult,
  Stamp,
  TaskDeath,
} from '../../../shared/model/delivery.ts';
import type { Requeued } from '../../../shared/model/retry.ts';
import type {
  HeldFate,
  HeldFilter,
  HeldGroup,
  HeldSettled,
  HeldTask,
  PendingWaitingAction,
  WaitingAction,
} from '../../../shared/model/held.ts';

/** What the room of held deliveries needs of the store, as whole commands. */
export interface HeldTasksPort {
  /** What is noted as being done to what waits. */
  waitingActions(): Promise<PendingWaitingAction[]>;
  /**
   * Holds a chunk of what is open for a switched-off rule.
   * @returns how many; less than the limit: all are held, and the action is over
   */
  holdOpenTasks(request: { labIntegrationId: number; limit: number }): Promise<number>;
  /** Held tasks by rising id, from behind `afterTaskId`. */
  heldTasks(request: {
    filter: HeldFilter;
    afterTaskId: number;
    limit: number;
  }): Promise<HeldTask[]>;
  countHeldTasks(filter: HeldFilter): Promise<HeldGroup[]>;
  /**
   * Does to held tasks what was decided; those that are held no longer are passed over, and those of
   * a rule that was switched off since stay held, unless they end. With `during`, nothing is done
   * once that action has ended or was overtaken by another, and the answer says so.
   */
  settleHeldTasks(request: {
    fates: HeldFate[];
    decision: { actor: string; reason: string | null; now: number };
    during: { labIntegrationId: number; action: WaitingAction } | null;
  }): Promise<HeldSettled>;
  /** Ends an action where nothing is left behind `afterTaskId`. @returns whether it is over */
  endWaitingAction(request: {
    labIntegrationId: number;
    action: WaitingAction;
    afterTaskId: number;
  }): Promise<boolean>;
}

/** What recovery did at a start. */
export interface Recovery {
  /** Unstamped claims given back to the queue. */
  requeued: number;
  /** Stamped attempts without an outcome, now `UNKNOWN`. */
  unknown: number;
  /** Tasks that were claimed at two crashes, now in the failed-task queue. */
  failed: number;
  /** What became of the schedules of those that are `UNKNOWN` now, where anything did. */
  retries?: ScheduleStep[];
}

/** What the queue and the dispatcher need of the store, as whole commands. */
export interface QueuePort {
  /**
   * Claims up to `limit` ready tasks for a worker, STAT first, within each integration's
   * concurrency and rate, from active integrations only; one whose breaker is open gives a probe
   * when it is due.
   */
  claim(request: {
    worker: string;
    limit: number;
    leaseUntil: number;
    now: number;
  }): Promise<ClaimedTask[]>;
  /**
   * When the next token of a rate-limited integration with ready tasks is due, or the next probe of
   * one whose breaker is open; asked in the turn of a claim it sees what that has left. Null:
   * neither is waited for.
   */
  nextDueAt(request: { now: number }): Promise<number | null>;
  /** Notes durably that a suspect task is about to be handled, so that a second crash is told from chance. */
  begin(request: { worker: string; taskId: number; now: number }): Promise<boolean>;
  /** True per stamp whose task is still this worker's; only then may bytes leave. */
  stamp(request: { worker: string; stamp: Stamp }): Promise<boolean>;
  /**
   * Ends a task with its outcome, or lets it wait in its place where the endpoint was not reached;
   * tells where the outcome opened or closed the integration's breaker.
   */
  settle(settlement: Settlement): Promise<SettlementResult>;
  /** Moves a task that died into the failed-task queue. */
  bury(death: TaskDeath): Promise<void>;
  /** Gives back claimed tasks that were not stamped. */
  release(request: { worker: string; taskIds: number[] }): Promise<void>;
  /** @param request.of tasks that the worker holds; what it has lost sight of runs out */
  extendLeases(request: { worker: string; leaseUntil: number; of: number[] }): Promise<void>;
  /**
   * Deals with expired claims of other workers and, at a start, with all claims that this engine's
   * former life left behind.
   *
   * @param request.mine tasks that this worker holds; its other claims are dealt with too, once they
   *   have run out. Left out: none of its claims is touched while it runs
   */
  recover(request: {
    worker: string;
    now: number;
    atStart: boolean;
    mine?: number[];
  }): Promise<Recovery>;
  /**
   * Releases the followers of heads that have been in doubt for too long, and makes STAT what is to
   * be delivered soon.
   */
  tendOrder(request: { now: number }): Promise<OrderTended>;
  /**
   * Forgets a kept outcome: the callback route has taken it.
   * @returns what of its ordering key has become ready so, and what it made of its log's schedule; null
   *   where it was forgotten already
   */
  reportTaken(request: {
    taskId: number;
    logId?: string;
  }): Promise<{ wentOn: KeyWentOn | null; retry: ScheduleStep | null } | null>;
  /** Outcomes that are kept but not yet taken by the callback route, oldest first. */
  pendingReports(request: { afterTaskId: number; limit: number }): Promise<PendingReport[]>;
  listFailedTasks(request: {
    beforeId: number | null;
    limit: number;
    includeRequeued: boolean;
  }): Promise<FailedTask[]>;
  /** Queues a failed task once more. */
  requeueFailedTask(request: {
    failedTaskId: number;
    reason: string | null;
    actor: string;
    now: number;
  }): Promise<Requeued>;
}
