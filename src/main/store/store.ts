import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { AppointmentQuery, KeptAppointment } from '../../shared/model/appointment.ts';
import type { Change } from '../../shared/model/change.ts';
import type { InboundCall } from '../../shared/model/call.ts';
import type { BackupMade, BackupRequest } from '../../shared/model/backup.ts';
import type { BuildChunk, BuildResult, OpenBatch, SealBatch } from '../../shared/model/batch.ts';
import type {
  AttemptReport,
  ClaimedTask,
  FailedTask,
  LogOrigin,
  LogRecord,
  LogSummary,
  PendingReport,
  ReportResult,
  Settlement,
  SettlementResult,
  Stamp,
  TaskDeath,
} from '../../shared/model/delivery.ts';
import type { ObjectWrite } from '../../shared/model/domain.ts';
import type { AuditEntry, AuditQuery } from '../../shared/model/audit.ts';
import type {
  AcceptEvent,
  AcceptResult,
  IntakeAnswer,
  IntakeQuestion,
} from '../../shared/model/event.ts';
import type { JsonObject } from '../../shared/model/json.ts';
import type { OrderFigures, StoreFigures } from '../../shared/model/health.ts';
import type {
  LegacyNote,
  LegacyNoted,
  ObjectNotes,
  ObjectNotesQuery,
} from '../../shared/model/legacy-note.ts';
import type { KeyRelease, OrderTended } from '../../shared/model/ordering.ts';
import type { ScheduleStep } from '../../shared/model/retry.ts';
import type { ResolveLog, ResolveResult } from '../../shared/model/resolution.ts';
import type { LogState } from '../../shared/model/log-state.ts';
import type { LogPage, LogSearch } from '../../shared/model/search.ts';
import type { Session } from '../../shared/model/session.ts';
import type {
  KnownJournal,
  SpillApplied,
  SpillRecord,
  SpillState,
} from '../../shared/model/spill.ts';
import type { BreakerRecord, BreakerSet, SetBreaker } from '../../shared/model/breaker.ts';
import type { AppendAudit } from './audit.ts';
import { encodeCall } from './calls.ts';
import { changesBy } from './changes.ts';
import { Channel } from './channel.ts';
import type { createBatchListQueries } from './batch-list.ts';
import type { createBatchAnswerQueries } from './batch-records.ts';
import { encodeBuildChunk } from './batch-wire.ts';
import type { createBatchReleaseCommands } from './batch-release.ts';
import { type createBatchCommands, type createBatchQueries, encodeSealBatch } from './batches.ts';
import type { createBulkRetryCommands } from './bulk-retries.ts';
import type { createBulkCancelCommands } from './bulk-retry-cancel.ts';
import type { createBulkRetryQueries } from './bulk-retry-queries.ts';
import type { createBulkRunCommands } from './bulk-retry-runs.ts';
import type { createBulkRunQueries } from './bulk-run-queries.ts';
import type { ClaimRequest } from './claim.ts';
import type { createConfigurationStatements } from './configuration.ts';
import type { createCancelCommands } from './cancelled-retries.ts';
import type { createFailedTaskCommands } from './failed-tasks.ts';
import { lockFolder } from './folder-lock.ts';
import type { createHeldTaskCommands, createHeldTaskQueries } from './held-tasks.ts';
import type { createIntegrationVersionQueries } from './integration-versions.ts';
import type { createLeaseQueries } from './lease-queries.ts';
import type { createLeaseCommands } from './leases.ts';
import { encodeAcceptEvent, encodeSaveObjects } from './intake.ts';
import type { createManualRetryCommands } from './manual-retries.ts';
import type { ThreadOptions } from './protocol.ts';
import type { Released } from './recovered.ts';
import type { Scheduled } from './schedule.ts';
import type { createScheduledTaskCommands, createScheduledTaskQueries } from './scheduled-tasks.ts';
import type { createStalledLogCommands, createStalledLogQueries } from './stalled-logs.ts';
import type { createRetryableLogQueries } from './retryable-logs.ts';
import type { createWaitingActionQueries } from './waiting-actions.ts';

