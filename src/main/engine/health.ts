import { toIso } from '../../shared/contract/common.ts';
import type { Output } from '../../shared/contract/index.ts';
import type { WaitingAction } from '../../shared/model/held.ts';
import { breakerChecks } from './breaker-checks.ts';
import type { EngineFigures } from './figures.ts';
import { outsideChecks } from './leases/outside-work.ts';
import { orderChecks } from './order-alerts.ts';
import type { FailingAction } from './queue/held-retries.ts';

export type HealthDocument = Output<'getHealth'>;
export type HealthCheck = HealthDocument['checks'][number];

/** How long figures are shown again (ms): anyone may ask, and counting takes the store's time. */
const FIGURES_KEPT_MS = 1_000;

/** Whom health is told to: anyone who asks over the network, or people who have shown a key. */
export type Audience = 'anyone' | 'people';

/** What health is told from. */
export interface HealthParts {
  figures: () => Promise<EngineFigures>;
  /** The store check while the store refuses writes; null: it takes them. */
  storeRefused: () => HealthCheck | null;
  /** Whether deliveries go out; asked at each look. */
  delivery: () => HealthCheck;
  /** What to know without being a fault, e.g. that keys cross the network in clear. */
  notices: (audience: Audience) => HealthCheck[];
  /** What the console shows above everything. */
  banners: () => HealthDocument['banners'];
  version: string;
  /** Epoch milliseconds. */
  clock: () => number;
}

/** Tells whether LabRelay takes events and delivers, with the figures of queue and directory. */
export class Health {
  readonly #parts: HealthParts;
  readonly #startedAt: number;
  #figures: { at: number; asked: Promise<EngineFigures> } | null = null;

  constructor(parts: HealthParts) {
    this.#parts = parts;
    this.#startedAt = parts.clock();
  }

  /** Counts at most a second old. @throws what the store throws */
  figures(): Promise<EngineFigures> {
    const at = this.#parts.clock();
    if (!this.#figures || at - this.#figures.at >= FIGURES_KEPT_MS) {
      this.#figures = { at, asked: this.#parts.figures() };
    }
    return this.#figures.asked;
  }

  /** Never throws: a store that cannot be read is what health is there to tell. */
  async document(audience: Audience = 'anyone'): Promise<HealthDocument> {
    const { clock, version, delivery, notices, banners } = this.#parts;
    let figures: EngineFigures | null = null;
    const readable: HealthCheck = { name: 'store', ok: true, detail: 'can be read and written' };
    let store = this.#parts.storeRefused() ?? readable;
    try {
      figures = await this.figures();
    } catch {
      store = {
        name: 'store',
        ok: false,
        detail: 'cannot be read; see the application log and the disk of the data folder',
      };
    }
    const decisive = [store, delivery()];
    return {
      status: decisive.every(({ ok }) => ok) ? 'ok' : 'degraded',
      version,
      started_at: toIso(this.#startedAt),
      uptime_s: Math.max(0, Math.round((clock() - this.#startedAt) / 1_000)),
      checks: [
        ...decisive,
        ...breakerChecks(figures?.store.breakers ?? [], audience),
        ...(figures ? orderChecks(figures.order, figures.holdAlerts, clock()) : []),
        ...outsideChecks(figures?.outside ?? [], clock()),
        ...notices(audience),
      ],
      banners: banners(),
      logs_by_status: figures?.store.logsByStatus ?? {},
      inbound_by_status: figures?.store.inboundByStatus ?? {},
      tasks_by_state: figures?.store.tasksByState ?? {},
      failed_tasks: figures?.store.failedTasks ?? 0,
      retries: {
        scheduled: figures?.store.tasksByState['SCHEDULED'] ?? 0,
        exhausted: figures?.store.exhausted ?? 0,
        next_at: toIso(figures?.store.nextRetryAt ?? null),
      },
      oldest_task_at: toIso(figures?.store.oldestTaskAt ?? null),
      in_flight: figures?.inFlight ?? 0,
      store_bytes: figures?.store.fileBytes ?? 0,
      schema_version: figures?.store.schemaVersion ?? 0,
      figures_at: toIso(figures ? (this.#figures?.at ?? null) : null),
    };
  }
}

/** What is being done to what waits for an integration and fails: nothing of it goes out meanwhile. */
export function heldNotices(failing: readonly FailingAction[]): HealthCheck[] {
  return failing.map(({ labIntegrationId, action, since }) => ({
    name: `integration ${labIntegrationId}`,
    ok: false,
    detail: `${FAILING[action]} has failed since ${toIso(since)}, and nothing of it is sent meanwhile; it is tried again at least once a minute. See the application log${action === 'REBUILD' ? ', or disable the integration and choose otherwise when you enable it' : ''}`,
  }));
}

const FAILING: Record<WaitingAction, string> = {
  HOLD: 'holding what waits for it',
  RELEASE: 'releasing what was held for it',
  REBUILD: 'building anew what was held for it',
  DROP: 'dropping what was held for it',
};
