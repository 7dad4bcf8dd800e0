import { setTimeout as sleep } from 'node:timers/promises';
import { LabRelayError, messageOf } from '../../../shared/errors.ts';
import type { BreakerChange } from '../../../shared/model/breaker.ts';
import {
  type AttemptReport,
  type ClaimedTask,
  integrationPayloadOf,
  type Settlement,
  type SettlementResult,
  type TaskDeath,
} from '../../../shared/model/delivery.ts';
import type { SpillApplied, SpillRecord } from '../../../shared/model/spill.ts';
import {
  type DispatcherDeps,
  type DispatcherTimings,
  isStoreDown,
  nameOf,
  type Execution,
} from './dispatcher-parts.ts';

/** A stop must end even on a full disk: so often an outcome is offered to the store before it is given up. */
const TRIES_WHILE_STOPPING = 6;

/** What the end of a task means for those that are still to come. */
interface TaskEnding {
  /** Where a STAT task behind it has become ready, its integration. */
  urgent: readonly number[];
  /** What its outcome did to its integration's breaker. */
  breaker: BreakerChange | null;
}

/** Writes what became of executions, and does not let go before it is on disk. */
export class OutcomeKeeper {
  readonly #deps: DispatcherDeps;
  readonly #timings: DispatcherTimings;
  readonly #isStopped: () => boolean;
  readonly #onTaskEnded: (ending: TaskEnding) => void;
  /** Deaths that the store would not take, by task. */
  readonly #unburied = new Map<number, TaskDeath>();
  /** Tasks whose end is being written. */
  readonly #ending = new Set<number>();

  /**
   * @param isStopped whether the dispatcher is to end, so that waiting for the store must too
   * @param onTaskEnded a task has left the queue or gone back into it, which may make room for another
   */
  constructor(
    deps: DispatcherDeps,
    timings: DispatcherTimings,
    isStopped: () => boolean,
    onTaskEnded: (ending: TaskEnding) => void,
  ) {
    this.#deps = deps;
    this.#timings = timings;
    this.#isStopped = isStopped;
    this.#onTaskEnded = onTaskEnded;
  }

  /** Keeps an outcome: applied at once, waiting to be reported over HTTP, or in the spill journal. */
  async settle(running: Execution, report: AttemptReport): Promise<void> {
    const { taskId } = running.task;
    this.#ending.add(taskId);
    await this.#settle(running, report);
    this.#ending.delete(taskId);
  }

