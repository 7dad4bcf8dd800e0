import { setTimeout as pause } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { afterEach, expect, test } from 'vitest';
import { storeFile } from '../../src/main/store/store.ts';
import { temporaryFolder } from '../helpers/folders.ts';
import { builtCli } from '../support/built.ts';
import { EngineProcess } from './engine-process.ts';
import { configureLab, LAB_ID, OWN_CATEGORY, SLOTS, untilDrained } from './lab.ts';
import { readLedger } from './ledger.ts';
import { Partner } from './partner.ts';

const DELIVERIES = 150;

/** Where the engines end: as a failure is scheduled, as retries are let go, stamped, made and settled. */
const CRASHES = [
  'before-commit@settle:3',
  'after-commit@settle:3',
  'before-commit@startRetries',
  'after-commit@startRetries',
  'before-stamp:5',
  'after-stamp:5',
  'after-bytes:5',
] as const;

/** How long an engine may take to come where it is to end (ms). */
const HIT_WITHIN_MS = 20_000;

const running: { kill(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const engine of running.splice(0)) await engine.kill();
});

interface Retried {
  logId: string;
  status: string;
  certainty: string;
  errorKind: string | null;
  retryState: string;
  retryCount: number;
  retryStep: number;
  automatic: number;
  manual: number;
}

/** The logs with how often each was tried. */
function retried(dataFolder: string): Retried[] {
  const db = new Database(storeFile(dataFolder), { readonly: true });
  try {
    return db
      .prepare<[], Retried>(
        `SELECT log_id AS logId, status, certainty, error_kind AS errorKind,
           retry_state AS retryState, retry_count AS retryCount, retry_step AS retryStep,
           (SELECT count(*) FROM attempt a WHERE a.log_seq = l.log_seq AND kind = 'AUTO') AS automatic,
           (SELECT count(*) FROM attempt a WHERE a.log_seq = l.log_seq AND kind = 'MANUAL') AS manual
         FROM log l WHERE direction = 'OUTBOUND'`,
      )
      .all();
  } finally {
    db.close();
  }
}

test('killed anywhere on the way of its retries, it loses none, repeats none, and forgets no step', async () => {
  const cli = await builtCli();
  // What it refuses at first says nothing of the partner itself: 503 would open the breaker.
  const partner = await Partner.open(
    () => 5,
    (times) => (times === 1 ? 408 : 200),
  );
  const dataFolder = temporaryFolder();
  const key = await configureLab(cli, dataFolder, partner.url);
  const start = (failpoint?: string) => {
    const engine = new EngineProcess(cli, dataFolder, failpoint);
    running.push(engine);
    return engine;
  };

  const first = start();
  const { items } = await first.call('listLabIntegrations', {});
  const rule = items.find(({ action_category }) => action_category === OWN_CATEGORY);
  if (!rule) throw new Error('no rule');
  await first.call('addUpdateWebhookIntegration', {
    lab_integration_id: rule.lab_integration_id,
    retry_policy: { schedule: [1_000, 1_000, 1_000], jitter: 0.9 },
  });
  await first.call('setDeliveryPaused', { paused: true });
  const event = { action_category: OWN_CATEGORY, lab_id: LAB_ID, data: {} };
  await Promise.all(
    Array.from({ length: DELIVERIES }, () => first.post('/api/v1/events', event, key)),
  );
  expect(await first.stop()).toEqual({ code: 0, signal: null });

  const inDoubt = new Set<string>();
  for (const [index, failpoint] of CRASHES.entries()) {
    const engine = start(failpoint);
    if (index === 0) {
      await engine.call('setDeliveryPaused', { paused: false }).catch(() => null);
    }
    const ended = await Promise.race([engine.ended, pause(HIT_WITHIN_MS, 'it goes on')]);
    expect(ended, failpoint).toEqual({ code: null, signal: 'SIGKILL' });
    const doubted = readLedger(dataFolder, (ledger) => {
      expect(ledger.integrity('quick_check')).toBe('ok');
      expect(ledger.forgottenLogs()).toEqual([]);
      return ledger.inDoubt();
    });
    expect(doubted.length).toBeLessThanOrEqual(SLOTS);
    for (const logId of doubted) inDoubt.add(logId);
  }

  const last = start();
  await untilDrained(dataFolder);
  // What two crashes put aside was never sent; people may send it on.
  const { items: failed } = await last.call('listFailedTasks', { limit: 200 });
  for (const { failed_task_id, cause } of failed) {
    expect(cause).toBe('CRASHED_TWICE');
    await last.call('requeueFailedTask', { failed_task_id, reason: 'crashed' });
  }
  await untilDrained(dataFolder);
  expect(await last.stop()).toEqual({ code: 0, signal: null });

  const logs = retried(dataFolder);
  expect(logs).toHaveLength(DELIVERIES);
  expect(inDoubt.size).toBeGreaterThan(0);
  for (const log of logs) {
    const times = partner.times(log.logId);
    if (inDoubt.has(log.logId)) {
      // Nobody may repeat it by itself.
      expect(log).toMatchObject({ status: 'FAIL', certainty: 'UNKNOWN', retryState: 'NONE' });
      expect(times).toBeLessThanOrEqual(2);
    } else {
      expect(log).toMatchObject({ status: 'SUCCESS', retryState: 'NONE' });
      expect(times, log.logId).toBe(2);
      if (log.manual === 0) {
        expect(log).toMatchObject({ automatic: 1, retryCount: 1, retryStep: 1 });
      }
    }
  }
  await partner.close();
}, 120_000);
