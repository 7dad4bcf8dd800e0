import { setTimeout as pause } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, expect, onTestFailed, test } from 'vitest';
import { seededRandom } from '../../src/main/cli/demo/random.ts';
import { storeFile } from '../../src/main/store/store.ts';
import { temporaryFolder } from '../helpers/folders.ts';
import { builtCli } from '../support/built.ts';
import { EngineProcess } from './engine-process.ts';
import { configureLab, LAB_ID, OWN_CATEGORY, SLOTS, untilDrained } from './lab.ts';
import { readLedger } from './ledger.ts';
import { Partner } from './partner.ts';

const LOGS = 5_000;
const KILLS = 10;
/** No engine lives longer than this after it listens (ms). */
const LONGEST_MS = 600;

/** `LABRELAY_CRASH_SEED` plays the moments of a former run again. */
const seed = Number(process.env['LABRELAY_CRASH_SEED'] ?? Date.now() % 1_000_000);

let partner: Partner;
let engine: EngineProcess | null = null;
beforeEach(async () => {
  const random = seededRandom(seed + 1);
  partner = await Partner.open(() => random.between(1, 6));
});
afterEach(async () => {
  await engine?.kill();
  await partner.close();
});

/** The rows of the only bulk retry, read past the engine. */
function rows(dataFolder: string) {
  const db = new Database(storeFile(dataFolder), { readonly: true });
  try {
    return db
      .prepare<[], { logId: string; state: string; failure: string | null; attempt: number }>(
        `SELECT l.log_id AS logId, i.state, i.failure_class AS failure, i.attempt
         FROM bulk_retry_item i JOIN log l ON l.log_seq = i.log_seq`,
      )
      .all();
  } finally {
    db.close();
  }
}

/** What was stamped and has no outcome: the partner may have it. */
function stamped(dataFolder: string): string[] {
  return readLedger(dataFolder, (ledger) =>
    ledger.logs().flatMap(({ logId, isStamped }) => (isStamped ? [logId] : [])),
  );
}

test(`a bulk retry of ${LOGS} logs that is killed ${KILLS} times goes on, and sends none twice`, async () => {
  onTestFailed(() => {
    process.stderr.write(`LABRELAY_CRASH_SEED=${seed} plays this again\n`);
  });
  const cli = await builtCli();
  const dataFolder = temporaryFolder();
  const key = await configureLab(cli, dataFolder, partner.url);
  const moments = seededRandom(seed);
  const first = new EngineProcess(cli, dataFolder);
  engine = first;
  partner.status = () => 400;
  const records = Array.from({ length: LOGS }, (_, crate) => ({ crate }));
  const body = { lab_id: LAB_ID, action_category: OWN_CATEGORY, records };
  await first.post('/integrationWebhookBulkAPI/', body, key, { 'idempotency-key': 'all' });
  await untilDrained(dataFolder);
  partner.status = () => 200;
  partner.received.clear();
  const { bulk_retry_id } = await first.call('retryIntegrations', {
    filter: { status: ['FAIL'] },
    reason: 'the partner has mended it',
    rate_per_minute: 100_000,
    run: true,
  });

  const inDoubt = new Set<string>();
  for (let kill = 1; kill <= KILLS; kill++) {
    await engine.url();
    await pause(moments.between(1, LONGEST_MS));
    expect(await engine.kill()).toEqual({ code: null, signal: 'SIGKILL' });
    const fresh = stamped(dataFolder).filter((logId) => !inDoubt.has(logId));
    expect(fresh.length).toBeLessThanOrEqual(SLOTS);
    for (const logId of fresh) inDoubt.add(logId);
    engine = new EngineProcess(cli, dataFolder);
  }

  const last = engine;
  const read = () => last.call('getBulkRetry', { bulk_retry_id });
  await expect.poll(async () => (await read()).state, { timeout: 40_000 }).toBe('DONE');
  await untilDrained(dataFolder);
  const { total, progress, canaries } = await read();
  expect(total).toBe(LOGS);
  expect(progress).toMatchObject({ waiting: 0, queued: 0, refused: 0, skipped: 0, done: LOGS });
  expect(progress.succeeded + progress.failed).toBe(LOGS);
  expect(canaries.some(({ verdict }) => verdict === 'GOOD')).toBe(true);
  expect(await last.stop()).toEqual({ code: 0, signal: null });

  const items = rows(dataFolder);
  // The first attempt of each was refused; this one is the second, and there is no third.
  expect(items.filter(({ state, attempt }) => state !== 'DONE' || attempt !== 2)).toEqual([]);
  const failed = items.filter(({ failure }) => failure !== null);
  expect(failed.filter((item) => item.failure !== 'CRASH' || !inDoubt.has(item.logId))).toEqual([]);
  expect(progress.failed).toBe(failed.length);
  const logs = readLedger(dataFolder, (ledger) => {
    expect(ledger.integrity('integrity_check')).toBe('ok');
    return ledger.logs();
  });
  expect(logs).toHaveLength(LOGS);
  expect(logs.filter(({ attempts }) => attempts !== 2)).toEqual([]);
  const twice = logs.filter(({ logId }) => partner.times(logId) > 1);
  expect(twice).toEqual([]);
  const missed = logs.filter(({ logId, status }) => {
    return partner.times(logId) === 0 && !(status === 'FAIL' && inDoubt.has(logId));
  });
  expect(missed).toEqual([]);
  // The kills did strike it under way.
  expect(inDoubt.size).toBeGreaterThan(0);
}, 120_000);
