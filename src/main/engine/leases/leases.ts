import { randomBytes } from 'node:crypto';
import type { CallbackReport } from '../../../shared/contract/callback.ts';
import { fieldError, LabRelayError, messageOf } from '../../../shared/errors.ts';
import {
  attemptId,
  type AttemptReport,
  type ClaimedTask,
  integrationPayloadOf,
} from '../../../shared/model/delivery.ts';
import {
  type HeldLease,
  type Lease,
  type LeaseEnd,
  leaseId,
  type LeaseSettled,
  REPORT_WITHIN_MS,
  type SettleLease,
} from '../../../shared/model/lease.ts';
import type { ConfigurationChange } from '../configuration/changes.ts';
import { nameOf } from '../dispatch/dispatcher-parts.ts';
import type { PartnerRequest } from '../dispatch/transport.ts';
import { AttemptMaker, type Made } from './attempt-maker.ts';
import { lostLease, notStarted } from './faults.ts';
import { leaseOf, refuseOtherIds } from './lease-ids.ts';
import { AskedTimes, type OutsideFigures } from './outside-work.ts';
import type { LeasedTask, LeasesDeps } from './parts.ts';

/**
 * Tasks of integrations whose calls an outside worker makes (guide, Fusion's worker in another
 * process). Leasing gives tasks out, starting stamps an attempt on disk before the worker may send, and
 * a report settles it as an attempt of our own is settled. What a worker is told to send is made by the
 * code that makes our own requests.
 */
export class Leases {
  readonly #deps: LeasesDeps;
  readonly #maker: AttemptMaker;
  readonly #asked: AskedTimes;

  constructor(deps: LeasesDeps) {
    this.#deps = deps;
    this.#maker = new AttemptMaker(deps);
    this.#asked = new AskedTimes(deps.clock());
  }

  /** Deliveries stand still: nothing is given out. */
  get isPaused(): boolean {
    return this.#maker.isPaused;
  }

