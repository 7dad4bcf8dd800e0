import { toIso } from '../../../shared/contract/common.ts';
import type { LeaseFigures } from '../../../shared/model/lease.ts';
import type { HealthCheck } from '../health.ts';

/** How long deliveries may wait for a worker that does not ask, before health tells of it (ms). */
const UNASKED_MS = 5 * 60_000;

/** How an external integration stands, and when a worker last asked for its tasks (epoch ms). */
export interface OutsideFigures extends LeaseFigures {
  askedAt: number;
}

/** When outside workers have asked for tasks. */
export class AskedTimes {
  /** By integration; null: a worker that takes those of any. */
  readonly #at = new Map<number | null, number>();
  readonly #startedAt: number;

  /** @param startedAt since when workers could ask (epoch ms) */
  constructor(startedAt: number) {
    this.#startedAt = startedAt;
  }

  note(labIntegrationId: number | null, at: number): void {
    this.#at.set(labIntegrationId, at);
  }

  /** When one has last asked for an integration's; the start where none has. */
  of(labIntegrationId: number): number {
    const own = this.#at.get(labIntegrationId) ?? this.#startedAt;
    return Math.max(own, this.#at.get(null) ?? this.#startedAt);
  }
}

/** What health tells of integrations whose outside worker does not ask for what waits. */
export function outsideChecks(outside: readonly OutsideFigures[], now: number): HealthCheck[] {
  return outside.flatMap(({ labIntegrationId, ready, oldestReadyAt, askedAt }) => {
    if (oldestReadyAt === null || now - oldestReadyAt < UNASKED_MS) return [];
    if (now - askedAt < UNASKED_MS) return [];
    const waiting = ready === 1 ? '1 delivery waits' : `${ready} deliveries wait`;
    return [
      {
        name: `integration ${labIntegrationId}`,
        ok: false,
        detail: `${waiting} for an outside worker, the oldest since ${toIso(oldestReadyAt)}, and none has asked for them (leaseTasks) since ${toIso(askedAt)}; start the worker, or set executor to local`,
      },
    ];
  });
}
