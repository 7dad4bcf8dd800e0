import { setTimeout as sleep } from 'node:timers/promises';
import type { LabIntegration } from '../../../shared/model/configuration.ts';

/** From this rate on (a minute) more than one call may go at once, and a few ms make no difference. */
const SEVERAL_AT_ONCE = 120;

/**
 * Keeps calls to a partner apart that takes one at a time. The store's tokens are counted from the
 * stamps; but a stamp's commit may take its time, and the next one less, and a partner that counts
 * strictly would refuse the second.
 */
export class Pace {
  /** When the next call of an integration may leave (epoch ms). */
  readonly #next = new Map<number, number>();
  readonly #clock: () => number;

  constructor(clock: () => number) {
    this.#clock = clock;
  }

  /** Resolves when this call may leave. */
  async turn(rule: Pick<LabIntegration, 'labIntegrationId' | 'ratePerMinute'>): Promise<void> {
    const { labIntegrationId: id, ratePerMinute: rate } = rule;
    if (rate === null || rate >= SEVERAL_AT_ONCE) return;
    const now = this.#clock();
    const apart = 60_000 / rate;
    // Never longer than that, for a clock that was set back.
    const at = Math.min(Math.max(now, this.#next.get(id) ?? now), now + apart);
    this.#next.set(id, at + apart);
    if (at > now) await sleep(at - now);
  }
}
