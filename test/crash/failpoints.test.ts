import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { FAILPOINTS } from '../../src/shared/failpoint.ts';
import { temporaryFolder } from '../helpers/folders.ts';
import { builtCli } from '../support/built.ts';
import { EngineProcess } from './engine-process.ts';
import { configureLab, LAB_ID, OWN_CATEGORY, untilDrained } from './lab.ts';
import { type KeptLog, readLedger } from './ledger.ts';
import { Partner } from './partner.ts';

/** Nobody but the failpoint kills these engines. */
const KILLED_ITSELF = { code: null, signal: 'SIGKILL' };

const DELIVERED = { status: 'SUCCESS', certainty: 'ACCEPTED', errorKind: null };
const IN_DOUBT = { status: 'FAIL', certainty: 'UNKNOWN', errorKind: 'CRASH' };

/** Where one delivery is struck, what the crash leaves on disk, and what becomes of it. */
const DELIVERY = [
  // Nothing can have left: sent after the restart, as if nothing had happened.
  { at: 'before-stamp', left: 'unstamped', becomes: DELIVERED, received: 1, connected: 1 },
  { at: 'before-commit@stamp', left: 'unstamped', becomes: DELIVERED, received: 1, connected: 1 },
  // Bytes may have left for all that the store knows: in doubt, and not sent again by itself.
  { at: 'after-stamp', left: 'stamped', becomes: IN_DOUBT, received: 0, connected: 0 },
  { at: 'before-bytes', left: 'stamped', becomes: IN_DOUBT, received: 0, connected: 1 },
  { at: 'after-bytes', left: 'stamped', becomes: IN_DOUBT, received: 1, connected: 1 },
  { at: 'before-answer', left: 'stamped', becomes: IN_DOUBT, received: 1, connected: 1 },
  { at: 'after-answer', left: 'stamped', becomes: IN_DOUBT, received: 1, connected: 1 },
  { at: 'before-commit@settle', left: 'stamped', becomes: IN_DOUBT, received: 1, connected: 1 },
  // The outcome is on disk.
  { at: 'after-commit@settle', left: 'settled', becomes: DELIVERED, received: 1, connected: 1 },
] as const;

/** Where the report of an outcome over HTTP is struck; the outcome is on disk before it is posted. */
const REPORT = [
  { at: 'before-commit@report', left: 'PENDING' },
  { at: 'after-commit@report', left: 'SUCCESS' },
] as const;

/** Where the acceptance of an event is struck. */
const NOT_KEPT = 'before-commit@acceptEvent';
const KEPT = 'after-commit@acceptEvent';

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

/** Sends the one event of these stories; every time the same. */
function post(engine: EngineProcess): Promise<Response> {
  const body = { action_category: OWN_CATEGORY, lab_id: LAB_ID, data: { crate: 'crate-1' } };
  return engine.post('/api/v1/events', body, key, { 'idempotency-key': 'crate-1' });
}

function logs(): KeptLog[] {
  return readLedger(dataFolder, (ledger) => ledger.logs());
}

/** The folder's only log. */
function onlyLog(): KeptLog {
  const [log, ...more] = logs();
  if (!log || more.length > 0) throw new Error(`${more.length + (log ? 1 : 0)} logs, not one`);
  return log;
}

/** What the crash left of a delivery, and that the file is whole. */
function leftBehind(): { log: KeptLog; left: 'unstamped' | 'stamped' | 'settled' } {
  readLedger(dataFolder, (ledger) => expect(ledger.integrity('integrity_check')).toBe('ok'));
  const log = onlyLog();
  if (log.taskState === null) return { log, left: 'settled' };
  return { log, left: log.isStamped ? 'stamped' : 'unstamped' };
}

/** Sends the event again, with its key: it is answered from the store, and nothing new comes of it. */
async function expectReplay(engine: EngineProcess, logId: string): Promise<void> {
  const again = await post(engine);
  expect(again.status).toBe(202);
  expect(again.headers.get('idempotent-replayed')).toBe('true');
  expect(await again.json()).toMatchObject({ log_ids: [logId] });
}

describe('a delivery that is struck', () => {
  test.each(DELIVERY)(
    'at $at is left $left',
    async ({ at, left, becomes, received, connected }) => {
      const connections = partner.connections;
      const crashing = start(at);
      await crashing.url();
      // The answer may or may not come before the crash; the repeat below shows that it does not matter.
      await post(crashing).catch(() => null);
      expect(await crashing.ended).toEqual(KILLED_ITSELF);
      const { log, left: found } = leftBehind();
      expect(found).toBe(left);

      const recovered = start();
      await recovered.url();
      await expectReplay(recovered, log.logId);
      await untilDrained(dataFolder);
      const { attempts, failedCause, ...now } = onlyLog();
      expect(now).toMatchObject({ logId: log.logId, ...becomes });
      expect({ attempts, failedCause }).toEqual({ attempts: 1, failedCause: null });
      // Bytes that had left arrive although their sender is dead.
      await expect.poll(() => partner.times(log.logId)).toBe(received);
      await expect.poll(() => partner.connections - connections).toBe(connected);
      await recovered.stop();
      expect(partner.times(log.logId)).toBe(received);
    },
  );
});