/** What a store is opened with. */
export interface StoreOptions {
  /** The data folder; made (owner only) where it does not exist. */
  dataDir: string;
  /** See shared/failpoint.ts; for crash tests. */
  failpoint?: string | undefined;
  /** Caps the file's size in pages; for tests of a full disk. */
  maxPageCount?: number | undefined;
  /** Told of every write that the whole store has refused, before whoever asked for it. */
  onRefused?: (() => void) | undefined;
}

type ConfigurationStatements = ReturnType<typeof createConfigurationStatements>;
type HeldTaskCommands = ReturnType<typeof createHeldTaskCommands>;
type HeldTaskQueries = ReturnType<typeof createHeldTaskQueries>;
type ScheduledTaskCommands = ReturnType<typeof createScheduledTaskCommands>;
type ScheduledTaskQueries = ReturnType<typeof createScheduledTaskQueries>;
type StalledLogCommands = ReturnType<typeof createStalledLogCommands>;
type StalledLogQueries = ReturnType<typeof createStalledLogQueries>;
type WaitingActionQueries = ReturnType<typeof createWaitingActionQueries>;
type VersionQueries = ReturnType<typeof createIntegrationVersionQueries>;
type LeaseCommands = ReturnType<typeof createLeaseCommands>;
type LeaseQueries = ReturnType<typeof createLeaseQueries>;
type FailedTaskCommands = ReturnType<typeof createFailedTaskCommands>;
type ManualRetryCommands = ReturnType<typeof createManualRetryCommands>;
type CancelCommands = ReturnType<typeof createCancelCommands>;
type RetryableLogQueries = ReturnType<typeof createRetryableLogQueries>;
type BatchCommands = ReturnType<typeof createBatchCommands> &
  ReturnType<typeof createBatchReleaseCommands>;
type BatchQueries = ReturnType<typeof createBatchQueries> &
  ReturnType<typeof createBatchAnswerQueries> &
  ReturnType<typeof createBatchListQueries>;

type BulkRetryCommands = ReturnType<typeof createBulkRetryCommands> &
  ReturnType<typeof createBulkRunCommands> &
  ReturnType<typeof createBulkCancelCommands>;
type BulkRetryQueries = ReturnType<typeof createBulkRetryQueries> &
  ReturnType<typeof createBulkRunQueries>;

/** A synchronous statement's function as the calling thread sees it. */
type Remote<F> = F extends (...args: infer A) => infer R ? (...args: A) => Promise<R> : never;
type Remotes<C> = { [K in keyof C]: Remote<C[K]> };
type RemoteConfiguration = Remotes<ConfigurationStatements>;

/**
 * The SQLite store, seen from the engine's thread: every method is one whole command or query. The
 * only writer and two readers run on threads of their own; the second reader keeps a slow search
 * from delaying the point reads that intake and the log page make.
 */
export class Store {
  readonly #writer: Channel;
  readonly #points: Channel;
  readonly #searches: Channel;
  readonly #openCopier: () => Promise<Channel>;
  readonly #release: () => void;
  #closing: Promise<void> | null = null;
  /** The configuration room's commands. */
  readonly configuration: RemoteConfiguration &
    Remotes<VersionQueries> &
    Pick<Remotes<HeldTaskQueries>, 'countHeldTasks'>;

