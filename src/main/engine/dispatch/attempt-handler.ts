import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../../../shared/errors.ts';
import {
  type AttemptReport,
  type ClaimedTask,
  type Stamp,
  stampOf,
} from '../../../shared/model/delivery.ts';
import { reportOfOutcome } from '../callback/outcome-report.ts';
import {
  type DispatcherDeps,
  type DispatcherTimings,
  type Execution,
  isStoreDown,
} from './dispatcher-parts.ts';
import { callPartner } from './authorized-call.ts';
import type { OutcomeKeeper } from './outcome-keeper.ts';
import { NotSendable } from './not-sendable.ts';
import { Pace } from './pace.ts';
import { prepareAttempt, type PreparedAttempt } from './request.ts';
import { failure, type Outcome } from './transport.ts';
import { Turnstile } from './turnstile.ts';

/** Makes one attempt: prepares, stamps, sends, and tells the outcome as a report. */
export class AttemptHandler {
  readonly #deps: DispatcherDeps;
  readonly #timings: DispatcherTimings;
  readonly #keeper: OutcomeKeeper;
  readonly #putBack: (task: ClaimedTask) => void;
  readonly #suspects = new Turnstile();
  readonly #pace: Pace;

  /** @param putBack holds a task, which stays claimed, for another slot */
  constructor(
    deps: DispatcherDeps,
    timings: DispatcherTimings,
    keeper: OutcomeKeeper,
    putBack: (task: ClaimedTask) => void,
  ) {
    this.#deps = deps;
    this.#timings = timings;
    this.#keeper = keeper;
    this.#putBack = putBack;
    this.#pace = new Pace(deps.clock);
  }

  /**
   * @param before the slot's former settlement, which shares a commit with this one's stamp
   * @returns the report, or null where the task was given back or is not ours
   * @throws where the handler itself is at fault; the task then belongs to the failed-task queue
   */
  async handle(running: Execution, before: Promise<void>): Promise<AttemptReport | null> {
    const { task } = running;
    const { configuration, credentials, transport, clock, failpoint } = this.#deps;
    if (!this.#mayLeave(task)) return this.#giveBack(task);
    const suspect = task.crashes > 0 ? await this.#suspects.enter(() => this.#begin(task)) : null;
    const startedAt = clock();
    let attempt: PreparedAttempt | null = null;
    let outcome: Outcome | null = null;
    try {
      const prepared = prepareAttempt(task, configuration, credentials, startedAt);
      // Not awaited in vain: the stamp is to share a commit with the settlement before it.
      attempt = prepared instanceof Promise ? await prepared : prepared;
    } catch (error) {
      if (!(error instanceof NotSendable)) {
        suspect?.leave();
        throw error;
      }
      outcome = failure(error.kind, error.message, 0);
    }
    // Waiting for a token or for other suspects takes its time.
    if (!this.#mayLeave(task)) return this.#giveBack(task).finally(() => suspect?.leave());
    failpoint('before-stamp');
    const stamped = await this.#stamp(task, attempt, startedAt).finally(() => suspect?.leave());
    // The slot's former settlement shares this commit; where it failed, this slot is not free yet.
    await before;
    if (!stamped || running.end === null) return null;
    running.stamped = true;
    failpoint('after-stamp');
    if (attempt) await this.#pace.turn(attempt.rule);
    if (attempt && !this.#mayLeave(task)) {
      // Since the stamp was asked for: whoever did it has been told that nothing leaves.
      running.goesBack = true;
      outcome = failure('CONFIGURATION', `${this.#whyNot(task)} before anything was sent.`, 0);
    } else if (attempt) {
      const { timeoutMs } = attempt.limits;
      running.deadline = clock() + timeoutMs + this.#timings.hungAfter;
      outcome = await callPartner(transport, attempt, () => {
        running.deadline = clock() + timeoutMs + this.#timings.hungAfter;
        return this.#isActive(task) && !this.#isStopped(task) && running.end !== null;
      });
      failpoint('after-answer');
    }
    if (!outcome) throw new Error('an attempt without an outcome');
    return reportOfOutcome(
      task,
      attempt?.rule.endPoint ?? null,
      attempt?.storedHeaders ?? null,
      outcome,
      attempt?.rule.retryPolicy.overrides ?? {},
      clock(),
    );
  }

  /**
   * @returns false where the task is no longer ours, or the store cannot be written just now
   * @throws what the store has against this very stamp
   */
  async #stamp(
    task: ClaimedTask,
    attempt: PreparedAttempt | null,
    startedAt: number,
  ): Promise<boolean> {
    const { store, worker } = this.#deps;
    try {
      return await store.stamp({ worker, stamp: this.#stampOf(task, attempt, startedAt) });
    } catch (error) {
      this.#deps.onTrouble('stamp', messageOf(error));
      if (!isStoreDown(error)) throw error;
      // Not a fault of the task: nothing was sent, and it is held until the store takes stamps again.
      await sleep(this.#timings.storeAgain);
      this.#putBack(task);
      return false;
    }
  }

  /** Unstamped and with nothing sent, it is the queue's again. */
  async #giveBack({ taskId }: ClaimedTask): Promise<null> {
    const { store, worker } = this.#deps;
    await this.#keeper.insist('release', () => store.release({ worker, taskIds: [taskId] }));
    return null;
  }

  /**
   * Whether anything may leave for it now: not once it was answered that its rule is switched off, its
   * breaker opened by hand, or delivery paused.
   */
  #mayLeave(task: ClaimedTask): boolean {
    return this.#isActive(task) && !this.#isStopped(task) && this.#isOurs(task) && !this.#isPaused;
  }

  /** Why nothing may leave for it. */
  #whyNot(task: ClaimedTask): string {
    if (!this.#isActive(task)) return 'The rule was switched off';
    if (this.#isStopped(task)) return 'The circuit breaker was opened by hand';
    return this.#isOurs(task) ? 'Delivery was paused' : 'The rule was given to outside workers';
  }

  #isStopped(task: ClaimedTask): boolean {
    return this.#deps.stops.has(task.labIntegrationId);
  }

  /** What was claimed before its rule was given to outside workers goes to them. */
  #isOurs(task: ClaimedTask): boolean {
    return this.#deps.configuration.integration(task.labIntegrationId)?.executor !== 'external';
  }

  get #isPaused(): boolean {
    return this.#deps.configuration.settings.deliveryPaused !== null;
  }

  /** A rule that is gone counts as active: the attempt then tells that it is gone. */
  #isActive(task: ClaimedTask): boolean {
    return this.#deps.configuration.integration(task.labIntegrationId)?.isActive !== false;
  }

  #stampOf(task: ClaimedTask, attempt: PreparedAttempt | null, startedAt: number): Stamp {
    const rule = attempt?.rule ?? this.#deps.configuration.integration(task.labIntegrationId);
    return stampOf(task, {
      configVersion: rule?.version ?? 0,
      endPoint: rule?.endPoint ?? '',
      requestMethod: rule?.method ?? '',
      requestHeaders: attempt?.storedHeaders ?? {},
      startedAt,
    });
  }

  /**
   * A suspect (the engine died while it was claimed) is noted durably before it is handled, one at a
   * time: should the engine die again, it is this one that goes to the failed-task queue, not its
   * innocent neighbours.
   */
  async #begin(task: ClaimedTask): Promise<void> {
    const { store, worker, clock } = this.#deps;
    await this.#keeper.insist('begin', () =>
      store.begin({ worker, taskId: task.taskId, now: clock() }),
    );
  }
}
