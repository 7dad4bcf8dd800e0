import Database from 'better-sqlite3';
import { expect, vi } from 'vitest';
import { CredentialSource } from '../../../src/main/engine/dispatch/credentials.ts';
import { Dispatcher } from '../../../src/main/engine/dispatch/dispatcher.ts';
import type {
  DispatcherDeps,
  DispatcherTimings,
  OutcomeSpill,
} from '../../../src/main/engine/dispatch/dispatcher-parts.ts';
import { Breakers } from '../../../src/main/engine/queue/breakers.ts';
import { HeldTasks } from '../../../src/main/engine/queue/held-tasks.ts';
import type { HeldAction } from '../../../src/shared/model/held.ts';
import type { Transport } from '../../../src/main/engine/dispatch/transport.ts';
import type { BreakerChange } from '../../../src/shared/model/breaker.ts';
import type { LabIntegration } from '../../../src/shared/model/configuration.ts';
import type { AttemptReport, FailedTask, NewLog } from '../../../src/shared/model/delivery.ts';
import { type OpenStore, openLocalStore } from '../../store/local-store.ts';
import { configure, delivery, event } from '../../store/samples.ts';
import { MemoryLookup, ruleOf } from './lookup.ts';
import { ScriptedTransport } from './scripted-transport.ts';

/** Quick enough for tests that wait for the condition, never for the time. */
const QUICK: DispatcherTimings = { lease: 60_000, idlePoll: 20, hungAfter: 50, storeAgain: 10 };

/** No journal: an outcome that the store refuses keeps its slot. */
const NO_SPILL: OutcomeSpill = { isInUse: false, keep: async () => false };

type Port = DispatcherDeps['store'];

/** A dispatcher over the real store (on this thread), with a scripted transport. */
export interface Dispatching {
  store: OpenStore;
  lookup: MemoryLookup;
  transport: ScriptedTransport;
  dispatcher: Dispatcher;
  settled: AttemptReport[];
  troubles: string[];
  /** What was told of breakers. */
  breakers: BreakerChange[];
  /** Breakers as people deal with them. */
  byHand: Breakers;
  /** Logs whose partner has answered 410. */
  gone: string[];
  /** Saves a rule to store and memory. @returns its id */
  addRule: (settings?: Partial<LabIntegration>) => Promise<number>;
  /** Switches a rule on or off, as the configuration room does. */
  enable: (rule: number, isActive: boolean, waiting?: HeldAction) => Promise<void>;
  /** Changes the store behind the room's back. */
  sql: (text: string) => void;
  /** Makes a new version of a rule. */
  change: (rule: number, settings: Partial<LabIntegration>, waiting?: HeldAction) => Promise<void>;
  /** What waits for rules that are switched off. */
  held: HeldTasks;
  /** Commits deliveries of a rule, without a wake-up. @returns their log ids */
  queue: (rule: number, count: number, log?: Partial<NewLog>) => Promise<string[]>;
  /** Resolves when no task is left. */
  drained: () => Promise<void>;
  /** Open entries of the failed-task queue. */
  failedTasks: () => Promise<FailedTask[]>;
  close: () => Promise<void>;
}

/**
 * @param wrap stands between dispatcher and store, where a test makes the store refuse
 */
