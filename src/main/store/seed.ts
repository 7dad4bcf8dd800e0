import Database from 'better-sqlite3';
import { type AttemptReport, type NewDelivery, stampOf } from '../../shared/model/delivery.ts';
import { createInsertDelivery } from './deliveries.ts';
import { createEndings } from './endings.ts';
import { createOrdering } from './ordering.ts';
import { createQueueCommands } from './queue.ts';
import { createApplyReport } from './reports.ts';
import { createSchedule } from './schedule.ts';
import { createTasks } from './tasks.ts';
import { createTextIndexCommands } from './text-index.ts';

/** Rows written in one transaction. */
const CHUNK = 5_000;

/** The end of a delivery's first attempt, in the past. */
export interface PastDelivery {
  /** Null: it is queued in the store already. */
  delivery: NewDelivery | null;
  report: AttemptReport;
}

/**
 * Fills a store that nobody else has open with deliveries of the past, for benchmarks: by the same
 * statements as live ones, but in large transactions and without waiting for the disk.
 *
 * @param file a store that has been migrated
 */
export function seedStore(
  file: string,
  deliveries: Iterable<PastDelivery>,
  progress: (written: number) => void = () => undefined,
): void {
  const db = new Database(file);
  try {
    db.pragma('synchronous = OFF');
    db.pragma('cache_size = -262144');
    const ordering = createOrdering(db);
    const tasks = createTasks(db, ordering);
    const insert = createInsertDelivery(db, tasks);
    const schedule = createSchedule(db, tasks, ordering, Math.random);
    const endings = createEndings(db, tasks, schedule);
    const applyReport = createApplyReport(db, () => null, schedule.failedLate);
    const queue = createQueueCommands(db, tasks, endings, applyReport, () => null);
    const index = createTextIndexCommands(db);
    let chunk: PastDelivery[] = [];
    let written = 0;

    const write = db.transaction((past: readonly PastDelivery[]) => {
      const reports = new Map(past.map(({ report }) => [report.logId, report]));
      for (const { delivery } of past) if (delivery) insert(delivery);
      for (const task of queue.claim({
        worker: 'seed',
        limit: past.length,
        leaseUntil: 0,
        now: 0,
      })) {
        const report = reports.get(task.logId);
        if (!report) throw new Error('a task that was not seeded');
        queue.stamp({
          worker: 'seed',
          stamp: stampOf(task, {
            configVersion: 1,
            endPoint: report.endPoint ?? '',
            requestMethod: 'POST',
            requestHeaders: report.requestHeaders ?? {},
            startedAt: report.activityDate,
          }),
        });
        queue.settle({ taskId: task.taskId, report, reportOverHttp: null });
      }
      index.indexText(past.length);
    });
    const flush = () => {
      write(chunk);
      written += chunk.length;
      chunk = [];
      progress(written);
    };
    for (const past of deliveries) {
      chunk.push(past);
      if (chunk.length === CHUNK) flush();
    }
    if (chunk.length > 0) flush();
    db.pragma('wal_checkpoint(TRUNCATE)');
  } finally {
    db.close();
  }
}
