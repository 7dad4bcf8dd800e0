import { toIso } from '../../../shared/contract/common.ts';
import type { SpillFigures } from '../../../shared/model/spill.ts';
import type { HealthCheck } from '../health.ts';

/** The store check while it refuses writes; null: it takes them. Health is open to anyone: no paths. */
export function storeRefused({ refusedSince, journal }: SpillFigures): HealthCheck | null {
  if (refusedSince === null) return null;
  const outcomes =
    journal === null || journal.isFull
      ? 'outcomes of what was being sent wait in memory'
      : 'outcomes of what was being sent are kept in the spill journal';
  return {
    name: 'store',
    ok: false,
    detail: `cannot be written since ${toIso(refusedSince)} (disk full, locked by another program, or failing): events are answered 503, nothing is claimed, ${outcomes}. It goes on by itself once the disk of the data folder takes writes`,
  };
}

/** The delivery check meanwhile. */
export function deliveryRefused({ refusedSince }: SpillFigures): HealthCheck | null {
  if (refusedSince === null) return null;
  return {
    name: 'delivery',
    ok: false,
    detail: 'nothing is claimed while the store refuses writes',
  };
}

/** How the journal stands: what waits in it, and whether it could take more. */
export function spillCheck(figures: SpillFigures): HealthCheck {
  const { journal, fault, full, setAside } = figures;
  const name = 'spill';
  if (!journal) {
    return {
      name,
      ok: false,
      detail: `there is no spill journal (${fault ?? 'unknown error'}): should the store refuse writes, deliveries stop with what is being sent. Make room for it, or mend the folder of --spill-dir, and restart`,
    };
  }
  const size = `${mib(journal.used)} of ${mib(journal.capacity)} MiB`;
  const lost = full > 0 ? `; ${full} records had no room since the start` : '';
  if (journal.isFull) return { name, ok: false, detail: `full (${size})${lost}` };
  if (setAside > 0) {
    return {
      name,
      ok: false,
      detail: `the store has refused ${setAside} records for good; spill-rejected.jsonl in the data folder holds them, and their deliveries are in the failed-task queue`,
    };
  }
  if (fault !== null) {
    return { name, ok: false, detail: `could not be written (${fault})${lost}` };
  }
  if (journal.waiting === 0) return { name, ok: true, detail: `ready, nothing waits${lost}` };
  return {
    name,
    ok: true,
    detail: `${journal.waiting} records wait for the store (${size})${lost}`,
  };
}

function mib(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(1);
}