describe('an event that is struck', () => {
  test(`at ${NOT_KEPT} is unanswered and not kept; its repeat is accepted once`, async () => {
    const crashing = start(NOT_KEPT);
    await crashing.url();
    await expect(post(crashing)).rejects.toThrow();
    expect(await crashing.ended).toEqual(KILLED_ITSELF);
    const kept = readLedger(dataFolder, (ledger) => [
      ledger.events(),
      ledger.logs(),
      ledger.calls(),
    ]);
    expect(kept).toEqual([[], [], []]);

    const recovered = start();
    await recovered.url();
    const repeated = await post(recovered);
    expect(repeated.headers.get('idempotent-replayed')).toBeNull();
    const { log_ids } = (await repeated.json()) as { log_ids: string[] };
    await untilDrained(dataFolder);
    expect(onlyLog()).toMatchObject({ logId: log_ids[0], ...DELIVERED });
    expect(partner.times(onlyLog().logId)).toBe(1);
  });

  test(`at ${KEPT} is unanswered and kept; it is delivered once, and its repeat is told so`, async () => {
    const crashing = start(KEPT);
    await crashing.url();
    await expect(post(crashing)).rejects.toThrow();
    expect(await crashing.ended).toEqual(KILLED_ITSELF);
    const { log } = leftBehind();
    expect(log).toMatchObject({ status: 'PENDING', taskState: 'READY', isStamped: false });
    // The call that has fired it is kept by the same commit.
    expect(readLedger(dataFolder, (ledger) => ledger.calls())).toEqual([log.triggeredBy]);

    const recovered = start();
    await recovered.url();
    // Delivered although its caller has not come back yet.
    await untilDrained(dataFolder);
    await expectReplay(recovered, log.logId);
    expect(onlyLog()).toMatchObject({ logId: log.logId, ...DELIVERED });
    expect(partner.times(log.logId)).toBe(1);
  });
});

describe('an outcome whose report goes over HTTP', () => {
  test.each(REPORT)('survives a crash at $at', async ({ at, left }) => {
    const crashing = start(at);
    await crashing.call('updateSettings', { callback_transport: 'http' });
    await post(crashing).catch(() => null);
    expect(await crashing.ended).toEqual(KILLED_ITSELF);
    const { log } = leftBehind();
    expect(log).toMatchObject({ status: left, taskState: 'REPORTING' });

    const recovered = start();
    await recovered.url();
    await untilDrained(dataFolder);
    expect(onlyLog()).toMatchObject({ ...DELIVERED, attempts: 1, failedCause: null });
    expect(partner.times(log.logId)).toBe(1);
  });
});

describe('a task at which the engine dies twice', () => {
  test('goes to the failed-task queue, its neighbours to the partner', async () => {
    const first = start('before-stamp');
    await first.url();
    // One bill, two rules: both tasks are claimed when the engine dies at one of them.
    const bill = { lab_id: LAB_ID, bill: { bill_id: 'bill-1' } };
    await first.post('/billing/', bill, key).catch(() => null);
    expect(await first.ended).toEqual(KILLED_ITSELF);
    expect(logs().map(({ taskState, isStamped }) => [taskState, isStamped])).toEqual([
      ['CLAIMED', false],
      ['CLAIMED', false],
    ]);

    const second = start('before-stamp');
    expect(await second.ended).toEqual(KILLED_ITSELF);

    const third = start();
    await third.url();
    await untilDrained(dataFolder);
    const [dead, neighbour] = logs().toSorted((a, b) => a.status.localeCompare(b.status));
    expect(neighbour).toMatchObject({ ...DELIVERED, attempts: 1, failedCause: null });
    expect(dead).toMatchObject({
      status: 'FAIL',
      certainty: 'NOT_SENT',
      errorKind: 'HANDLER',
      attempts: 0,
      failedCause: 'CRASHED_TWICE',
    });
    const { items } = await third.call('listFailedTasks', {});
    expect(items).toEqual([
      expect.objectContaining({
        log_id: dead?.logId,
        cause: 'CRASHED_TWICE',
        certainty: 'NOT_SENT',
      }),
    ]);
    expect(partner.times(dead?.logId ?? '')).toBe(0);

    await third.call('requeueFailedTask', { failed_task_id: items[0]?.failed_task_id ?? 0 });
    await untilDrained(dataFolder);
    for (const log of logs()) {
      expect(log).toMatchObject({ ...DELIVERED, failedCause: null });
      expect(partner.times(log.logId)).toBe(1);
    }
  });
});

test('every failpoint is hit on purpose', () => {
  const places = [...DELIVERY, ...REPORT].map(({ at }): string => at);
  const hit = new Set([...places, NOT_KEPT, KEPT].map((at) => at.split('@')[0]));
  expect(hit).toEqual(new Set(FAILPOINTS));
});
