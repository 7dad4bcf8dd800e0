import type { HoldReason } from './ordering.ts';

/** Counts that health and metrics show; they hold no patient data. */
export interface StoreFigures {
  schemaVersion: number;
  logsByStatus: Record<string, number>;
  tasksByState: Record<string, number>;
  failedTasks: number;
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
