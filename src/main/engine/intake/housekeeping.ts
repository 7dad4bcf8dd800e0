import { type ScheduledTask, schedule } from 'node-cron';
import type { IntakePort } from './port.ts';

/** Not on the hour, when everybody's jobs run. */
const HOURLY = '23 * * * *';

/** Forgets idempotency keys past their time, once an hour. */
export class IntakeHousekeeping {
  readonly #store: Pick<IntakePort, 'purgeIdempotencyKeys'>;
  readonly #clock: () => number;
  readonly #onError: (error: unknown) => void;
  #task: ScheduledTask | null = null;

  /** @param deps.onError told of a purge that failed; the next hour tries again */
  constructor(deps: {
    store: Pick<IntakePort, 'purgeIdempotencyKeys'>;
    clock: () => number;
    onError: (error: unknown) => void;
  }) {
    this.#store = deps.store;
    this.#clock = deps.clock;
    this.#onError = deps.onError;
  }

  start(): void {
    this.#task ??= schedule(HOURLY, () => this.run(), { name: 'intake housekeeping', unref: true });
  }

  /** Idempotent. */
  async stop(): Promise<void> {
    const task = this.#task;
    this.#task = null;
    await task?.destroy();
  }

  /** One round, as the schedule runs it. */
  async run(): Promise<void> {
    try {
      await this.#store.purgeIdempotencyKeys(this.#clock());
    } catch (error) {
      this.#onError(error);
    }
  }
}
