import type { OrderFigures } from '../../shared/model/health.ts';
import type { ExpiredHold } from '../../shared/model/ordering.ts';
import type { HealthCheck } from './health.ts';

/** How long health tells of holds that ran out (ms). */
const TOLD_FOR_MS = 60 * 60 * 1_000;

/** Holds that ran out since the start, as monitoring is told. */
export interface HoldAlerts {
  count: number;
  /** When the last one did (epoch ms); null where none has. */
  lastAt: number | null;
}

/** Remembers for monitoring that holds ran out. */
export class HoldAlertCounter implements HoldAlerts {
  count = 0;
  lastAt: number | null = null;

  add(holds: readonly ExpiredHold[], now: number): void {
    this.count += holds.length;
    this.lastAt = now;
  }
}

/** What health tells of order and deadlines; nothing where there is nothing to know. */
export function orderChecks(order: OrderFigures, alerts: HoldAlerts, now: number): HealthCheck[] {
  const { HEAD_UNKNOWN: unknown, HEAD_REFUSED: refused, HEAD_RETRYING: retrying } = order.heldKeys;
  const holds = [
    unknown > 0 ? `${keys(unknown)} held behind a delivery in doubt (30 minutes at most)` : '',
    retrying > 0
      ? `${keys(retrying)} held behind a delivery that is tried again (30 minutes at most)`
      : '',
    refused > 0 ? `${keys(refused)} held behind a refused delivery until a person releases it` : '',
    alerts.lastAt !== null && now - alerts.lastAt < TOLD_FOR_MS
      ? `${alerts.count} since the start released after 30 minutes behind a delivery that was not settled; the logs of their heads tell of it`
      : '',
  ].filter(Boolean);
  const checks: HealthCheck[] = [];
  if (holds.length > 0) checks.push({ name: 'order', ok: false, detail: holds.join('; ') });
  if (order.overdue > 0) {
    const open =
      order.overdue === 1 ? '1 open delivery is' : `${order.overdue} open deliveries are`;
    checks.push({ name: 'deadlines', ok: false, detail: `${open} past deliver_by` });
  }
  return checks;
}

function keys(count: number): string {
  return count === 1 ? '1 ordering key is' : `${count} ordering keys are`;
}
