import type { OpenReason } from './breaker.ts';
import type { HoldReason } from './ordering.ts';

/** An integration in trouble. */
export interface BreakerFigures {
  labIntegrationId: number;
  /** Consecutive ones. */
  failures: number;
  /** Null: closed. */
  openReason: OpenReason | null;
  openedAt: number | null;
  /** Who opened it by hand, and their words; null: nobody did. */
  openedBy: string | null;
  openNote: string | null;
}

/** Counts that health and metrics show; they hold no patient data. */
export interface StoreFigures {
  /** Integrations whose breaker is open, or that are half-way to it. */
  breakers: BreakerFigures[];
  schemaVersion: number;
  /** Deliveries. */
  logsByStatus: Record<string, number>;
  /** Calls into the lab. */
  inboundByStatus: Record<string, number>;
  /** `WAITING_FOR_ENDPOINT`: ready, of an integration whose breaker is open. */
  tasksByState: Record<string, number>;
  failedTasks: number;
  /** Deliveries of which all retries have failed. */
  exhausted: number;
  /** When the next retry is due (epoch ms), null where none is scheduled. */
  nextRetryAt: number | null;
  /** Batches that are not done, by where they stand in the store. */
  batchesByState: Record<string, number>;
  /** Creation time (epoch ms) of the oldest task that waits, null where none does. */
  oldestTaskAt: number | null;
  fileBytes: number;
}

/** How order and deadlines stand. */
export interface OrderFigures {
  /** Ordering keys whose followers are held, by why. */
  heldKeys: Record<HoldReason, number>;
  /** Open deliveries past their `deliver_by`. */
  overdue: number;
}
