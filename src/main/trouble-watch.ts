import type { AppLog } from './app-log.ts';
import type { EngineLog } from './engine/engine.ts';
import type { HealthCheck } from './engine/health.ts';
import type { BreakerChange } from '../shared/model/breaker.ts';

/** How long a trouble counts as present (ms): loops that meet one try again every second. */
const PRESENT_MS = 5_000;
/** How often one kind of trouble is logged (ms), since many slots meet the same full disk. */
const LOGGED_EVERY_MS = 10_000;

/** Troubles that mean that deliveries do not go out or are not recorded. */
const STOPS_DELIVERY = new Set(['claim', 'begin', 'stamp', 'settle', 'bury', 'report']);

/** Codes of the system, the store and the client; the rest of a message may quote data. */
const CODE = /\b(?:SQLITE_[A-Z_]+|UND_ERR_[A-Z_]+|E[A-Z]{3,20})\b/;

/**
 * Hears the engine's troubles: writes them to the application log without their texts, and tells
 * health while they last.
 */
export class TroubleWatch implements EngineLog {
  readonly #log: AppLog;
  readonly #clock: () => number;
  readonly #logged = new Map<string, number>();
  #lastStop: { what: string; at: number } | null = null;

  constructor(log: AppLog, clock: () => number) {
    this.#log = log;
    this.#clock = clock;
  }

  info(what: string, fields?: Record<string, number | string>): void {
    this.#log.info(what === 'engine started' ? 'engine_started' : 'engine_stopped', fields);
  }

  /** Once a transition, so never a flood. */
  breaker(change: BreakerChange): void {
    const fields = { lab_integration_id: change.labIntegrationId, failed: change.failures };
    switch (change.kind) {
      case 'WARNING':
        this.#log.warn('breaker_warning', fields);
        break;
      case 'OPENED':
        this.#log.warn('breaker_opened', { ...fields, code: change.reason });
        break;
      case 'CLOSED':
        this.#log.info('breaker_closed', fields);
        break;
    }
  }

  storeBack(replayed: number, afterMs: number): void {
    this.#log.info('store_back', { count: replayed, duration_ms: afterMs });
  }

  warn(what: string, message: string): void {
    const now = this.#clock();
    if (STOPS_DELIVERY.has(what)) this.#lastStop = { what, at: now };
    if (now - (this.#logged.get(what) ?? Number.NEGATIVE_INFINITY) < LOGGED_EVERY_MS) return;
    this.#logged.set(what, now);
    this.#log.warn('engine_trouble', { what, code: CODE.exec(message)?.[0] });
  }

  alert(
    what: 'order_hold_expired' | 'bulk_retry_stopped',
    fields: Record<string, number | string>,
  ): void {
    this.#log.warn(what, fields);
  }

  /** Whether deliveries go out just now. */
  delivery(): HealthCheck {
    const stop = this.#lastStop;
    if (!stop || this.#clock() - stop.at > PRESENT_MS) {
      return { name: 'delivery', ok: true, detail: 'tasks are claimed and outcomes kept' };
    }
    return {
      name: 'delivery',
      ok: false,
      detail:
        stop.what === 'report'
          ? 'outcomes are kept, but our own callback route does not take them; see the application log'
          : `the store refuses writes (${stop.what}); see the disk of the data folder`,
    };
  }
}
