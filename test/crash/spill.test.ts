import { cpSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type SlowPartner, slowPartner } from '../host/slow-partner.ts';
import { lockStore } from '../host/store-faults.ts';
import { temporaryFolder } from '../helpers/folders.ts';
import { builtCli } from '../support/built.ts';
import { EngineProcess } from './engine-process.ts';
import { configureLab, LAB_ID, OWN_CATEGORY, SLOTS, untilDrained } from './lab.ts';
import { type KeptLog, readLedger } from './ledger.ts';

const EVENTS = 2 * SLOTS;
const KILLED_ITSELF = { code: null, signal: 'SIGKILL' };

let cli: string;
let partner: SlowPartner;
/** A configured data folder; each test breaks a copy of it. */
let configured: string;
let key: string;
let dataFolder: string;
let lock: ReturnType<typeof lockStore>;
const engines: EngineProcess[] = [];

beforeAll(async () => {
  cli = await builtCli();
  partner = await slowPartner();
  configured = mkdtempSync(join(tmpdir(), 'labrelay-crash-'));
  key = await configureLab(cli, configured, partner.url);
});
beforeEach(() => {
  dataFolder = temporaryFolder();
  cpSync(configured, dataFolder, { recursive: true });
  lock = lockStore(dataFolder);
  partner.hold();
  partner.keys.length = 0;
});
afterEach(async () => {
  await lock.release();
  for (const engine of engines.splice(0)) await engine.kill();
});
afterAll(async () => {
  await partner.close();
  rmSync(configured, { recursive: true, force: true });
});

function start(failpoint?: string): EngineProcess {
  const engine = new EngineProcess(cli, dataFolder, failpoint);
  engines.push(engine);
  return engine;
}

function logs(): KeptLog[] {
  return readLedger(dataFolder, (ledger) => ledger.logs());
}

async function metric(engine: EngineProcess, name: string): Promise<number> {
  const text = await (await fetch(`${await engine.url()}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1]);
}

/** Leaves a killed engine whose outcomes are in the journal alone, as the store was locked. */
async function killedWithOutcomes(): Promise<void> {
  const engine = start();
  for (let n = 0; n < EVENTS; n++) {
    const body = { action_category: OWN_CATEGORY, lab_id: LAB_ID, data: { crate: `crate-${n}` } };
    expect((await engine.post('/api/v1/events', body, key)).status).toBe(202);
  }
  await expect.poll(() => partner.open).toBe(SLOTS);
  await lock.take();
  partner.answer();
  await expect
    .poll(() => metric(engine, 'labrelay_spill_waiting'), { timeout: 15_000 })
    .toBe(SLOTS);
  await engine.kill();
  expect(readLedger(dataFolder, (ledger) => ledger.inDoubt())).toHaveLength(SLOTS);
}

/** Starts an engine on it and waits for its end: each was sent once, and each is known to have been. */
async function expectAccounted(): Promise<void> {
  const engine = start();
  await engine.url();
  await untilDrained(dataFolder);
  for (const { status, attempts, failedCause } of logs()) {
    expect({ status, attempts, failedCause }).toEqual({
      status: 'SUCCESS',
      attempts: 1,
      failedCause: null,
    });
  }
  expect(partner.keys.toSorted()).toEqual(
    logs()
      .map(({ logId }) => logId)
      .toSorted(),
  );
  expect(partner.keys).toHaveLength(EVENTS);
  expect(await metric(engine, 'labrelay_spill_waiting')).toBe(0);
  expect(await engine.stop()).toEqual({ code: 0, signal: null });
}

describe('outcomes in the spill journal outlive', () => {
  test('a kill: the next start takes them before it calls anything UNKNOWN', async () => {
    await killedWithOutcomes();
    await lock.release();
    await expectAccounted();
  });

  test.each(['before-commit@applySpilled', 'after-commit@applySpilled'])(
    'a kill in the middle of their replay, at %s, and are applied once',
    async (failpoint) => {
      await killedWithOutcomes();
      await lock.release();
      expect(await start(failpoint).ended).toEqual(KILLED_ITSELF);
      await expectAccounted();
    },
  );

  test('starts that come while the store still refuses writes', async () => {
    await killedWithOutcomes();
    const early = start();
    expect((await early.ended).code).toBe(1);
    expect(readLedger(dataFolder, (ledger) => ledger.inDoubt())).toHaveLength(SLOTS);
    await lock.release();
    await expectAccounted();
  });

  test('a kill while the journal is being made', async () => {
    // What such a crash leaves.
    rmSync(join(dataFolder, 'spill.journal'));
    cpSync(join(configured, 'spill.journal'), join(dataFolder, 'spill.journal.draft'));
    await killedWithOutcomes();
    expect(statSync(join(dataFolder, 'spill.journal')).size).toBe(2 ** 20);
    await lock.release();
    await expectAccounted();
  });
});
