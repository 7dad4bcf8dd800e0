import type { Change } from '../../shared/model/change.ts';
import { eventsOf } from './batch-wire.ts';
import { type EncodedCall, logIdOfCall } from './calls.ts';
import type { commandsOf } from './commands.ts';
import type { Undone } from './group-commit.ts';

type Commands = ReturnType<typeof commandsOf>;
type CommandName = keyof Commands;

/** What a command with this input and this answer has changed. */
type ChangesBy<C> = C extends (...args: infer A) => infer R
  ? (input: A[0], result: Exclude<R, Undone>) => readonly Change[]
  : never;

const NOTHING: readonly Change[] = [];
const MANY: readonly Change[] = [{ kind: 'MANY' }];
const HEALTH: readonly Change[] = [{ kind: 'HEALTH' }];

/** The rest of a chunk's logs is told of as many. */
const NAMED_OF_CHUNK = 200;

const nothing = () => NOTHING;
const health = () => HEALTH;
const logs = (ids: readonly string[]): Change[] => ids.map((logId) => ({ kind: 'LOG', logId }));
const log = (logId: string | null | undefined): readonly Change[] =>
  logId ? logs([logId]) : NOTHING;

const callLog = (call: EncodedCall | null) => log(call && logIdOfCall(call));

/** The log of an outcome, and the breaker that it moved: what waits for that reads otherwise now. */
const outcome = (logId: string | null, breaker: { labIntegrationId: number } | null | undefined) =>
  breaker
    ? [
        ...log(logId),
        { kind: 'BREAKER', labIntegrationId: breaker.labIntegrationId } as const,
        ...HEALTH,
      ]
    : log(logId);

/**
 * What each command changes for those who look at logs: exhaustive, so that a new command cannot be
 * forgotten. What others of an ordering key or of an integration wait for is found out when they are
 * read, and is not told here.
 */
