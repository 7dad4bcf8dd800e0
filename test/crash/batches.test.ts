import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { storeFile } from '../../src/main/store/store.ts';
import type { Output } from '../../src/shared/contract/index.ts';
import { temporaryFolder } from '../helpers/folders.ts';
import { builtCli } from '../support/built.ts';
import { EngineProcess } from './engine-process.ts';
import { configureLab, LAB_ID, OWN_CATEGORY, untilDrained } from './lab.ts';
import { readLedger } from './ledger.ts';
import { Partner } from './partner.ts';

/** As many as a call may bring. */
const ALL = 10_000;
/** Enough for several chunks to be built and to be released. */
const SOME = 1_300;
/** The place of a record that cannot become an event. */
const BAD = 700;

const KILLED_ITSELF = { code: null, signal: 'SIGKILL' };
const ROUTE = '/integrationWebhookBulkAPI/';
const HEADERS = { 'idempotency-key': 'the-batch' };

let cli: string;
let partner: Partner;
/** A configured data folder; each test crashes a copy of it. */
let configured: string;
let key: string;
let dataFolder: string;
let running: EngineProcess | null = null;

beforeAll(async () => {
  cli = await builtCli();
  partner = await Partner.open(() => 2);
  configured = mkdtempSync(join(tmpdir(), 'labrelay-crash-'));
  key = await configureLab(cli, configured, partner.url);
});
beforeEach(() => {
  dataFolder = temporaryFolder();
  cpSync(configured, dataFolder, { recursive: true });
});
afterEach(async () => {
  await running?.kill();
});
afterAll(async () => {
  await partner.close();
  rmSync(configured, { recursive: true, force: true });
});

function start(failpoint?: string): EngineProcess {
  running = new EngineProcess(cli, dataFolder, failpoint);
  return running;
}

function bodyOf(count: number): object {
  const records = Array.from({ length: count }, (_, index): unknown =>
    index === BAD ? 'no object' : { crate: index },
  );
  return { lab_id: LAB_ID, action_category: OWN_CATEGORY, records };
}

/** What is on disk of batches, read past the engine. */
function onDisk() {
  const db = new Database(storeFile(dataFolder), { readonly: true });
  try {
    const one = (sql: string) => db.prepare(sql).pluck().get() as number;
    return {
      states: db.prepare('SELECT state FROM batch ORDER BY batch_seq').pluck().all(),
      parcels: one('SELECT count(*) FROM batch_record'),
      logs: one(`SELECT count(*) FROM log WHERE direction = 'OUTBOUND'`),
      /** What was fired by a call that is not kept. */
      orphans: one(`SELECT count(*) FROM log l WHERE triggered_by IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM log c WHERE c.log_id = l.triggered_by)`),
      receiving: one(`SELECT count(*) FROM task WHERE state = 'RECEIVING'`),
      attempts: one('SELECT count(*) FROM attempt'),
    };
  } finally {
    db.close();
  }
}

type Answer = { accepted: number; log_ids: string[]; rejected: { index: number }[] };

/** Every record is an event with its log, or named; each log was sent once, and nothing else was. */
async function expectAccountedFor(engine: EngineProcess, count: number): Promise<void> {
  await untilDrained(dataFolder);
  const repeat = await engine.post(ROUTE, bodyOf(count), key, HEADERS);
  expect(repeat.status).toBe(202);
  const answer = (await repeat.json()) as Answer;
  expect(answer.accepted).toBe(count - 1);
  expect(answer.rejected.map(({ index }) => index)).toEqual([BAD]);
  await untilDrained(dataFolder);

  const { logs, events } = readLedger(dataFolder, (ledger) => {
    expect(ledger.integrity('integrity_check')).toBe('ok');
    return { logs: ledger.logs(), events: ledger.events() };
  });
  expect(new Set(logs.map(({ logId }) => logId))).toEqual(new Set(answer.log_ids));
  expect(logs).toHaveLength(count - 1);
  const crates = events.map(({ document }) => (JSON.parse(document) as { crate: number }).crate);
  const expected = Array.from({ length: count }, (_, index) => index).filter((one) => one !== BAD);
  expect(crates.toSorted((a, b) => a - b)).toEqual(expected);
  expect(logs.filter(({ status }) => status !== 'SUCCESS')).toEqual([]);
  expect(logs.filter(({ logId }) => partner.times(logId) !== 1)).toEqual([]);
  expect(onDisk()).toMatchObject({ parcels: 0, receiving: 0, orphans: 0 });
}

