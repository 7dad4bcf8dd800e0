import type { Failpoint } from '../../shared/failpoint.ts';
import { messageOf } from '../../shared/errors.ts';
import type { BreakerChange } from '../../shared/model/breaker.ts';
import type { Change } from '../../shared/model/change.ts';
import type { AttemptReport, NewLog } from '../../shared/model/delivery.ts';
import type { OrderFigures, StoreFigures } from '../../shared/model/health.ts';
import { type ExpiredHold, isUrgent } from '../../shared/model/ordering.ts';
import { Appointments } from './appointments/appointments.ts';
import type { AppointmentPort } from './appointments/port.ts';
import { Batches } from './bulk/batches.ts';
import { BatchBuilder } from './bulk/build.ts';
import { BulkIntake } from './bulk/bulk-intake.ts';
import type { BulkPort } from './bulk/port.ts';
import { Turns } from './bulk/turns.ts';
import { CallbackHandler } from './callback/handler.ts';
import { HttpReporter, type ReportTarget } from './callback/http-reporter.ts';
import { LegacyCallbacks, type LegacyPort } from './callback/legacy/legacy-callbacks.ts';
import type { CallbackPort } from './callback/port.ts';
import { Configuration } from './configuration/configuration.ts';
import type { ConfigurationPort } from './configuration/port.ts';
import type { Vault } from './configuration/vault.ts';
import { Directory } from './directory/directory.ts';
import type { DirectoryPort } from './directory/port.ts';
import { TextIndexer } from './directory/text-indexer.ts';
import { FreshObjectReader } from './domain-source/fresh-objects.ts';
import type { DomainObjectPort } from './domain-source/port.ts';
import type { AuthorizeSource } from './domain-source/source-reader.ts';
import { authorize } from './dispatch/request.ts';
import { CredentialSource } from './dispatch/credentials.ts';
import { Dispatcher } from './dispatch/dispatcher.ts';
import { type ActivityLine, createDisableGone } from './dispatch/gone.ts';
import type { Transport } from './dispatch/transport.ts';
import { type AttemptCount, AttemptCounter, type EngineFigures } from './figures.ts';
import { Inbound } from './inbound/inbound.ts';
import type { CallPort } from './inbound/port.ts';
import { FirstSight } from './intake/first-sight.ts';
import { IntakeHousekeeping } from './intake/housekeeping.ts';
import { Intake } from './intake/intake.ts';
import { KeyedQueue } from './intake/keyed-queue.ts';
import type { IntakePort } from './intake/port.ts';
import { Leases } from './leases/leases.ts';
import type { LeasePort } from './leases/port.ts';
import { HoldAlertCounter } from './order-alerts.ts';
import { PayloadBuilder } from './payload/builder.ts';
import type { MappingEvaluator } from './payload/evaluator.ts';
import { AuditTrail } from './people/audit-trail.ts';
import type { AuditPort, SessionPort } from './people/port.ts';
import { Sessions } from './people/sessions.ts';
import { SignIn } from './people/sign-in.ts';
import { type BreakerPort, Breakers } from './queue/breakers.ts';
import { FailedTasks } from './queue/failed-tasks.ts';
import { HeldTasks } from './queue/held-tasks.ts';
import { OrderingKeys, type OrderingPort } from './queue/ordering-keys.ts';
import type { HeldTasksPort, QueuePort } from './queue/port.ts';
import { type RetryPort, RetryRoom } from './retry/retry-room.ts';
import type { SpillPort } from './spill/port.ts';
import { SetAside } from './spill/set-aside.ts';
import { type Journal, SpilledRecords } from './spill/spilled-records.ts';
import type { StoreState } from './spill/store-state.ts';
import type { TargetGuard } from './targets/guard.ts';

/** Everything the engine needs of a store; SQLite's implements it, others may. */
export interface EngineStore
  extends IntakePort,
    AppointmentPort,
    BulkPort,
    RetryPort,
    DomainObjectPort,
    DirectoryPort,
    QueuePort,
    OrderingPort,
    BreakerPort,
    CallbackPort,
    CallPort,
    HeldTasksPort,
    LeasePort,
    LegacyPort,
    AuditPort,
    SessionPort,
    SpillPort {
  readonly configuration: ConfigurationPort;
  figures(): Promise<StoreFigures>;
  orderFigures(request: { now: number }): Promise<OrderFigures>;
  engineId(proposed: string): Promise<string>;
  /** Notes an act in a log. */
  noteActivity(line: ActivityLine): Promise<void>;
}

