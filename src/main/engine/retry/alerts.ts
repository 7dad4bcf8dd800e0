import type { HealthCheck } from '../health.ts';

/** How long what happens together is gathered (ms): a partner that is down for a day exhausts thousands. */
const GATHERED_FOR_MS = 1_000;

/** How long health tells of it (ms). */
const TOLD_FOR_MS = 60 * 60 * 1_000;

/** What people are told of retries: each log once, many together in one line. */
type RetryAlert = 'retries_exhausted' | 'logs_stalled';

/** What a line of the operator's log says. */
type Fields = Record<string, number | string>;

interface Gathering {
  count: number;
  first: Fields;
}

/** Deliveries that are not sent again by themselves, and those that had been lost sight of. */
export class RetryAlerts {
  readonly #tell: (what: RetryAlert, fields: Fields) => void;
  readonly #clock: () => number;
  readonly #gathering = new Map<RetryAlert, Gathering>();
  #timer: NodeJS.Timeout | null = null;
  /** Given up since the start. */
  exhausted = 0;
  /** Found without a way on since the start. */
  stalled = 0;
  #lastExhaustedAt: number | null = null;

  /** @param tell one line for people; `count` logs, the first of which it names */
  constructor(tell: (what: RetryAlert, fields: Fields) => void, clock: () => number) {
    this.#tell = tell;
    this.#clock = clock;
  }

  addExhausted(log: { logId: string; labIntegrationId: number; why: string }): void {
    this.exhausted++;
    this.#lastExhaustedAt = this.#clock();
    const { logId: log_id, labIntegrationId: lab_integration_id, why: code } = log;
    this.#add('retries_exhausted', 1, { log_id, lab_integration_id, code });
  }

  addStalled(logIds: readonly string[]): void {
    this.stalled += logIds.length;
    this.#add('logs_stalled', logIds.length, { log_id: logIds[0] ?? '' });
  }

  /** Tells what is gathered. Idempotent. */
  stop(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    for (const [what, { count, first }] of this.#gathering) this.#tell(what, { count, ...first });
    this.#gathering.clear();
  }

  /** What health tells; nothing where there is nothing to know. */
  checks(): HealthCheck[] {
    const at = this.#lastExhaustedAt;
    if (at === null || this.#clock() - at >= TOLD_FOR_MS) return [];
    const those = this.exhausted === 1 ? '1 delivery is' : `${this.exhausted} deliveries are`;
    const detail = `${those} not sent again by themselves any more, counted since the start: all retries failed. Find them by retry_state EXHAUSTED, and retry them by hand once the partner is mended`;
    return [{ name: 'retries', ok: false, detail }];
  }

  #add(what: RetryAlert, count: number, first: Fields): void {
    const known = this.#gathering.get(what);
    if (known) known.count += count;
    else this.#gathering.set(what, { count, first });
    this.#timer ??= setTimeout(() => this.stop(), GATHERED_FOR_MS);
  }
}