  constructor(
    [writer, points, searches]: readonly [Channel, Channel, Channel],
    openCopier: () => Promise<Channel>,
    release: () => void,
  ) {
    this.#writer = writer;
    this.#points = points;
    this.#searches = searches;
    this.#openCopier = openCopier;
    this.#release = release;
    const call = (name: string) => (input?: unknown) => writer.call(name, input ?? null);
    this.configuration = {
      loadConfiguration: call('loadConfiguration'),
      saveOrganization: call('saveOrganization'),
      saveLab: call('saveLab'),
      saveActionCategory: call('saveActionCategory'),
      saveDeveloperAuthentication: call('saveDeveloperAuthentication'),
      saveLabIntegration: call('saveLabIntegration'),
      saveAccessKey: call('saveAccessKey'),
      revokeAccessKey: call('revokeAccessKey'),
      saveSettings: call('saveSettings'),
      integrationVersions: (request: unknown) => searches.call('integrationVersions', request),
      countHeldTasks: (filter: unknown) => searches.call('countHeldTasks', filter),
    } as Store['configuration'];
  }

  // Intake
  readIntake(question: IntakeQuestion): Promise<IntakeAnswer> {
    return this.#points.call('readIntake', question);
  }
  acceptEvent(command: AcceptEvent): Promise<AcceptResult> {
    return this.#writer.call('acceptEvent', encodeAcceptEvent(command));
  }
  answerOfEvent(event: { labId: number; eventId: string }): Promise<JsonObject | null> {
    return this.#points.call('answerOfEvent', event);
  }
  listAppointments(query: AppointmentQuery): Promise<KeptAppointment[]> {
    return this.#searches.call('listAppointments', query);
  }
  saveObjects(command: { labId: number; objects: ObjectWrite[]; now: number }): Promise<boolean> {
    return this.#writer.call('saveObjects', encodeSaveObjects(command));
  }
  keepCall(call: InboundCall): Promise<void> {
    return this.#writer.call('keepCall', encodeCall(call, call.responseBody));
  }
  purgeIdempotencyKeys(now: number): Promise<number> {
    return this.#writer.call('purgeIdempotencyKeys', now);
  }

  // Batches
  beginBatch: Remote<BatchCommands['beginBatch']> = (batch) =>
    this.#writer.call('beginBatch', batch);
  spoolRecords: Remote<BatchCommands['spoolRecords']> = (request) =>
    this.#writer.call('spoolRecords', request);
  sealBatch(seal: SealBatch): Promise<OpenBatch | null> {
    return this.#writer.call('sealBatch', encodeSealBatch(seal));
  }
  completeCall: Remote<BatchCommands['completeCall']> = (answered) =>
    this.#writer.call('completeCall', answered);
  dropBatch: Remote<BatchCommands['dropBatch']> = (request) =>
    this.#writer.call('dropBatch', request);
  buildBatch(chunk: BuildChunk): Promise<BuildResult> {
    return this.#writer.call('buildBatch', encodeBuildChunk(chunk));
  }
  releaseBatch: Remote<BatchCommands['releaseBatch']> = (request) =>
    this.#writer.call('releaseBatch', request);
  beginCancel: Remote<BatchCommands['beginCancel']> = (request) =>
    this.#writer.call('beginCancel', request);
  cancelBatchTasks: Remote<BatchCommands['cancelBatchTasks']> = (request) =>
    this.#writer.call('cancelBatchTasks', request);
  unfinishedBatches: Remote<BatchQueries['unfinishedBatches']> = () =>
    this.#points.call('unfinishedBatches', null);
  openBatch: Remote<BatchQueries['openBatch']> = (batchSeq) =>
    this.#points.call('openBatch', batchSeq);
  knownEvents: Remote<BatchQueries['knownEvents']> = (request) =>
    this.#points.call('knownEvents', request);
  recordParcel: Remote<BatchQueries['recordParcel']> = (request) =>
    this.#points.call('recordParcel', request);
  batchAnswer: Remote<BatchQueries['batchAnswer']> = (batchSeq) =>
    this.#points.call('batchAnswer', batchSeq);
  batchRejections: Remote<BatchQueries['batchRejections']> = (request) =>
    this.#searches.call('batchRejections', request);
  listBatches: Remote<BatchQueries['listBatches']> = (request) =>
    this.#searches.call('listBatches', request);
  getBatch: Remote<BatchQueries['getBatch']> = (batchId) =>
    this.#searches.call('getBatch', batchId);

