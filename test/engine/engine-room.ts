import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { KeyVault } from '../../src/main/engine/configuration/vault.ts';
import { HttpTransport } from '../../src/main/engine/dispatch/http-transport.ts';
import type { Transport } from '../../src/main/engine/dispatch/transport.ts';
import { Engine } from '../../src/main/engine/engine.ts';
import { StoreState } from '../../src/main/engine/spill/store-state.ts';
import { TargetGuard } from '../../src/main/engine/targets/guard.ts';
import type { BreakerChange } from '../../src/shared/model/breaker.ts';
import type { IntegrationSettings } from '../../src/shared/model/configuration.ts';
import type { NewLog } from '../../src/shared/model/delivery.ts';
import { temporaryFolder } from '../helpers/folders.ts';
import { openLocalStore } from '../store/local-store.ts';
import { configure, delivery, event } from '../store/samples.ts';

/** What a room is made with. */
interface RoomOptions {
  rule: Partial<IntegrationSettings>;
  /** The real one over sockets, unless another is given. */
  transport?: () => Transport;
  /** Epoch milliseconds at the beginning. */
  now: number;
}

/**
 * The whole engine over the real store, with one rule, and its clock in the test's hand. Its timers are
 * real: what is due by the clock is started by `advance`, which wakes the rooms as a timer would.
 */
export async function engineRoom({ rule: settings, transport, now: start }: RoomOptions) {
  const store = openLocalStore();
  const rule = await configure(store, settings);
  const folder = temporaryFolder();
  const breakers: BreakerChange[] = [];
  const alerts: string[] = [];
  const troubles: string[] = [];
  let now = start;
  const clock = () => now;
  const make = () =>
    new Engine({
      store,
      storeState: new StoreState(clock),
      journal: { journal: null, fault: 'none in this test' },
      rejectedFile: join(folder, 'rejected'),
      worker: 'w',
      vault: new KeyVault(randomBytes(32)),
      auditSealKey: randomBytes(32),
      evaluator: {
        evaluate: async () => {
          throw new Error('no mapping here');
        },
        stop: async () => {},
      },
      transport:
        transport?.() ??
        new HttpTransport(
          () => performance.now(),
          () => {},
        ),
      targets: new TargetGuard(),
      clock,
      failpoint: () => {},
      callback: () => ({ url: '', token: '', dispatcher: undefined }),
      callbackUrl: () => '',
      onChange: () => {},
      log: {
        info: () => {},
        warn: (what, message) => troubles.push(`${what}: ${message}`),
        alert: (what) => alerts.push(what),
        breaker: (change) => breakers.push(change),
        storeBack: () => {},
      },
    });
  let engine = make();

  return {
    store,
    rule,
    breakers,
    alerts,
    troubles,
    get engine(): Engine {
      return engine;
    },
    get now(): number {
      return now;
    },
    async start(): Promise<void> {
      await engine.load();
      await engine.start();
    },
    /** As a new process over the same store. */
    async restart(): Promise<void> {
      await engine.stop();
      engine = make();
      await this.start();
    },
    advance(ms: number): void {
      now += ms;
      engine.retries.scheduler.notify();
      engine.dispatcher.notify();
    },
    /** Commits deliveries whose bodies came ready. @returns their log ids */
    async queue(logs: readonly Partial<NewLog>[]): Promise<string[]> {
      const context = { actionCategory: 'BILL_GENERATED', references: [], isBodyGiven: true };
      const deliveries = logs.map((log) => delivery(rule, { retryContext: context, ...log }));
      await store.acceptEvent(event(deliveries));
      engine.dispatcher.notify();
      return deliveries.map((one) => one.log.logId);
    },
    /** How many attempts have ended since the engine started. */
    get attempts(): number {
      return engine.attempts.reduce((sum, { count }) => sum + count, 0);
    },
    async states(): Promise<Record<string, number>> {
      return (await store.figures()).tasksByState;
    },
    read<T>(sql: string): T[] {
      const db = new Database(store.file, { readonly: true });
      try {
        return db.prepare<[], T>(sql).all();
      } finally {
        db.close();
      }
    },
    async close(): Promise<void> {
      await engine.stop();
      await store.close();
    },
  };
}