  /**
   * Gives out what is ready. Nothing while delivery is paused. A task whose request cannot be made ends
   * as it would with our own dispatcher, and is not given out.
   *
   * @param wish.leaseMs how long the leases run, unless they are extended
   * @throws LabRelayError for an integration that there is not, or whose calls LabRelay makes itself
   */
  async lease(wish: {
    worker: string;
    labIntegrationId: number | null;
    limit: number;
    leaseMs: number;
  }): Promise<LeasedTask[]> {
    const { store, clock } = this.#deps;
    const now = clock();
    const { worker, labIntegrationId, limit } = wish;
    if (labIntegrationId !== null) this.#refuseNotExternal(labIntegrationId);
    this.#asked.note(labIntegrationId, now);
    if (this.#maker.isPaused) return [];
    const token = randomBytes(16).toString('hex');
    const leaseUntil = now + wish.leaseMs;
    const tasks = await store.lease({ token, worker, labIntegrationId, limit, leaseUntil, now });
    const given = await Promise.all(
      tasks.map(async (task) => {
        const lease: Lease = { logId: task.logId, attempt: task.attempt, token };
        const made = await this.#make(lease, task);
        if (made.outcome !== 'MADE') return null;
        const { request, limits } = made.attempt;
        return {
          task,
          leaseId: leaseId(lease),
          leaseUntil,
          request,
          timeoutMs: limits.timeoutMs,
          integrationPayload: integrationPayloadOf(task),
        };
      }),
    );
    return given.filter((one) => one !== null);
  }

  /**
   * Marks a leased attempt as started: from this commit on bytes may leave. One that was started before
   * stays so whatever is in its way by now, since what was answered then may be with the partner.
   *
   * @returns what is to be sent now; credentials, signature and address are those of this moment
   * @throws LabRelayError `LEASE_LOST` where nothing may be sent
   */
  async start(id: string): Promise<{
    leaseId: string;
    attemptId: string;
    startedAt: number;
    leaseUntil: number;
    request: PartnerRequest;
  }> {
    const { store, clock } = this.#deps;
    const { lease, held } = await this.#held(id);
    if (held.leaseUntil <= clock()) throw lostLease('EXPIRED');
    const { task } = held;
    const isAgain = held.stampedAt !== null;
    const made = isAgain ? await this.#maker.make(lease, task) : await this.#make(lease, task);
    if (made.outcome !== 'MADE') throw lostLease(isAgain ? 'STARTED' : made.why);
    const now = clock();
    const { timeoutMs } = made.attempt.limits;
    const leaseUntil = await store.startLease({
      lease,
      stamp: made.stamp,
      leaseUntil: now + timeoutMs + REPORT_WITHIN_MS,
      now,
    });
    if (leaseUntil === null) throw lostLease('LOST');
    const why = this.#maker.obstacle(task);
    if (why !== null && isAgain) throw lostLease('STARTED');
    if (why !== null) {
      // Since the start was asked for: whoever did it has been told that nothing leaves.
      const report = this.#maker.keptFromSending(lease, task, why);
      await this.#settle({ lease, report, stamp: null, goesBack: true });
      throw lostLease(why);
    }
    return {
      leaseId: id,
      attemptId: attemptId(lease.logId, lease.attempt),
      startedAt: held.stampedAt ?? made.stamp.startedAt,
      leaseUntil,
      request: made.attempt.request,
    };
  }

  /** @returns until when the lease runs now (epoch ms). @throws LabRelayError `LEASE_LOST` */
  async extend(id: string, leaseMs: number): Promise<number> {
    const { store, clock } = this.#deps;
    const now = clock();
    const lease = leaseOf(id);
    const until = await store.extendLease({ lease, leaseUntil: now + leaseMs, now });
    if (until === null) throw lostLease('LOST');
    return until;
  }

  /** Gives a task back that was not started. @throws LabRelayError `LEASE_LOST`, `ALREADY_DONE` */
  async release(id: string): Promise<void> {
    const lease = leaseOf(id);
    if (await this.#deps.store.releaseLease({ lease })) return;
    const held = await this.#deps.store.leasedTask(lease);
    if (!held) throw lostLease('LOST');
    throw new LabRelayError(
      'ALREADY_DONE',
      'This attempt was started, so the partner may have it. Report what came of it (reportTask).',
    );
  }

  /**
   * Takes what a worker says of a leased attempt; an outcome ends its task. Repeats change nothing.
   *
   * @param reporter name of the access key that it came with
   * @throws LabRelayError `LEASE_LOST`, `NOT_STARTED`, and as the callback route does
   */
  async report(
    id: string,
    body: Omit<CallbackReport, 'log_id'>,
    reporter: string,
  ): Promise<{ logId: string; changed: boolean }> {
    const { store, callback, onKeyWentOn } = this.#deps;
    const lease = leaseOf(id);
    const { logId, attempt } = lease;
    const ids = { log_id: logId, attempt_id: attemptId(logId, attempt) };
    refuseOtherIds(body, ids);
    const report = await callback.read({ ...body, ...ids }, reporter);
    const isOutcome = report.status !== null && report.status !== 'PENDING';
    // Only what was never sent may end without having been started.
    const held =
      isOutcome && report.certainty !== 'NOT_SENT' ? null : await store.leasedTask(lease);
    if (!isOutcome) {
      if (!held) throw lostLease('LOST');
      if (held.stampedAt === null) throw notStarted();
      const { changed } = await callback.handle({ ...body, ...ids }, reporter);
      return { logId, changed };
    }
    const stamp = held && this.#maker.stampOf(held.task);
    const settled = await this.#settle({ lease, report, stamp, goesBack: false });
    switch (settled.outcome) {
      case 'SETTLED':
        return { logId, changed: true };
      case 'LATE':
        if (settled.wentOn) onKeyWentOn(settled.wentOn);
        if (settled.retry) this.#deps.onRetry(settled.retry);
        return { logId, changed: settled.changed };
      case 'NOT_STARTED':
        throw notStarted();
      case 'LOST':
        throw lostLease('LOST');
    }
  }

  /** How external integrations stand, for health and metrics. */
  async figures(): Promise<OutsideFigures[]> {
    const figures = await this.#deps.store.leaseFigures();
    return figures.map((one) => ({ ...one, askedAt: this.#asked.of(one.labIntegrationId) }));
  }

  /**
   * Says that a report over the callback route has ended an outside worker's task: what follows is the
   * same as where the worker reports by its lease.
   */
  endedByCallback(report: AttemptReport, end: LeaseEnd): void {
    this.#follow(report, end);
  }

  /**
   * Takes back what may not leave any more: of a rule that was switched off or is our own dispatcher's by
   * now, and everything where deliveries were paused. Never throws.
   */
  async configurationChanged({ kind, id }: ConfigurationChange): Promise<void> {
    if (kind === 'settings' && this.#maker.isPaused) await this.takeBack(null);
    if (kind !== 'lab_integration' || id === null) return;
    const rule = this.#deps.configuration.integration(id);
    if (rule && (!rule.isActive || rule.executor === 'local')) await this.takeBack(id);
  }

  /**
   * Takes back what was given out and not started, of one integration or of all: it may not leave any
   * more (paused, switched off, endpoint down), or is our own dispatcher's by now. Never throws.
   */
  async takeBack(labIntegrationId: number | null): Promise<void> {
    try {
      const taken = await this.#deps.store.takeBackLeases({ labIntegrationId });
      // It may be our own dispatcher's by now.
      if (taken > 0) this.#deps.onTakenBack();
    } catch (error) {
      // It may not be started all the same, and its lease runs out.
      this.#deps.onTrouble('leases', messageOf(error));
    }
  }

  /** A worker that asks in vain for ever would look as if all were well. */
  #refuseNotExternal(labIntegrationId: number): void {
    const rule = this.#deps.configuration.integration(labIntegrationId);
    const field = 'lab_integration_id';
    if (!rule) {
      throw fieldError('NOT_FOUND', field, `there is no integration ${labIntegrationId}`);
    }
    if (rule.executor === 'external') return;
    throw fieldError(
      'INVALID_INPUT',
      field,
      `LabRelay makes the calls of integration ${labIntegrationId} itself; set its executor to external first (addUpdateWebhookIntegration)`,
    );
  }

  /** The attempt of a leased task; where it cannot be made, the task has ended or gone back. */
  async #make(lease: Lease, task: ClaimedTask): Promise<Made> {
    const { store, clock, onTrouble } = this.#deps;
    const made = await this.#maker.make(lease, task).catch(async (error: unknown) => {
      // As with our own dispatcher: what kills its handler must not be claimed first for ever.
      onTrouble('leases', nameOf(error));
      const errorMessage = `The task's request could not be made (${nameOf(error)}).`;
      const stamped = false;
      const death = { taskId: task.taskId, cause: 'EXCEPTION', errorMessage, stamped } as const;
      await store.bury({ ...death, at: clock() });
      return null;
    });
    if (made === null) return { outcome: 'HELD_BACK', why: 'NOT_SENDABLE' };
    if (made.outcome === 'NOT_SENDABLE') {
      const { report, stamp } = made;
      await this.#settle({ lease, report, stamp, goesBack: false });
    } else if (made.outcome === 'HELD_BACK') {
      await store.releaseLease({ lease });
    }
    return made;
  }

  async #settle(settlement: Omit<SettleLease, 'now'>): Promise<LeaseSettled> {
    const { store, clock, onSettled, onKeyWentOn } = this.#deps;
    const settled = await store.settleLease({ ...settlement, now: clock() });
    if (settled.outcome === 'SETTLED') {
      onSettled(settlement.report);
      this.#follow(settlement.report, settled.end);
      if (settled.end.wentOn) onKeyWentOn(settled.end.wentOn);
    }
    return settled;
  }

  #follow(report: AttemptReport, end: LeaseEnd): void {
    const { breaker, labIntegrationId, endPoint, retry } = end;
    if (breaker) this.#deps.onBreaker(breaker);
    if (retry) this.#deps.onRetry(retry);
    // Nothing but probes leaves for it from now on.
    if (breaker?.kind === 'OPENED') void this.takeBack(labIntegrationId);
    if (report.certainty !== 'REFUSED') return;
    if (report.responseStatusCode === 401) {
      this.#maker.renewCredentials(labIntegrationId).catch((error: unknown) => {
        this.#deps.onTrouble('leases', nameOf(error));
      });
    }
    if (report.responseStatusCode === 410) {
      this.#deps.onGone({ labIntegrationId, logId: report.logId }, { endPoint });
    }
  }

  async #held(id: string): Promise<{ lease: Lease; held: HeldLease }> {
    const lease = leaseOf(id);
    const held = await this.#deps.store.leasedTask(lease);
    if (!held) throw lostLease('LOST');
    return { lease, held };
  }
}