export async function dispatching(
  options: {
    timings?: Partial<DispatcherTimings>;
    wrap?: (store: Port) => Partial<Port>;
    onSettled?: (report: AttemptReport) => void;
    /** Where time is not to pass by itself. */
    clock?: () => number;
    /** In place of the scripted one. */
    transport?: Transport;
    spill?: OutcomeSpill;
  } = {},
): Promise<Dispatching> {
  const store = openLocalStore();
  const lookup = new MemoryLookup();
  const transport = new ScriptedTransport();
  const settled: AttemptReport[] = [];
  const troubles: string[] = [];
  const breakers: BreakerChange[] = [];
  const gone: string[] = [];
  const port: Port = {
    claim: (request) => store.claim(request),
    nextDueAt: (request) => store.nextDueAt(request),
    begin: (request) => store.begin(request),
    stamp: (request) => store.stamp(request),
    settle: (settlement) => store.settle(settlement),
    bury: (death) => store.bury(death),
    release: (request) => store.release(request),
    extendLeases: (request) => store.extendLeases(request),
    recover: (request) => store.recover(request),
    tendOrder: (request) => store.tendOrder(request),
  };
  const breakersByHand: Breakers = new Breakers({
    store,
    clock: options.clock ?? Date.now,
    onChange: (change) => {
      breakers.push(change);
      if (change.kind === 'CLOSED') dispatcher.notify();
    },
    giveBack: (rule) => dispatcher.giveBack(rule),
  });
  const dispatcher: Dispatcher = new Dispatcher({
    store: { ...port, ...options.wrap?.(port) },
    spill: options.spill ?? NO_SPILL,
    configuration: lookup,
    transport: options.transport ?? transport,
    credentials: new CredentialSource({ configuration: lookup, transport, clock: Date.now }),
    stops: breakersByHand,
    clock: options.clock ?? Date.now,
    worker: 'w',
    failpoint: () => {},
    onSettled: (report) => {
      settled.push(report);
      options.onSettled?.(report);
    },
    onBreaker: (change) => breakers.push(change),
    onRetry: () => {},
    onGone: ({ logId }) => gone.push(logId),
    onReportDue: () => {},
    onHoldsExpired: () => {},
    onTrouble: (what, message) => troubles.push(`${what}: ${message}`),
    timings: { ...QUICK, ...options.timings },
  });
  const held = new HeldTasks({
    store,
    configuration: lookup,
    rebuild: async () => ({ outcome: 'SAME', objectsFrom: 'LOCAL', fallback: null }),
    clock: options.clock ?? Date.now,
    onReleased: () => dispatcher.notify(),
    onTrouble: (what, message) => troubles.push(`${what}: ${message}`),
  });
  held.start();
  const change: Dispatching['change'] = async (rule, changed, waiting) => {
    const known = lookup.rules.get(rule);
    if (!known) throw new Error(`no rule ${rule}`);
    const { labIntegrationId, version, createdAt: _c, updatedAt: _u, ...settings } = known;
    const saved = await store.configuration.saveLabIntegration({
      labIntegrationId,
      expectedVersion: version,
      settings: { ...settings, labId: 1, ...changed },
      changedBy: 'test',
      waiting: waiting ?? null,
      now: options.clock?.() ?? 2,
    });
    if (saved.outcome !== 'SAVED') throw new Error(saved.outcome);
    lookup.rules.set(rule, saved.row);
    held.notify();
  };

  const sql = (text: string): void => {
    const db = new Database(store.file);
    db.exec(text);
    db.close();
  };

  return {
    sql,
    change,
    held,
    store,
    lookup,
    transport,
    dispatcher,
    settled,
    troubles,
    breakers,
    byHand: breakersByHand,
    gone,
    async addRule(settings = {}) {
      const labIntegrationId = await configure(store, settings);
      lookup.rules.set(labIntegrationId, ruleOf({ ...settings, labIntegrationId, version: 1 }));
      return labIntegrationId;
    },
    enable: (rule, isActive, waiting) => change(rule, { isActive }, waiting),
    async queue(rule, count, log = {}) {
      const deliveries = Array.from({ length: count }, () => delivery(rule, log));
      await store.acceptEvent(event(deliveries));
      return deliveries.map((one) => one.log.logId);
    },
    async drained() {
      // Hundreds of commits may take a while on a busy disk.
      await vi.waitFor(
        async () => expect((await store.figures()).tasksByState).toEqual({}),
        10_000,
      );
    },
    failedTasks: () => store.listFailedTasks({ beforeId: null, limit: 10, includeRequeued: false }),
    async close() {
      transport.answerAll();
      await held.stop();
      await dispatcher.stop();
      await store.close();
    },
  };
}