const CHANGES: { [N in CommandName]: ChangesBy<Commands[N]> } = {
  // Calls and events
  keepCall: callLog,
  acceptEvent: ({ deliveries, call }, result) =>
    result.outcome === 'ACCEPTED'
      ? [...logs(deliveries.map((delivery) => delivery.log.logId)), ...callLog(call)]
      : NOTHING,
  saveObjects: nothing,
  purgeIdempotencyKeys: nothing,

  // Batches
  beginBatch: nothing,
  spoolRecords: nothing,
  sealBatch: ({ call }, result) => (result === null ? NOTHING : callLog(call)),
  completeCall: ({ logId }) => log(logId),
  dropBatch: nothing,
  buildBatch: ({ events }, result) => {
    if (result.outcome !== 'BUILT') return NOTHING;
    if (events.count > NAMED_OF_CHUNK) return MANY;
    const built = [...eventsOf(events)].flatMap(({ deliveries }) => deliveries);
    return logs(built.map((delivery) => delivery.log.logId));
  },
  releaseBatch: ({ afterTaskId }, result) => (result.afterTaskId === afterTaskId ? NOTHING : MANY),
  beginCancel: nothing,
  cancelBatchTasks: (_, { cancelled }) => (cancelled === 0 ? NOTHING : MANY),

  // Our own worker
  claim: nothing,
  nextDueAt: nothing,
  begin: nothing,
  // Where it is refused, a retry that a newer one has overtaken may have been stopped.
  stamp: ({ stamp }) => log(stamp.logId),
  settle: ({ report }, { breaker }) => outcome(report.logId, breaker),
  report: (report, result) =>
    result.outcome === 'APPLIED' ? outcome(report.logId, result.leaseEnd?.breaker) : NOTHING,
  reportTaken: ({ logId }) => (logId === undefined ? MANY : log(logId)),
  bury: (_, logId) => log(logId),
  // One whose rule was switched off meanwhile is held.
  release: () => MANY,
  extendLeases: nothing,
  recover: (_, { unknown, failed, requeued }) => (unknown + failed + requeued > 0 ? MANY : NOTHING),

  // What was kept out of band
  spillState: nothing,
  adoptJournal: nothing,
  applySpilled: ({ record }, result) => {
    if (record === null || result.outcome !== 'APPLIED') return HEALTH;
    switch (record.kind) {
      case 'SETTLEMENT':
        return outcome(record.settlement.report.logId, result.settled?.breaker);
      case 'DEATH':
        return log(record.logId);
      case 'CALL':
        return log(record.call.logId);
    }
  },
  // It takes writes again.
  probeWrite: health,

  // Outside workers
  lease: nothing,
  startLease: ({ lease }, until) => (until === null ? NOTHING : log(lease.logId)),
  extendLease: nothing,
  settleLease: ({ lease }, result) =>
    outcome(lease.logId, result.outcome === 'SETTLED' ? result.end.breaker : null),
  releaseLease: ({ lease }) => log(lease.logId),
  takeBackLeases: (_, count) => (count === 0 ? NOTHING : MANY),

  // Order, and what is held
  tendOrder: (_, { expired }) => logs(expired.map(({ logId }) => logId)),
  releaseOrderingKey: (_, result) =>
    result.outcome === 'RELEASED' ? log(result.headLogId) : NOTHING,
  holdOpenTasks: (_, held) => (held === 0 ? NOTHING : MANY),
  settleHeldTasks: ({ fates }) => (fates.length === 0 ? NOTHING : MANY),
  endWaitingAction: health,

  // Retries. How a bulk retry goes on is told by whoever runs it.
  queueRetry: ({ logId }, queued) => (queued.outcome === 'QUEUED' ? log(logId) : NOTHING),
  cancelRetry: ({ logId }, cancelled) =>
    cancelled.outcome === 'CANCELLED' || cancelled.outcome === 'IN_FLIGHT' ? log(logId) : NOTHING,
  queueBulkItems: ({ fates }, { queued }) =>
    queued === 0
      ? NOTHING
      : logs(fates.flatMap(({ fate }) => (fate.kind === 'QUEUE' ? [fate.retry.logId] : []))),
  startRetries: (_, { started, failed, stopped }) =>
    started + failed + stopped === 0 ? NOTHING : MANY,
  releaseRecovered: (_, { released }) => (released === 0 ? NOTHING : MANY),
  deferRetries: ({ delays }) => (delays.length === 0 ? NOTHING : MANY),
  takeUpStalled: (_, { logIds }) => logs(logIds),
  restartWaits: (_, count) => (count === 0 ? NOTHING : MANY),
  cancelBulkItems: (_, count) => (count === 0 ? NOTHING : MANY),
  beginBulkRetry: nothing,
  planBulkItems: nothing,
  endBulkPlan: nothing,
  actOnBulkRetry: ({ bulkRetryId }) => [{ kind: 'BULK_RETRY', bulkRetryId }],
  settleBulkItems: nothing,
  stopBulkCanary: nothing,
  endBulkCanary: nothing,
  endBulkRetry: nothing,

  // People
  requeueFailedTask: (_, result) => (result.outcome === 'REQUEUED' ? log(result.logId) : NOTHING),
  setBreaker: (_, result) =>
    result.outcome === 'CHANGED' ? outcome(null, result.change) : NOTHING,
  noteActivity: ({ logId }) => log(logId),
  resolveLog: ({ logId }, { outcome: came }) => (came === 'RESOLVED' ? log(logId) : NOTHING),
  // What is noted with an object shows in the activity of all its logs.
  noteLegacy: (_, result) => {
    if (result.outcome !== 'NOTED' || !result.changed) return NOTHING;
    return result.logIds.length > 0 ? logs(result.logIds) : MANY;
  },
  appendAudit: nothing,
  loadSessions: nothing,
  purgeSessions: nothing,
  openSession: nothing,
  touchSession: nothing,
  endSessions: nothing,

  // Configuration: what is switched off, paused or mended shows in health.
  loadConfiguration: nothing,
  saveOrganization: nothing,
  saveLab: nothing,
  saveActionCategory: nothing,
  saveAccessKey: nothing,
  revokeAccessKey: nothing,
  saveDeveloperAuthentication: health,
  saveLabIntegration: health,
  saveSettings: health,

  indexText: nothing,
  engineId: nothing,
};

/** What a command of the store has changed. @param name as the writer was told it */
export function changesBy(name: string, input: unknown, result: unknown): readonly Change[] {
  // Input and result belong to one name, which a table of functions cannot tell.
  const changes = (CHANGES as unknown as Record<string, ChangesBy<(input: unknown) => unknown>>)[
    name
  ];
  return changes?.(input, result) ?? NOTHING;
}