  // Directory
  getLog(logId: string): Promise<LogRecord | null> {
    return this.#points.call('getLog', logId);
  }
  originOfLog(logId: string): Promise<LogOrigin | null> {
    return this.#points.call('originOfLog', logId);
  }
  logSummaries(logIds: readonly string[]): Promise<LogSummary[]> {
    return this.#searches.call('logSummaries', logIds);
  }
  logStates(logIds: readonly string[]): Promise<LogState[]> {
    return this.#searches.call('logStates', logIds);
  }
  searchLogs(search: LogSearch): Promise<LogPage> {
    return this.#searches.call('searchLogs', search);
  }
  resolveLog(command: ResolveLog): Promise<ResolveResult> {
    return this.#writer.call('resolveLog', command);
  }
  indexText(limit: number): Promise<number> {
    return this.#writer.call('indexText', limit);
  }
  figures(): Promise<StoreFigures> {
    // Not among the point reads: counting a million logs would hold up intake.
    return this.#searches.call('figures', null);
  }
  orderFigures(request: { now: number }): Promise<OrderFigures> {
    return this.#searches.call('orderFigures', request);
  }

  // Queue
  claim(request: ClaimRequest): Promise<ClaimedTask[]> {
    return this.#writer.call('claim', request);
  }
  nextDueAt(request: { now: number }): Promise<number | null> {
    return this.#writer.call('nextDueAt', request);
  }
  begin(request: { worker: string; taskId: number; now: number }): Promise<boolean> {
    return this.#writer.call('begin', request);
  }
  stamp(request: { worker: string; stamp: Stamp }): Promise<boolean> {
    return this.#writer.call('stamp', request);
  }
  settle(settlement: Settlement): Promise<SettlementResult> {
    return this.#writer.call('settle', settlement);
  }
  report(report: AttemptReport): Promise<ReportResult> {
    return this.#writer.call('report', report);
  }
  reportTaken(request: { taskId: number; logId?: string }): Promise<Scheduled | null> {
    return this.#writer.call('reportTaken', request);
  }
  bury(death: TaskDeath): Promise<void> {
    return this.#writer.call('bury', death);
  }
  release(request: { worker: string; taskIds: number[] }): Promise<void> {
    return this.#writer.call('release', request);
  }
  extendLeases(request: { worker: string; leaseUntil: number; of: number[] }): Promise<void> {
    return this.#writer.call('extendLeases', request);
  }
  recover(request: { worker: string; now: number; atStart: boolean; mine?: number[] }): Promise<{
    requeued: number;
    unknown: number;
    failed: number;
    retries?: ScheduleStep[];
  }> {
    return this.#writer.call('recover', request);
  }
  tendOrder(request: { now: number }): Promise<OrderTended> {
    return this.#writer.call('tendOrder', request);
  }
  releaseOrderingKey(request: {
    logId: string;
    reason: string;
    actor: string;
    now: number;
  }): Promise<KeyRelease> {
    return this.#writer.call('releaseOrderingKey', request);
  }
  setBreaker(request: SetBreaker): Promise<BreakerSet> {
    return this.#writer.call('setBreaker', request);
  }
  releaseRecovered(request: { limit: number }): Promise<Released> {
    return this.#writer.call('releaseRecovered', request);
  }
  listBreakers(): Promise<BreakerRecord[]> {
    return this.#points.call('listBreakers', null);
  }
  pendingReports(request: { afterTaskId: number; limit: number }): Promise<PendingReport[]> {
    return this.#points.call('pendingReports', request);
  }
  listFailedTasks(request: {
    beforeId: number | null;
    limit: number;
    includeRequeued: boolean;
  }): Promise<FailedTask[]> {
    return this.#searches.call('listFailedTasks', request);
  }
  requeueFailedTask: Remote<FailedTaskCommands['requeueFailedTask']> = (request) =>
    this.#writer.call('requeueFailedTask', request);