/** What an operator's log is told: words from our own code and counts, never patient data. */
export interface EngineLog {
  info(what: string, fields?: Record<string, number | string>): void;
  warn(what: string, message: string): void;
  /** What somebody should look at, though nothing is broken. */
  alert(
    what: 'order_hold_expired' | 'retries_exhausted' | 'logs_stalled' | 'bulk_retry_stopped',
    fields: Record<string, number | string>,
  ): void;
  breaker(change: BreakerChange): void;
  /** The store takes writes again, and has taken what was kept meanwhile. */
  storeBack(replayed: number, afterMs: number): void;
}

/** What an engine is made of. */
export interface EngineParts {
  store: EngineStore;
  /** Whether the store takes writes; whoever opened the store tells it of refusals. */
  storeState: StoreState;
  /** What is kept while it does not. */
  journal: Journal;
  /** The file for records that the store refuses for good. */
  rejectedFile: string;
  /** This engine's lasting id; owner of its claims. */
  worker: string;
  vault: Vault;
  /** Seals the end of the audit chain. */
  auditSealKey: Buffer;
  evaluator: MappingEvaluator;
  transport: Transport;
  /** Says whom a connection out may be made to; the transport asks the same one. */
  targets: TargetGuard;
  /** Epoch milliseconds. */
  clock: () => number;
  failpoint: Failpoint;
  /** Our own status callback, and the token by which our own worker reports there over HTTP. */
  callback: () => ReportTarget;
  /** The same route as outside workers reach it: each log's `integration_callback_url`. */
  callbackUrl: () => string;
  /** Told of changes that no single command of the store tells of, for whoever looks at them. */
  onChange: (changes: readonly Change[]) => void;
  log: EngineLog;
}

/**
 * The rooms wired in the data's order: event → intake → (commit) → dispatcher → partner → callback
 * → log. Plain Node; the hosts (headless, desktop) compose it with a store and a server.
 */
export class Engine {
  readonly configuration: Configuration;
  readonly payloads: PayloadBuilder;
  readonly intake: Intake;
  readonly inbound: Inbound;
  readonly appointments: Appointments;
  readonly bulk: BulkIntake;
  readonly batches: Batches;
  readonly directory: Directory;
  readonly dispatcher: Dispatcher;
  readonly callback: CallbackHandler;
  readonly legacyCallbacks: LegacyCallbacks;
  readonly failedTasks: FailedTasks;
  readonly audit: AuditTrail;
  readonly sessions: Sessions;
  readonly signIn: SignIn;
  readonly orderingKeys: OrderingKeys;
  readonly breakers: Breakers;
  readonly heldTasks: HeldTasks;
  /** Everything that sends again. */
  readonly retries: RetryRoom;
  /** Keeps what the store cannot take just now. */
  readonly spill: SpilledRecords;
  /** Tasks whose calls outside workers make. */
  readonly leases: Leases;
  readonly transport: Transport;
  /** Credentials of calls to labs' own systems. */
  readonly authorizeSource: AuthorizeSource;
  /** Domain objects as they stand now, for bodies that are built again. */
  readonly freshObjects: FreshObjectReader;
  readonly targets: TargetGuard;
  /** What proves to partners who calls; for whoever makes a call out. */
  readonly credentials: CredentialSource;
  readonly #parts: EngineParts;
  readonly #attempts = new AttemptCounter();
  readonly #holdAlerts = new HoldAlertCounter();
  readonly #reporter: HttpReporter;
  readonly #indexer: TextIndexer;
  readonly #housekeeping: IntakeHousekeeping;

