import type { OrderFigures, StoreFigures } from '../../shared/model/health.ts';
import type { SpillFigures } from '../../shared/model/spill.ts';
import type { Certainty, ErrorKind, LogStatus } from '../../shared/model/vocabulary.ts';
import type { UnkeptCalls } from './inbound/inbound.ts';
import type { OutsideFigures } from './leases/outside-work.ts';
import type { HoldAlerts } from './order-alerts.ts';
import type { RetryFigures } from './retry/scheduler.ts';

/** How many attempts ended one way since this start. */
export interface AttemptCount {
  outcome: LogStatus;
  certainty: Certainty | null;
  errorKind: ErrorKind | null;
  count: number;
}

/** What monitoring is told of the engine; no patient data. */
export interface EngineFigures {
  store: StoreFigures;
  order: OrderFigures;
  holdAlerts: HoldAlerts;
  /** What is left to outside workers. */
  outside: OutsideFigures[];
  /** Deliveries in flight now. */
  inFlight: number;
  /** Deliveries that may be in flight. */
  slots: number;
  attempts: AttemptCount[];
  retries: RetryFigures;
  unkeptCalls: UnkeptCalls;
  spill: SpillFigures;
}

/** Counts how attempts end. Every combination is a closed one, so the counts stay few. */
export class AttemptCounter {
  private readonly counts = new Map<string, AttemptCount>();

  count(outcome: LogStatus, certainty: Certainty | null, errorKind: ErrorKind | null): void {
    const key = `${outcome}/${certainty ?? ''}/${errorKind ?? ''}`;
    const known = this.counts.get(key);
    if (known) known.count += 1;
    else this.counts.set(key, { outcome, certainty, errorKind, count: 1 });
  }

  /** Attempts of all kinds together. */
  get total(): number {
    return this.list().reduce((sum, { count }) => sum + count, 0);
  }

  list(): AttemptCount[] {
    return [...this.counts.values()];
  }
}