  // Retries by hand
  retryableLog: Remote<RetryableLogQueries['retryableLog']> = (logId) =>
    this.#points.call('retryableLog', logId);
  revisionBody: Remote<RetryableLogQueries['revisionBody']> = (request) =>
    this.#points.call('revisionBody', request);
  queueRetry: Remote<ManualRetryCommands['queueRetry']> = (request) =>
    this.#writer.call('queueRetry', request);
  cancelRetry: Remote<CancelCommands['cancelRetry']> = (request) =>
    this.#writer.call('cancelRetry', request);

  // Many retries at once
  beginBulkRetry: Remote<BulkRetryCommands['beginBulkRetry']> = (request) =>
    this.#writer.call('beginBulkRetry', request);
  planBulkItems: Remote<BulkRetryCommands['planBulkItems']> = (request) =>
    this.#writer.call('planBulkItems', request);
  endBulkPlan: Remote<BulkRetryCommands['endBulkPlan']> = (request) =>
    this.#writer.call('endBulkPlan', request);
  actOnBulkRetry: Remote<BulkRetryCommands['actOnBulkRetry']> = (request) =>
    this.#writer.call('actOnBulkRetry', request);
  queueBulkItems: Remote<BulkRetryCommands['queueBulkItems']> = (request) =>
    this.#writer.call('queueBulkItems', request);
  settleBulkItems: Remote<BulkRetryCommands['settleBulkItems']> = (request) =>
    this.#writer.call('settleBulkItems', request);
  stopBulkCanary: Remote<BulkRetryCommands['stopBulkCanary']> = (request) =>
    this.#writer.call('stopBulkCanary', request);
  endBulkCanary: Remote<BulkRetryCommands['endBulkCanary']> = (request) =>
    this.#writer.call('endBulkCanary', request);
  endBulkRetry: Remote<BulkRetryCommands['endBulkRetry']> = (request) =>
    this.#writer.call('endBulkRetry', request);
  cancelBulkItems: Remote<BulkRetryCommands['cancelBulkItems']> = (request) =>
    this.#writer.call('cancelBulkItems', request);
  unfinishedBulkRetries: Remote<BulkRetryQueries['unfinishedBulkRetries']> = () =>
    this.#points.call('unfinishedBulkRetries', null);
  bulkRetry: Remote<BulkRetryQueries['bulkRetry']> = (request) =>
    this.#points.call('bulkRetry', request);
  bulkSelection: Remote<BulkRetryQueries['bulkSelection']> = (request) =>
    this.#points.call('bulkSelection', request);
  queuedBulkItems: Remote<BulkRetryQueries['queuedBulkItems']> = (request) =>
    this.#points.call('queuedBulkItems', request);
  nextBulkItems: Remote<BulkRetryQueries['nextBulkItems']> = (request) =>
    this.#points.call('nextBulkItems', request);
  bulkCanaries: Remote<BulkRetryQueries['bulkCanaries']> = (request) =>
    this.#points.call('bulkCanaries', request);
  sortedLogIds: Remote<BulkRetryQueries['sortedLogIds']> = (request) =>
    this.#searches.call('sortedLogIds', request);
  retryableLogs: Remote<BulkRetryQueries['retryableLogs']> = (request) =>
    this.#searches.call('retryableLogs', request);
  countBulkPlan: Remote<BulkRetryQueries['countBulkPlan']> = (request) =>
    this.#searches.call('countBulkPlan', request);
  listBulkRetries: Remote<BulkRetryQueries['listBulkRetries']> = (request) =>
    this.#searches.call('listBulkRetries', request);
  bulkCounts: Remote<BulkRetryQueries['bulkCounts']> = (request) =>
    this.#searches.call('bulkCounts', request);
  getBulkRetry: Remote<BulkRetryQueries['getBulkRetry']> = (request) =>
    this.#searches.call('getBulkRetry', request);
  bulkRetryItems: Remote<BulkRetryQueries['bulkRetryItems']> = (request) =>
    this.#searches.call('bulkRetryItems', request);