  async #settle(running: Execution, report: AttemptReport): Promise<void> {
    const { goesBack, task } = running;
    const overHttp = this.#deps.configuration.settings.callbackTransport === 'http';
    const reportOverHttp = overHttp ? integrationPayloadOf(task) : null;
    const settlement: Settlement = { taskId: task.taskId, report, reportOverHttp, goesBack };
    let settled: SettlementResult | null = null;
    try {
      const write = async () => {
        settled = await this.#deps.store.settle(settlement);
      };
      await this.#keep('settle', write, { kind: 'SETTLEMENT', settlement });
    } catch (error) {
      const message = `The task's outcome could not be kept (${nameOf(error)}).`;
      await this.bury(running, 'EXCEPTION', message);
      return;
    }
    // Kept otherwise, its effects come with its replay; given up, there are none.
    if (settled) this.#settled(task, settlement, settled);
  }

  /** What was kept in the spill journal is in the store now. */
  applied(record: SpillRecord, { settled }: Extract<SpillApplied, { outcome: 'APPLIED' }>): void {
    if (record.kind === 'CALL') return;
    if (record.kind === 'DEATH') {
      this.#onTaskEnded({ urgent: [], breaker: null });
      return;
    }
    const { settlement } = record;
    const { logId } = settlement.report;
    if (settled) this.#settled({ ...settled, logId }, settlement, settled);
    else this.#onTaskEnded({ urgent: [], breaker: null });
  }

  #settled(
    task: Pick<ClaimedTask, 'logId' | 'labIntegrationId'>,
    { report, reportOverHttp }: Settlement,
    { urgentFor, breaker, retry }: SettlementResult,
  ): void {
    const urgent = urgentFor === undefined ? [] : [urgentFor];
    this.#onTaskEnded({ urgent, breaker: breaker ?? null });
    try {
      if (breaker) this.#deps.onBreaker(breaker);
      if (retry) this.#deps.onRetry(retry);
      if (isGone(report)) this.#deps.onGone(task, report);
      if (reportOverHttp) this.#deps.onReportDue();
      else this.#deps.onSettled(report);
    } catch (error) {
      // A listener can never break a delivery.
      this.#deps.onTrouble('listener', nameOf(error));
    }
  }

  /** Moves a task that died into the failed-task queue. It never throws. */
  async bury(running: Execution, cause: TaskDeath['cause'], errorMessage: string): Promise<void> {
    const { taskId, logId, attempt } = running.task;
    this.#ending.add(taskId);
    const { stamped } = running;
    const death: TaskDeath = { taskId, cause, errorMessage, stamped, at: this.#deps.clock() };
    try {
      const record: SpillRecord = { kind: 'DEATH', death, logId, attempt };
      await this.#keep('bury', () => this.#deps.store.bury(death), record);
    } catch {
      // Told as trouble already. Until the store takes it, the task stays claimed; where it never
      // does, the next start calls the task what it is: unsent, or UNKNOWN.
      this.#unburied.set(taskId, death);
    }
    this.#ending.delete(taskId);
    this.#onTaskEnded({ urgent: [], breaker: null });
  }

  /** Tasks whose end is being written. */
  get ending(): number[] {
    return [...this.#ending];
  }

  /** Tasks that are done with, but still claimed since the store would not bury them. */
  get unburied(): number[] {
    return [...this.#unburied.keys()];
  }

  /** Offers the store once more what it would not bury, each of which blocks its key. Never throws. */
  async buryAgain(): Promise<void> {
    for (const death of this.#unburied.values()) {
      try {
        await this.#deps.store.bury(death);
      } catch {
        continue;
      }
      this.#unburied.delete(death.taskId);
      this.#onTaskEnded({ urgent: [], breaker: null });
    }
  }

  /**
   * Writes, again and again while the store cannot be written.
   *
   * @returns false where it was given up for a stop
   * @throws what the store has against this very write; that would not pass
   */
  async insist(what: string, write: () => Promise<unknown>): Promise<boolean> {
    for (let triesWhileStopping = 0; ; ) {
      try {
        await write();
        return true;
      } catch (error) {
        this.#deps.onTrouble(what, messageOf(error));
        if (!isStoreDown(error)) throw error;
        if (this.#isStopped() && ++triesWhileStopping >= TRIES_WHILE_STOPPING) return false;
        await sleep(this.#timings.storeAgain);
      }
    }
  }

  /**
   * Writes what is known only here, and puts it into the spill journal where the store does not take
   * it: then its slot is free. Once the journal is in use everything goes there, in order, and nothing
   * past what waits in it. Where it takes no more, the slot stays taken, so that nothing more is sent
   * than can be told of; a crash meanwhile leaves the attempt `UNKNOWN`, and so does a stop that has
   * waited long enough.
   *
   * @throws what the store has against this very write
   */
  async #keep(what: string, write: () => Promise<unknown>, record: SpillRecord): Promise<void> {
    const { spill } = this.#deps;
    await this.insist(what, async () => {
      if (spill.isInUse) {
        if (await spill.keep(record)) return;
        throw new LabRelayError('STORE_UNAVAILABLE', 'The spill journal takes no more.');
      }
      try {
        await write();
      } catch (error) {
        if (!isStoreDown(error) || !(await spill.keep(record))) throw error;
      }
    });
  }
}

/** 410, where the rule's author does not say that it means something else. */
function isGone({ responseStatusCode, certainty }: AttemptReport): boolean {
  return responseStatusCode === 410 && certainty === 'REFUSED';
}