test('an engine that is killed in the middle of 10,000 records goes on with the rest', async () => {
  const crashing = start('after-commit@buildBatch:20');
  await expect(crashing.post(ROUTE, bodyOf(ALL), key, HEADERS)).rejects.toThrow();
  expect(await crashing.ended).toEqual(KILLED_ITSELF);
  const left = onDisk();
  expect(left.states).toEqual(['BUILDING']);
  expect(left.logs).toBeGreaterThan(4_000);
  expect(left.logs).toBeLessThan(ALL);
  // Nothing of it was to be had before all of it was there.
  expect(left).toMatchObject({ receiving: left.logs, attempts: 0, orphans: 0 });

  const recovered = start();
  await recovered.url();
  await expectAccountedFor(recovered, ALL);
});

describe('a batch that is struck once its body is complete is finished, and nothing of it sent twice', () => {
  test.each([
    'after-commit@sealBatch',
    'before-commit@buildBatch',
    'after-commit@buildBatch:3',
    'before-commit@releaseBatch',
    'after-commit@releaseBatch',
  ])('at %s', async (failpoint) => {
    const crashing = start(failpoint);
    await crashing.post(ROUTE, bodyOf(SOME), key, HEADERS).catch(() => null);
    expect(await crashing.ended).toEqual(KILLED_ITSELF);
    expect(['BUILDING', 'RELEASING']).toContain(onDisk().states[0]);

    const recovered = start();
    await recovered.url();
    await expectAccountedFor(recovered, SOME);
  });
});

describe('a batch that is struck before its body is complete', () => {
  test.each(['before-commit@spoolRecords', 'after-commit@spoolRecords', 'before-commit@sealBatch'])(
    'at %s is dropped; its repeat is taken anew',
    async (failpoint) => {
      const crashing = start(failpoint);
      await expect(crashing.post(ROUTE, bodyOf(SOME), key, HEADERS)).rejects.toThrow();
      expect(await crashing.ended).toEqual(KILLED_ITSELF);
      expect(onDisk().logs).toBe(0);

      const recovered = start();
      await recovered.url();
      await expect.poll(() => onDisk().parcels).toBe(0);
      expect(onDisk().states.every((state) => state === 'DROPPED')).toBe(true);
      const taken = await recovered.post(ROUTE, bodyOf(SOME), key, HEADERS);
      expect(taken.headers.get('idempotent-replayed')).toBeNull();
      expect(taken.status).toBe(202);
      await expectAccountedFor(recovered, SOME);
    },
  );
});

test('a cancelling goes on after a crash in its middle', async () => {
  const first = start('after-commit@cancelBatchTasks');
  const { items } = await first.call('listLabIntegrations', {});
  const rule = items.find(({ action_category }) => action_category === OWN_CATEGORY);
  await first.call('addUpdateWebhookIntegration', {
    lab_integration_id: rule?.lab_integration_id ?? 0,
    rate_per_minute: 1,
  });
  await first.post(ROUTE, bodyOf(SOME), key, HEADERS);
  const [batch] = (await first.call('listBatches', {})).items;
  const input = { batch_id: batch?.batch_id ?? '', reason: 'sent by mistake' };
  await expect(first.call('cancelBatch', input)).rejects.toThrow();
  expect(await first.ended).toEqual(KILLED_ITSELF);
  expect(onDisk().states).toEqual(['CANCELLING']);

  const second = start();
  await second.url();
  const now = async (): Promise<Output<'getBatch'>> =>
    second.call('getBatch', { batch_id: input.batch_id });
  await expect.poll(async () => (await now()).progress.queued, { timeout: 20_000 }).toBe(0);
  const { state, progress } = await now();
  expect(state).toBe('CANCELLED');
  expect(progress.cancelled).toBeGreaterThan(SOME - 10);
});
