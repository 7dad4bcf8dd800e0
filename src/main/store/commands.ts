import type { Database } from 'better-sqlite3';
import { createAppointmentQueries } from './appointments.ts';
import { createAuditCommands, createAuditQueries } from './audit.ts';
import { createBatchListQueries } from './batch-list.ts';
import { createBatchAnswerQueries, createBatchRecordCommands } from './batch-records.ts';
import { createBatchReleaseCommands } from './batch-release.ts';
import { createBatchCommands, createBatchQueries } from './batches.ts';
import { createBreakerCommands, createBreakerQueries } from './breaker-by-hand.ts';
import { createBulkRetryCommands } from './bulk-retries.ts';
import { createBulkCancelCommands } from './bulk-retry-cancel.ts';
import { createBulkRetryQueries } from './bulk-retry-queries.ts';
import { createBulkRunCommands } from './bulk-retry-runs.ts';
import { createBulkRunQueries } from './bulk-run-queries.ts';
import { createKeepCall, encodeCall } from './calls.ts';
import { createCancelCommands } from './cancelled-retries.ts';
import { createConfigurationStatements } from './configuration.ts';
import { createInsertDelivery } from './deliveries.ts';
import { createDirectoryQueries } from './directory.ts';
import { createEndings } from './endings.ts';
import { createBury, createFailedTaskCommands, createFailedTaskQueries } from './failed-tasks.ts';
import { createFigureQueries } from './figures.ts';
import type { Command } from './group-commit.ts';
import { createHeldTaskCommands, createHeldTaskQueries } from './held-tasks.ts';
import { createIntakeCommands, createIntakeQueries } from './intake.ts';
import { createLeaseQueries } from './lease-queries.ts';
import { createLeaseCommands } from './leases.ts';
import { createLogStateQueries } from './log-states.ts';
import { createManualRetryCommands, createQueueRetry } from './manual-retries.ts';
import { createObjectNoteCommands, createObjectNoteQueries } from './object-notes.ts';
import { createOrderCommands, liftHoldOf } from './order-commands.ts';
import { createOrdering } from './ordering.ts';
import { createQueueCommands, createQueueQueries } from './queue.ts';
import { createRecovery } from './recovery.ts';
import { createApplyReport } from './reports.ts';
import { createResolutionCommands } from './resolutions.ts';
import { createSchedule } from './schedule.ts';
import { createScheduledTaskCommands, createScheduledTaskQueries } from './scheduled-tasks.ts';
import { createRetryableLogQueries } from './retryable-logs.ts';
import { createSearchQueries } from './search.ts';
import { createSessionCommands } from './sessions.ts';
import { createSpillCommands } from './spill.ts';
import { createOnTaken } from './taken.ts';
import { createStalledLogCommands, createStalledLogQueries } from './stalled-logs.ts';
import { createTasks } from './tasks.ts';
import { createTextIndexCommands } from './text-index.ts';
import { createIntegrationVersionQueries } from './integration-versions.ts';
import { createWaitingActionQueries } from './waiting-actions.ts';

/**
 * Everything the writer thread can be told, by name.
 * @param random spreads what is to be tried again
 */
export function createCommands(
  db: Database,
  random: () => number = Math.random,
): ReadonlyMap<string, Command> {
  return byName(commandsOf(db, random));
}

/** As `createCommands`, with each command's own type. */
export function commandsOf(db: Database, random: () => number) {
  const ordering = createOrdering(db);
  const tasks = createTasks(db, ordering);
  const liftHold = (logSeq: number) => liftHoldOf(ordering, logSeq);
  const schedule = createSchedule(db, tasks, ordering, random);
  const endings = createEndings(db, tasks, schedule);
  const onTaken = createOnTaken(db, tasks, ordering);
  const applyReport = createApplyReport(db, onTaken, schedule.failedLate);
  const bury = createBury(db, tasks, applyReport);
  const keepCall = createKeepCall(db);
  const queue = createQueueCommands(db, tasks, endings, applyReport, bury);
  const insertDelivery = createInsertDelivery(db, tasks);
  const queueRetry = createQueueRetry(db, tasks);
  return {
    keepCall,
    ...createIntakeCommands(db, insertDelivery, keepCall),
    ...createBatchCommands(db, keepCall),
    ...createBatchRecordCommands(db, insertDelivery),
    ...createBatchReleaseCommands(db, tasks),
    ...queue,
    ...createSpillCommands(db, {
      settle: (settlement) => queue.settle(settlement),
      report: applyReport,
      bury,
      keepCall: (call) => keepCall(encodeCall(call, call.responseBody)),
    }),
    ...createLeaseCommands(db, endings, queue, applyReport, bury),
    ...createFailedTaskCommands(db, queueRetry),
    ...createManualRetryCommands(queueRetry),
    ...createBulkRetryCommands(db),
    ...createBulkRunCommands(db, queueRetry),
    ...createBulkCancelCommands(db, tasks),
    ...createCancelCommands(db, tasks),
    ...createOrderCommands(db, ordering),
    ...createBreakerCommands(db),
    ...createRecovery(db, tasks, endings, applyReport, bury),
    ...createHeldTaskCommands(db, tasks),
    ...createScheduledTaskCommands(db, tasks),
    ...createStalledLogCommands(db, tasks, schedule, applyReport),
    ...createResolutionCommands(db, tasks, liftHold),
    ...createObjectNoteCommands(db),
    ...createTextIndexCommands(db),
    ...createConfigurationStatements(db),
    ...createAuditCommands(db),
    ...createSessionCommands(db),
    ...createEngineIdentity(db),
  };
}

/** Everything a reader thread can be asked, by name. */
export function createQueries(db: Database): ReadonlyMap<string, Command> {
  return byName({
    ...createIntakeQueries(db),
    ...createAppointmentQueries(db),
    ...createBatchQueries(db),
    ...createBatchAnswerQueries(db),
    ...createBatchListQueries(db),
    ...createDirectoryQueries(db),
    ...createLogStateQueries(db),
    ...createSearchQueries(db),
    ...createQueueQueries(db),
    ...createLeaseQueries(db),
    ...createObjectNoteQueries(db),
    ...createFailedTaskQueries(db),
    ...createBulkRetryQueries(db),
    ...createBulkRunQueries(db),
    ...createFigureQueries(db),
    ...createBreakerQueries(db),
    ...createAuditQueries(db),
    ...createHeldTaskQueries(db),
    ...createScheduledTaskQueries(db),
    ...createStalledLogQueries(db),
    ...createWaitingActionQueries(db),
    ...createRetryableLogQueries(db),
    ...createIntegrationVersionQueries(db),
  });
}

/** The engine that owns this data folder: its claims are known again after a restart. */
function createEngineIdentity(db: Database) {
  const insert = db.prepare(
    `INSERT INTO meta (name, value) VALUES ('engine_id', ?) ON CONFLICT DO NOTHING`,
  );
  const get = db.prepare<[], string>(`SELECT value FROM meta WHERE name = 'engine_id'`).pluck();
  return {
    engineId(proposed: string): string {
      insert.run(proposed);
      return get.get() ?? proposed;
    },
  };
}

function byName(commands: Record<string, (input: never) => unknown>): ReadonlyMap<string, Command> {
  return new Map(Object.entries(commands));
}