  constructor(parts: EngineParts) {
    this.#parts = parts;
    const { store, clock, log } = parts;
    this.transport = parts.transport;
    this.targets = parts.targets;
    this.payloads = new PayloadBuilder({ evaluator: parts.evaluator });
    this.configuration = new Configuration({
      store: store.configuration,
      vault: parts.vault,
      targets: parts.targets,
      clock,
      checkMapping: (request) => this.payloads.checkMapping(request),
      whenHeld: (labIntegrationId) => this.heldTasks.whenDone(labIntegrationId),
    });
    const { configuration, transport } = this;
    this.credentials = new CredentialSource({ configuration, transport, clock });
    this.authorizeSource = (id) => authorize(id, configuration, this.credentials);
    this.freshObjects = new FreshObjectReader({
      store,
      transport: parts.transport,
      authorize: this.authorizeSource,
      clock,
    });
    this.#reporter = new HttpReporter({
      store,
      target: parts.callback,
      onKeyWentOn: (next) => this.dispatcher.keyWentOn(next),
      onRetry: (step) => this.retries.stepTaken(step),
      onTrouble: (message) => log.warn('report', message),
    });
    this.spill = new SpilledRecords({
      store,
      opened: parts.journal,
      state: parts.storeState,
      aside: new SetAside(parts.rejectedFile),
      clock,
      onApplied: (record, applied) => this.dispatcher.applied(record, applied),
      onBack: (replayed, refusedSince) => {
        log.storeBack(replayed, refusedSince === null ? 0 : clock() - refusedSince);
        this.dispatcher.storeIsBack();
        this.retries.scheduler.notify();
      },
      onTrouble: (what, message) => log.warn(what, message),
    });
    const onGone = createDisableGone({
      configuration: this.configuration,
      note: (line) => store.noteActivity(line),
      clock,
      onTrouble: (what, message) => log.warn(what, message),
    });
    const onBreaker = (change: BreakerChange) => {
      log.breaker(change);
      if (change.kind === 'CLOSED') this.retries.recovered();
    };
    this.breakers = new Breakers({
      store,
      clock,
      onChange: (change) => {
        onBreaker(change);
        if (change.kind === 'CLOSED') this.dispatcher.notify();
      },
      giveBack: async (labIntegrationId) => {
        await this.dispatcher.giveBack(labIntegrationId);
        await this.leases.takeBack(labIntegrationId);
      },
    });
    this.dispatcher = new Dispatcher({
      store,
      spill: this.spill,
      configuration: this.configuration,
      transport: parts.transport,
      credentials: this.credentials,
      stops: this.breakers,
      clock,
      worker: parts.worker,
      failpoint: parts.failpoint,
      onSettled: (report) => this.#count(report),
      onBreaker,
      onRetry: (step) => this.retries.stepTaken(step),
      onGone,
      onReportDue: () => this.#reporter.notify(),
      onHoldsExpired: (holds) => this.#holdsExpired(holds),
      onTrouble: (what, message) => log.warn(what, message),
    });
    const taking = {
      store,
      configuration: this.configuration,
      payloads: this.payloads,
      callbackUrl: parts.callbackUrl,
      contended: new KeyedQueue(),
      firstSight: new FirstSight(),
    };
    this.intake = new Intake({
      ...taking,
      clock,
      onCommitted: (logs) => this.dispatcher.notify(urgentAmong(logs, clock())),
    });
    this.inbound = new Inbound({
      store,
      configuration: this.configuration,
      clock,
      spill: this.spill,
      onTrouble: (message) => log.warn('call', message),
    });
    this.appointments = new Appointments(store, this.configuration);
    const turns = new Turns();
    const builder = new BatchBuilder({ ...taking, turns });
    this.batches = new Batches({
      store,
      builder,
      turns,
      clock,
      onReleased: (urgent) => this.dispatcher.notify(urgent),
      onTrouble: (what, message) => log.warn(what, message),
    });
    this.bulk = new BulkIntake({
      store,
      configuration: this.configuration,
      batches: this.batches,
      clock,
    });
    this.callback = new CallbackHandler({
      store,
      configuration: this.configuration,
      callbackUrl: parts.callbackUrl,
      clock,
      onApplied: (report, { wentOn, leaseEnd, retry }) => {
        this.#count(report);
        if (wentOn) this.dispatcher.keyWentOn(wentOn);
        if (retry) this.retries.stepTaken(retry);
        if (leaseEnd) this.leases.endedByCallback(report, leaseEnd);
      },
    });
    this.legacyCallbacks = new LegacyCallbacks({ store, configuration, clock });
    this.leases = new Leases({
      store,
      configuration,
      credentials: this.credentials,
      stops: this.breakers,
      callback: this.callback,
      clock,
      onSettled: (report) => this.#count(report),
      onBreaker,
      onRetry: (step) => this.retries.stepTaken(step),
      onGone,
      onKeyWentOn: (next) => this.dispatcher.keyWentOn(next),
      onTakenBack: () => this.dispatcher.notify(),
      onTrouble: (what, message) => log.warn(what, message),
    });
    this.directory = new Directory(store, {
      clock,
      onResolved: (wentOn) => wentOn && this.dispatcher.keyWentOn(wentOn),
    });
    this.failedTasks = new FailedTasks({
      store,
      clock,
      onQueued: () => this.dispatcher.notify(),
    });
    this.audit = new AuditTrail({ store, sealKey: parts.auditSealKey, clock });
    const onTrouble = (error: unknown) => log.warn('people', messageOf(error));
    this.sessions = new Sessions({ store, keys: this.configuration, clock, onTrouble });
    this.signIn = new SignIn({ audit: this.audit, sessions: this.sessions, onTrouble });
    this.orderingKeys = new OrderingKeys({
      store,
      clock,
      onReleased: (wentOn) => wentOn && this.dispatcher.keyWentOn(wentOn),
    });
    this.retries = new RetryRoom({
      store,
      configuration,
      payloads: this.payloads,
      readObjects: (labId, references) =>
        this.freshObjects.read(
          configuration.lab(labId) ?? { labId, domainSource: null },
          references,
        ),
      spill: this.spill,
      clock,
      onReady: (urgent) => this.dispatcher.notify(urgent),
      onWentOn: (wentOn) => this.dispatcher.keyWentOn(wentOn),
      onBulkChange: (bulkRetryId) => parts.onChange([{ kind: 'BULK_RETRY', bulkRetryId }]),
      alert: (what, fields) => log.alert(what, fields),
      onTrouble: (what, message) => log.warn(what, message),
    });
    this.heldTasks = new HeldTasks({
      store,
      configuration,
      rebuild: this.retries.rebuild,
      clock,
      onReleased: () => this.dispatcher.notify(),
      onTrouble: (what, message) => log.warn(what, message),
    });
    this.#indexer = new TextIndexer({
      store,
      work: () => this.#attempts.total + builder.built,
      onTrouble: (what, message) => log.warn(what, message),
    });
    this.#housekeeping = new IntakeHousekeeping({
      store,
      clock,
      onError: (error) => log.warn('housekeeping', messageOf(error)),
    });
    // Rules switched on and settings widened may let waiting tasks go.
    this.configuration.onChange(() => this.dispatcher.notify());
    // Deliveries may go out again, or other hours be quiet.
    this.configuration.onChange(() => this.retries.scheduler.notify());
    this.configuration.onChange((change) => void this.leases.configurationChanged(change));
    this.configuration.onChange(({ kind }) => {
      if (kind === 'lab' || kind === 'developer_authentication') this.freshObjects.forget();
      // A rule switched off holds what waits; one switched on lets it go as was chosen.
      if (kind === 'lab_integration') this.heldTasks.notify();
    });
  }

  /**
   * Loads the configuration. Apart from `start`, so that the server can check keys before the first
   * delivery leaves.
   */
  async load(): Promise<void> {
    await this.configuration.start();
    await this.sessions.load();
    await this.breakers.load();
  }

  /** Recovers what a former life left and begins to deliver. `load` comes first. */
  async start(): Promise<void> {
    // Before the queue's recovery, which calls an attempt without an outcome UNKNOWN.
    await this.spill.start();
    const recovery = await this.dispatcher.start();
    this.heldTasks.start();
    await this.batches.start();
    await this.retries.start();
    this.#reporter.start();
    this.#indexer.start();
    this.#housekeeping.start();
    this.#parts.log.info('engine started', { ...recovery });
  }

  /** Lets what is under way finish; nothing new is claimed. Idempotent. The store stays open. */
  async stop(): Promise<void> {
    await this.signIn.stop();
    await this.inbound.stop();
    await this.#housekeeping.stop();
    await this.heldTasks.stop();
    await this.retries.stop();
    await this.batches.stop();
    await this.dispatcher.stop();
    await this.#reporter.stop();
    await this.#indexer.stop();
    await this.spill.stop();
    this.retries.alerts.stop();
    await this.#parts.transport.close();
    await this.#parts.evaluator.stop();
    this.#parts.log.info('engine stopped');
  }

  /** How attempts have ended since this start. */
  get attempts(): AttemptCount[] {
    return this.#attempts.list();
  }

  /** Counts for health and metrics. */
  async figures(): Promise<EngineFigures> {
    const { store, clock } = this.#parts;
    const [stored, order, outside] = await Promise.all([
      store.figures(),
      store.orderFigures({ now: clock() }),
      this.leases.figures(),
    ]);
    return {
      store: stored,
      order,
      outside,
      holdAlerts: this.#holdAlerts,
      retries: this.retries.figures,
      inFlight: this.dispatcher.inFlight,
      slots: this.configuration.settings.maxConcurrency,
      attempts: this.#attempts.list(),
      unkeptCalls: this.inbound.unkept,
      spill: this.spill.figures,
    };
  }

  /** One line in a round: the head's log tells the rest, and the key may name a patient. */
  #holdsExpired(holds: readonly ExpiredHold[]): void {
    this.#holdAlerts.add(holds, this.#parts.clock());
    const [first] = holds;
    this.#parts.log.alert('order_hold_expired', {
      count: holds.length,
      ...(first ? { log_id: first.logId, lab_integration_id: first.labIntegrationId } : {}),
    });
  }

  #count(report: AttemptReport): void {
    if (report.status !== null) {
      this.#attempts.count(report.status, report.certainty, report.errorKind);
      this.retries.attemptEnded();
    }
  }
}

/** The integrations for which urgent deliveries are among these, one entry for each delivery. */
function urgentAmong(logs: readonly NewLog[], now: number): number[] {
  return logs.flatMap((log) =>
    log.labIntegrationId !== null && isUrgent(log, now) ? [log.labIntegrationId] : [],
  );
}