  // What was kept out of band
  spillState(): Promise<SpillState> {
    return this.#writer.call('spillState', null);
  }
  adoptJournal(journal: KnownJournal): Promise<void> {
    return this.#writer.call('adoptJournal', journal);
  }
  applySpilled(request: { sequence: number; record: SpillRecord | null }): Promise<SpillApplied> {
    return this.#writer.call('applySpilled', request);
  }
  probeWrite(): Promise<void> {
    return this.#writer.call('probeWrite', null);
  }

  // Outside workers
  lease: Remote<LeaseCommands['lease']> = (wish) => this.#writer.call('lease', wish);
  leasedTask: Remote<LeaseQueries['leasedTask']> = (lease) =>
    this.#points.call('leasedTask', lease);
  startLease: Remote<LeaseCommands['startLease']> = (start) =>
    this.#writer.call('startLease', start);
  extendLease: Remote<LeaseCommands['extendLease']> = (request) =>
    this.#writer.call('extendLease', request);
  settleLease: Remote<LeaseCommands['settleLease']> = (settlement) =>
    this.#writer.call('settleLease', settlement);
  releaseLease: Remote<LeaseCommands['releaseLease']> = (request) =>
    this.#writer.call('releaseLease', request);
  takeBackLeases: Remote<LeaseCommands['takeBackLeases']> = (request) =>
    this.#writer.call('takeBackLeases', request);

  leaseFigures: Remote<LeaseQueries['leaseFigures']> = () =>
    this.#searches.call('leaseFigures', null);

  // Older integrations' notes
  noteLegacy(note: LegacyNote): Promise<LegacyNoted> {
    return this.#writer.call('noteLegacy', note);
  }
  objectNotes(query: ObjectNotesQuery): Promise<ObjectNotes> {
    return this.#points.call('objectNotes', query);
  }

  // What is scheduled
  dueRetries: Remote<ScheduledTaskQueries['dueRetries']> = (request) =>
    this.#points.call('dueRetries', request);
  nextRetry: Remote<ScheduledTaskQueries['nextRetry']> = (request) =>
    this.#points.call('nextRetry', request);
  lastSentBody: Remote<ScheduledTaskQueries['lastSentBody']> = (request) =>
    this.#points.call('lastSentBody', request);
  startRetries: Remote<ScheduledTaskCommands['startRetries']> = (request) =>
    this.#writer.call('startRetries', request);
  deferRetries: Remote<ScheduledTaskCommands['deferRetries']> = (request) =>
    this.#writer.call('deferRetries', request);
  restartWaits: Remote<ScheduledTaskCommands['restartWaits']> = (request) =>
    this.#writer.call('restartWaits', request);

  stalledLogs: Remote<StalledLogQueries['stalledLogs']> = (request) =>
    this.#searches.call('stalledLogs', request);
  takeUpStalled: Remote<StalledLogCommands['takeUpStalled']> = (request) =>
    this.#writer.call('takeUpStalled', request);

  // What is held
  waitingActions: Remote<WaitingActionQueries['waitingActions']> = () =>
    this.#points.call('waitingActions', null);
  holdOpenTasks: Remote<HeldTaskCommands['holdOpenTasks']> = (request) =>
    this.#writer.call('holdOpenTasks', request);
  heldTasks: Remote<HeldTaskQueries['heldTasks']> = (request) =>
    this.#searches.call('heldTasks', request);
  countHeldTasks: Remote<HeldTaskQueries['countHeldTasks']> = (filter) =>
    this.#searches.call('countHeldTasks', filter);
  settleHeldTasks: Remote<HeldTaskCommands['settleHeldTasks']> = (request) =>
    this.#writer.call('settleHeldTasks', request);
  endWaitingAction: Remote<HeldTaskCommands['endWaitingAction']> = (request) =>
    this.#writer.call('endWaitingAction', request);
  noteActivity: Remote<HeldTaskCommands['noteActivity']> = (line) =>
    this.#writer.call('noteActivity', line);

