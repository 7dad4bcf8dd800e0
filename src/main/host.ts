import { randomBytes, randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import type { ProcedureName } from '../shared/contract/index.ts';
import { messageOf } from '../shared/errors.ts';
import { createFailpoint } from '../shared/failpoint.ts';
import { foundAdminTokenFile, writeAdminToken } from './admin-token.ts';
import { type AppLogFile, openAppLog } from './app-log.ts';
import { audited } from './bridge/audited.ts';
import type { Handlers } from './bridge/handler.ts';
import { PushHub, type PushSource } from './bridge/pushes/push-hub.ts';
import { appointmentHandlers } from './bridge/procedures/appointments.ts';
import { backupHandlers } from './bridge/procedures/backup.ts';
import { batchHandlers } from './bridge/procedures/batches.ts';
import { bulkRetryHandlers } from './bridge/procedures/bulk-retry.ts';
import { configurationHandlers } from './bridge/procedures/configuration.ts';
import { domainSourceHandlers } from './bridge/procedures/domain-source.ts';
import { healthHandlers } from './bridge/procedures/health.ts';
import { heldHandlers } from './bridge/procedures/held.ts';
import { leaseHandlers } from './bridge/procedures/leases.ts';
import { legacyHandlers } from './bridge/procedures/legacy.ts';
import { logHandlers } from './bridge/procedures/logs.ts';
import { breakerHandlers } from './bridge/procedures/breakers.ts';
import { orderingHandlers } from './bridge/procedures/ordering.ts';
import { peopleHandlers } from './bridge/procedures/people.ts';
import { queueHandlers } from './bridge/procedures/queue.ts';
import { retryHandlers } from './bridge/procedures/retry.ts';
import { testingHandlers } from './bridge/procedures/testing.ts';
import { versionHandlers } from './bridge/procedures/versions.ts';
import type { HostConfig } from './config.ts';
import { makeDataFolder } from './data-folder.ts';
import { ScheduledBackups } from './engine/backup/scheduled-backups.ts';
import { loadKey } from './engine/configuration/key-file.ts';
import { KeyVault } from './engine/configuration/vault.ts';
import { HttpTransport } from './engine/dispatch/http-transport.ts';
import { TargetGuard } from './engine/targets/guard.ts';
import { deliveryRefused, spillCheck, storeRefused } from './engine/spill/notices.ts';
import { StoreState } from './engine/spill/store-state.ts';
import { Engine, type EngineParts } from './engine/engine.ts';
import { Health, heldNotices } from './engine/health.ts';
import { ChildEvaluator } from './engine/payload/child-evaluator.ts';
import { forkMappingChild } from './engine/payload/fork-launcher.ts';
import type { MappingLauncher } from './engine/payload/mapping-messages.ts';
import { auditSealKey } from './engine/people/audit-trail.ts';
import { CALLBACK_PATH } from './http/callback-routes.ts';
import { openHttpServer } from './http/server.ts';
import {
  bannersOf,
  INSECURE_NOTICE,
  networkNotices,
  pausedCheck,
  secretNotices,
} from './notices.ts';
import { OpenedParts } from './opened-parts.ts';
import { openSpill, rejectedFile } from './spill.ts';
import { openStore, type Store, storeFile } from './store/store.ts';
import { TlsRenewal, type TlsTimings } from './tls-renewal.ts';
import { TroubleWatch } from './trouble-watch.ts';
import { VERSION } from './version.ts';

/** The built console: beside `out/main` in a build, under `out` seen from the sources. */
const CONSOLE_FOLDER = fileURLToPath(
  new URL(
    import.meta.url.endsWith('.ts') ? '../../out/renderer/' : '../renderer/',
    import.meta.url,
  ),
);

/** What a host may be given beside its configuration. */
export interface HostExtras {
  /** Starts the mapping process; the desktop brings its own. */
  launchMapping?: MappingLauncher;
  /** Where the built console lies. */
  consoleFolder?: string;
  /** See shared/failpoint.ts; for crash tests. */
  failpoint?: string | undefined;
  /** How often renewed certificates are looked for; for tests. */
  tlsTimings?: Partial<TlsTimings>;
  /** Caps the store's size in pages; for tests of a full disk. */
  maxPageCount?: number | undefined;
}

/** A running LabRelay: engine, store and local server. */
export interface Host {
  /** Where the console and the API are reached from this machine. */
  url: string;
  port: number;
  dataFolder: string;
  /** The file that holds the first admin key; null where none does. */
  adminTokenFile: string | null;
  engine: Engine;
  /** The contract's handlers, for the desktop's own binding. */
  handlers: Handlers<ProcedureName>;
  /** What has changed, likewise. */
  pushes: PushSource;
  /** Writes a fault of a procedure to the application log, without input or output. */
  onFault(fault: { procedure: string; error: unknown }): void;
  /** Resolves if LabRelay can keep nothing any more and should be started anew. */
  broken: Promise<Error>;
  /**
   * Takes no more requests, lets deliveries under way end, closes the store. Idempotent.
   */
  close(): Promise<void>;
}

/**
 * Opens a host: data folder, application log, store, engine, server, and then the first delivery.
 * What has been opened is closed again if a later step fails.
 * @throws Error that says what keeps it from starting, and the cure
 */
export async function openHost(config: HostConfig, extras: HostExtras = {}): Promise<Host> {
  // The server closes before the engine, the engine before the store.
  const opened = new OpenedParts();
  try {
    makeDataFolder(config.dataFolder);
    const log = await openAppLog(config.dataFolder);
    opened.push(() => log.close());
    opened.push(async () => log.info('stopped'));
    return await openParts(config, extras, log, opened);
  } catch (error) {
    await opened.close();
    throw error;
  }
}

async function openParts(
  config: HostConfig,
  extras: HostExtras,
  log: AppLogFile,
  opened: OpenedParts,
): Promise<Host> {
  const { dataFolder } = config;
  const tls = config.tlsFiles
    ? new TlsRenewal({ files: config.tlsFiles, log, clock: Date.now, timings: extras.tlsTimings })
    : null;
  if (tls) opened.push(() => tls.stop());
  const failpoint = extras.failpoint ?? process.env['LABRELAY_FAILPOINT'];
  const storeState = new StoreState(Date.now);
  let tellHealth = (): void => {};
  const store = await openStore({
    dataDir: dataFolder,
    failpoint,
    maxPageCount: extras.maxPageCount,
    onRefused: () => {
      storeState.refused();
      tellHealth();
    },
  });
  opened.push(() => store.close());
  const engineId = await store.engineId(randomUUID());
  const spill = await openSpill(store, log, { ...config, engineId });
  opened.push(() => spill.close());

  const troubles = new TroubleWatch(log, Date.now);
  const notTold = (error: unknown) => troubles.warn('pushes', messageOf(error));
  const pushes = new PushHub({
    listen: (listener) => store.listen(listener, notTold),
    logStates: (logIds) => store.logStates(logIds),
    onTrouble: notTold,
  });
  opened.push(async () => pushes.stop());
  tellHealth = () => pushes.changed([{ kind: 'HEALTH' }]);
  const urlAt = (port: number) =>
    `${tls ? 'https' : 'http'}://${nameOf(config.listenHost)}:${port}`;
  // With port 0 it is known once the server listens, and nobody else knows the port before.
  let url = urlAt(config.port);
  let ownPort = config.port;
  const internalToken = randomBytes(32).toString('base64url');
  const engine = await openEngine(config, extras, store, troubles, {
    worker: engineId,
    storeState,
    journal: spill.journal,
    callback: () => ({ url: url + CALLBACK_PATH, token: internalToken, dispatcher: tls?.agent }),
    callbackUrl: () => (config.publicUrl ?? url) + CALLBACK_PATH,
    onChange: (changes) => pushes.changed(changes),
    targets: new TargetGuard({ own: () => ({ port: ownPort, publicUrl: config.publicUrl }) }),
  });
  opened.push(() => engine.stop());
  await engine.load();
  const made = await engine.configuration.ensureAdminKey(
    config.adminToken ?? undefined,
    (token) => writeAdminToken(dataFolder, token),
    (name) => tellAdminKey(engine, name),
  );
  if (made !== null) log.info('admin_key_made');

  const backups = new ScheduledBackups({
    store,
    settings: () => engine.configuration.settings,
    dataFolder,
    storeFile: storeFile(dataFolder),
    version: VERSION,
    clock: Date.now,
    onMade: (durationMs) => log.info('backup_made', { duration_ms: durationMs }),
    onFailed: (code) => log.warn('backup_failed', { code }),
    onNotRotated: (code) => log.warn('backups_not_rotated', { code }),
  });
  engine.configuration.onChange(() => backups.changed());
  opened.push(() => backups.stop());

  const health = new Health({
    figures: () => engine.figures(),
    storeRefused: () => storeRefused(engine.spill.figures),
    delivery: () =>
      pausedCheck(engine.configuration.settings) ??
      deliveryRefused(engine.spill.figures) ??
      troubles.delivery(),
    notices: (audience) => [
      ...engine.retries.alerts.checks(),
      ...networkNotices(config),
      ...(tls?.notices() ?? []),
      ...heldNotices(engine.heldTasks.failing()),
      ...secretNotices(engine.configuration.unreadableSecrets(), audience),
      backups.check(),
      spillCheck(engine.spill.figures),
    ],
    banners: () => bannersOf(config, engine.configuration.settings, engine.spill.figures),
    version: VERSION,
    clock: Date.now,
  });
  const bare: Handlers<ProcedureName> = {
    ...configurationHandlers(engine.configuration),
    ...testingHandlers(engine, Date.now),
    ...domainSourceHandlers(engine),
    ...logHandlers(engine.directory),
    ...queueHandlers(engine.failedTasks),
    ...orderingHandlers(engine.orderingKeys),
    ...breakerHandlers(engine.breakers),
    ...peopleHandlers(engine.audit, engine.sessions),
    ...healthHandlers(health),
    ...backupHandlers(backups),
    ...batchHandlers(engine.batches),
    ...versionHandlers(engine.configuration),
    ...heldHandlers(engine.heldTasks),
    ...appointmentHandlers(engine.appointments),
    ...leaseHandlers(engine.leases, engine.audit),
    ...legacyHandlers(engine.legacyCallbacks),
    ...retryHandlers(engine.retries.manual),
    ...bulkRetryHandlers(engine.retries.bulk),
  };
  const onFault = (fault: { procedure: string; error: unknown }) =>
    log.error('procedure_fault', fault);
  const handlers = audited(bare, engine.audit, onFault);
  const server = await openHttpServer({
    engine: {
      configuration: engine.configuration,
      intake: engine.intake,
      inbound: engine.inbound,
      appointments: engine.appointments,
      bulk: engine.bulk,
      callback: engine.callback,
      legacyCallbacks: engine.legacyCallbacks,
      people: engine.signIn,
      pushes,
      health: () => health.document(),
      figures: () => health.figures(),
    },
    handlers,
    policy: config,
    port: config.port,
    tls: tls?.pair ?? null,
    internalToken,
    consoleFolder: extras.consoleFolder ?? CONSOLE_FOLDER,
    version: VERSION,
    warning: config.isInsecure ? INSECURE_NOTICE : null,
    onFault: (fault) => log.error('request_fault', fault),
  });
  opened.push(() => server.close());
  url = urlAt(server.port);
  ownPort = server.port;
  tls?.start((pair) => server.renewTls(pair));

  const unreadable = engine.configuration.unreadableSecrets().length;
  if (unreadable > 0) log.warn('secrets_unreadable', { count: unreadable });
  await engine.start();
  backups.start();
  log.info('started', {
    version: VERSION,
    node: process.version,
    pid: process.pid,
    port: server.port,
  });
  if (config.isInsecure) log.warn('insecure_http');
  opened.push(async () => log.info('stopping'));
  return {
    url,
    port: server.port,
    dataFolder,
    adminTokenFile: foundAdminTokenFile(dataFolder),
    engine,
    handlers,
    pushes,
    onFault,
    broken: store.writerDied,
    close: () => opened.close(),
  };
}

async function openEngine(
  config: HostConfig,
  extras: HostExtras,
  store: Store,
  troubles: TroubleWatch,
  surroundings: Pick<
    EngineParts,
    'callback' | 'callbackUrl' | 'onChange' | 'targets' | 'storeState' | 'journal' | 'worker'
  >,
): Promise<Engine> {
  const key = await loadKey({
    dataFolder: config.dataFolder,
    environmentKey: config.sealKey ?? undefined,
  });
  const failpoint = createFailpoint(extras.failpoint ?? process.env['LABRELAY_FAILPOINT'], () =>
    process.kill(process.pid, 'SIGKILL'),
  );
  return new Engine({
    store,
    rejectedFile: rejectedFile(config.dataFolder),
    vault: new KeyVault(key),
    auditSealKey: auditSealKey(key),
    evaluator: new ChildEvaluator(extras.launchMapping ?? forkMappingChild),
    // A clock that nobody sets: only differences count there.
    transport: new HttpTransport(() => performance.now(), failpoint, surroundings.targets),
    clock: Date.now,
    failpoint,
    ...surroundings,
    log: troubles,
  });
}

/** The one key that no admin has made. */
async function tellAdminKey({ audit }: Engine, name: string): Promise<void> {
  await audit.append({
    actor: 'LabRelay',
    action: 'firstAdminKey',
    subject: name,
    reason: null,
    address: null,
    detail: {},
  });
}

/** A name by which this machine reaches a listener: a wildcard address is none. */
function nameOf(listenHost: string): string {
  if (listenHost === '0.0.0.0' || listenHost === '::') return '127.0.0.1';
  return listenHost.includes(':') ? `[${listenHost}]` : listenHost;
}
