import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../../../shared/errors.ts';
import type { BreakerChange } from '../../../shared/model/breaker.ts';
import {
  type AttemptReport,
  integrationPayloadOf,
  type TaskDeath,
} from '../../../shared/model/delivery.ts';
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

  /** Keeps an outcome: applied at once, or waiting to be reported over HTTP. */
  async settle(running: Execution, report: AttemptReport): Promise<void> {
    const { taskId } = running.task;
    const overHttp = this.#deps.configuration.settings.callbackTransport === 'http';
    const reportOverHttp = overHttp ? integrationPayloadOf(running.task) : null;
    const ending: TaskEnding = { urgent: [], breaker: null };
    try {
      const isKept = await this.insist('settle', async () => {
        const settlement = { taskId, report, reportOverHttp, isWithheld: running.withheld };
        const { urgentFor, breaker } = await this.#deps.store.settle(settlement);
        if (urgentFor !== undefined) ending.urgent = [urgentFor];
        ending.breaker = breaker ?? null;
      });
      if (!isKept) return;
    } catch (error) {
      const message = `The task's outcome could not be kept (${nameOf(error)}).`;
      await this.bury(running, 'EXCEPTION', message);
      return;
    }
    this.#onTaskEnded(ending);
    try {
      if (ending.breaker) this.#deps.onBreaker(ending.breaker);
      if (isGone(report)) this.#deps.onGone(running.task, report);
      if (overHttp) this.#deps.onReportDue();
      else this.#deps.onSettled(report);
    } catch (error) {
      // A listener can never break a delivery.
      this.#deps.onTrouble('listener', nameOf(error));
    }
  }

  /** Moves a task that died into the failed-task queue. It never throws. */
  async bury(running: Execution, cause: TaskDeath['cause'], errorMessage: string): Promise<void> {
    const { taskId } = running.task;
    const { stamped } = running;
    const at = this.#deps.clock();
    try {
      await this.insist('bury', () =>
        this.#deps.store.bury({ taskId, cause, errorMessage, stamped, at }),
      );
    } catch {
      // Told as trouble already. The task stays claimed, and the next start calls it what it is:
      // unsent, or UNKNOWN.
    }
    this.#onTaskEnded({ urgent: [], breaker: null });
  }

  /**
   * Writes, again and again while the store cannot be written: an outcome is known only here, and
   * its slot stays taken, so nothing more is sent than can be told of. A crash meanwhile leaves it
   * `UNKNOWN`, and so does a stop that has waited for the store long enough.
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
}

/** 410, where the rule's author does not say that it means something else. */
function isGone({ responseStatusCode, certainty }: AttemptReport): boolean {
  return responseStatusCode === 410 && certainty === 'REFUSED';
}
