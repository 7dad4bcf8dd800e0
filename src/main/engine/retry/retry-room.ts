import type { BulkRetry, BulkStop } from '../../../shared/model/bulk-retry.ts';
import type { KeyWentOn } from '../../../shared/model/ordering.ts';
import type { ScheduleStep } from '../../../shared/model/retry.ts';
import type { Configuration } from '../configuration/configuration.ts';
import type { ConfigurationPort } from '../configuration/port.ts';
import { settingsOfVersion } from '../configuration/versions.ts';
import type { PayloadBuilder } from '../payload/builder.ts';
import {
  type ReadObjects,
  rebuild,
  type RebuildableLog,
  type Rebuilt,
} from '../payload/rebuild.ts';
import { RetryAlerts } from './alerts.ts';
import { BulkPlanner } from './bulk-planner.ts';
import type { BulkRetryPort } from './bulk-port.ts';
import { BulkRetries } from './bulk-retries.ts';
import { BulkRunner } from './bulk-runner.ts';
import { BulkSender } from './bulk-sender.ts';
import { ManualRetries } from './manual.ts';
import type { ManualRetryPort } from './manual-port.ts';
import type { SchedulePort } from './port.ts';
import { Recoveries, type RecoveryPort } from './recoveries.ts';
import { type RetryFigures, RetryScheduler } from './scheduler.ts';
import { type StalledPort, StalledSweep } from './stalled-sweep.ts';

/** What the rooms of retries need of the store. */
export interface RetryPort
  extends SchedulePort,
    StalledPort,
    RecoveryPort,
    ManualRetryPort,
    BulkRetryPort {
  readonly configuration: ConfigurationPort;
}

interface RetryRoomDeps {
  store: RetryPort;
  configuration: Configuration;
  payloads: PayloadBuilder;
  readObjects: ReadObjects;
  /** While the store refuses writes nothing is started. */
  spill: { readonly isInUse: boolean };
  /** Epoch milliseconds. */
  clock: () => number;
  /** Deliveries are ready; the integrations of which STAT ones are, one entry for each. */
  onReady: (urgent: readonly number[]) => void;
  /** A delivery that waited for another of its ordering key is ready. */
  onWentOn: (wentOn: KeyWentOn) => void;
  /** Counts or state of a bulk retry may have changed. */
  onBulkChange: (bulkRetryId: string) => void;
  /** What somebody should look at, though nothing is broken. */
  alert: (
    what: 'retries_exhausted' | 'logs_stalled' | 'bulk_retry_stopped',
    fields: Record<string, number | string>,
  ) => void;
  onTrouble: (what: string, message: string) => void;
}

/** Everything that sends again: by schedule, at recovery, what was lost sight of, by hand, in bulk. */
export class RetryRoom {
  /** Starts retries when they are due. */
  readonly scheduler: RetryScheduler;
  /** Retries that people ask for. */
  readonly manual: ManualRetries;
  /** Many of them at once. */
  readonly bulk: BulkRetries;
  readonly alerts: RetryAlerts;
  /** A body built anew from the objects as they stand now. */
  readonly rebuild: (log: RebuildableLog) => Promise<Rebuilt>;
  readonly #recoveries: Recoveries;
  readonly #stalled: StalledSweep;
  readonly #runner: BulkRunner;
  readonly #alert: RetryRoomDeps['alert'];

  constructor(deps: RetryRoomDeps) {
    const { store, configuration, payloads, readObjects, spill, clock, onReady, onTrouble } = deps;
    const sources = { configuration, payloads, readObjects };
    this.#alert = deps.alert;
    this.alerts = new RetryAlerts(deps.alert, clock);
    this.rebuild = (log) => rebuild(sources, log);
    this.scheduler = new RetryScheduler({
      store,
      configuration,
      spill,
      rebuild: this.rebuild,
      clock,
      onStarted: onReady,
      onTrouble,
    });
    this.#recoveries = new Recoveries({
      store,
      onReleased: () => this.scheduler.notify(),
      onTrouble: (message) => onTrouble('recovered', message),
    });
    this.#stalled = new StalledSweep({
      store,
      spill,
      clock,
      onStalled: (logIds) => {
        this.alerts.addStalled(logIds);
        onReady([]);
      },
      onRetry: (step) => this.stepTaken(step),
      onTrouble,
    });
    this.manual = new ManualRetries({
      store,
      configuration,
      rebuild: (log, pinned) => rebuild(sources, log, pinned),
      versionOf: (id, version) => settingsOfVersion(store.configuration, id, version),
      clock,
      onQueued: onReady,
      onWentOn: deps.onWentOn,
    });
    this.#runner = new BulkRunner({
      store,
      planner: new BulkPlanner({ store, configuration, clock }),
      sender: new BulkSender({
        store,
        prepare: (logId, wish) => this.manual.prepare(logId, wish),
        clock,
        onQueued: onReady,
        onTrouble,
      }),
      isStoreRefusing: () => spill.isInUse,
      clock,
      onChange: deps.onBulkChange,
      onStopped: (bulk, stop) => this.#bulkStopped(bulk, stop),
      onTakenOut: () => onReady([]),
      onTrouble,
    });
    this.bulk = new BulkRetries({ store, runner: this.#runner, clock });
  }

  /** Takes up what a former life left. */
  async start(): Promise<void> {
    this.#recoveries.start();
    this.scheduler.start();
    this.#stalled.start();
    await this.#runner.start();
  }

  /** Ends behind what is under way. Idempotent. */
  async stop(): Promise<void> {
    await this.#recoveries.stop();
    await this.scheduler.stop();
    await this.#stalled.stop();
    await this.#runner.stop();
  }

  /** What the end of an attempt made of its log's schedule. */
  stepTaken(step: ScheduleStep): void {
    switch (step.kind) {
      case 'SCHEDULED':
        this.scheduler.notify(step.at);
        break;
      case 'EXHAUSTED':
        this.alerts.addExhausted(step);
        break;
    }
  }

  /** An attempt has ended: one of a bulk retry may have. Cheap. */
  attemptEnded(): void {
    this.#runner.notify();
  }

  /** An integration's breaker has closed: what is scheduled for it may go. */
  recovered(): void {
    this.#recoveries.notify();
  }

  get figures(): RetryFigures {
    const { exhausted, stalled } = this.alerts;
    return { ...this.scheduler.counts, exhausted, stalled };
  }

  /** Its failure class is an error kind and a status code: no words of a partner. */
  #bulkStopped({ bulkRetryId }: BulkRetry, { failureClass, why, count }: BulkStop): void {
    this.#alert('bulk_retry_stopped', {
      bulk_retry_id: bulkRetryId,
      code: (failureClass ?? why).replace(' ', '_'),
      ...(count === null ? {} : { count }),
    });
  }
}