  /** The id of the engine that owns this data folder; `proposed` becomes it at the first call. */
  engineId(proposed: string): Promise<string> {
    return this.#writer.call('engineId', proposed);
  }

  /**
   * Copies the store while it is in use, on a thread of its own that lives as long as the copying.
   * @throws LabRelayError `BACKUP_FAILED` telling the cure
   */
  async backup(request: BackupRequest): Promise<BackupMade> {
    const copier = await this.#openCopier();
    try {
      return await copier.call('copy', request);
    } finally {
      await copier.close();
    }
  }

  // People
  appendAudit(command: AppendAudit): Promise<number> {
    return this.#writer.call('appendAudit', command);
  }
  listAudit(query: AuditQuery): Promise<AuditEntry[]> {
    return this.#searches.call('listAudit', query);
  }
  loadSessions(): Promise<Session[]> {
    return this.#writer.call('loadSessions', null);
  }
  purgeSessions(now: number): Promise<void> {
    return this.#writer.call('purgeSessions', now);
  }
  openSession(session: Omit<Session, 'sessionId'>): Promise<Session> {
    return this.#writer.call('openSession', session);
  }
  touchSession(command: { sessionId: number; now: number }): Promise<void> {
    return this.#writer.call('touchSession', command);
  }
  endSessions(command: { sessionIds: number[]; now: number }): Promise<void> {
    return this.#writer.call('endSessions', command);
  }

  /**
   * Tells what each command has changed, after its commit and before whoever asked for it hears of it.
   * @param listener null: nobody listens, and nothing is found out
   * @param onFault told of what a listener throws, which can never break a command
   */
  listen(
    listener: ((changes: readonly Change[]) => void) | null,
    onFault: (error: unknown) => void,
  ): void {
    this.#writer.onDone =
      listener &&
      ((name, input, result) => {
        try {
          const changes = changesBy(name, input, result);
          if (changes.length > 0) listener(changes);
        } catch (error) {
          onFault(error);
        }
      });
  }

  /** Resolves when the writing thread is gone without having been closed; nothing can be kept then. */
  get writerDied(): Promise<Error> {
    return this.#writer.died;
  }

  /** Closes behind all commands under way and lets go of the data folder. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    try {
      await Promise.allSettled([this.#points.close(), this.#searches.close()]);
      // Last, so that its close folds the WAL into the file.
      await this.#writer.close();
    } finally {
      this.#release();
    }
  }
}

/** The store's file in a data folder. */
export function storeFile(dataDir: string): string {
  return join(dataDir, 'labrelay.db');
}

/**
 * Opens the store of a data folder, migrating it where that is needed.
 *
 * @throws LabRelayError `STORE_LOCKED` where another engine holds the folder, `STORE_NEWER` where a
 * newer LabRelay has written it
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  mkdirSync(options.dataDir, { recursive: true, mode: 0o700 });
  const lock = lockFolder(options.dataDir);
  const opened: Channel[] = [];
  try {
    const open = (role: ThreadOptions['role']): Promise<Channel> =>
      Channel.open(
        {
          role,
          file: storeFile(options.dataDir),
          backupFolder: join(options.dataDir, 'backups'),
          failpoint: options.failpoint,
          maxPageCount: options.maxPageCount,
        },
        role === 'writer' ? options.onRefused : undefined,
      );
    const thread = async (role: ThreadOptions['role']): Promise<Channel> => {
      const channel = await open(role);
      opened.push(channel);
      return channel;
    };
    // The writer first: it makes and migrates the file that the readers open.
    const writer = await thread('writer');
    const [points, searches] = [await thread('reader'), await thread('reader')];
    return new Store(
      [writer, points, searches],
      () => open('copier'),
      () => lock.release(),
    );
  } catch (error) {
    for (const channel of opened) await channel.close();
    lock.release();
    throw error;
  }
}
