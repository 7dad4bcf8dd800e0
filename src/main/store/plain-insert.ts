import type { NewDelivery } from '../../shared/model/delivery.ts';
import { openWriter } from './connection.ts';
import { createInsertDelivery } from './deliveries.ts';
import { createOrdering } from './ordering.ts';
import { createTasks } from './tasks.ts';

/**
 * Writes deliveries (log, references, first revision, task) in one plain transaction, by the
 * statements of live ones and with the disk waited for: the benchmark's yardstick of a bulk call.
 *
 * @param file a store that has been migrated and that nobody else has open
 * @returns milliseconds from BEGIN to the end of COMMIT
 */
export function insertPlainly(file: string, deliveries: readonly NewDelivery[]): number {
  const db = openWriter(file);
  try {
    const insert = createInsertDelivery(db, createTasks(db, createOrdering(db)));
    const started = performance.now();
    db.transaction(() => {
      for (const delivery of deliveries) insert(delivery);
    })();
    return performance.now() - started;
  } finally {
    db.close();
  }
}
