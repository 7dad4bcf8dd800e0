import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, expect, onTestFailed, test } from 'vitest';
import { type Random, seededRandom } from '../../src/main/cli/demo/random.ts';
import { temporaryFolder } from '../helpers/folders.ts';
import { builtCli } from '../support/built.ts';
import { EngineProcess } from './engine-process.ts';
import { configureLab, SLOTS, untilDrained } from './lab.ts';
import { type Ledger, readLedger } from './ledger.ts';
import { Load } from './load.ts';
import { Partner } from './partner.ts';
import { contradictions } from './verdict.ts';

const KILLS = 22;
/** No engine lives longer than this after its start (ms), however slow the machine is. */
const LONGEST_MS = 2_500;

/** `LABRELAY_CRASH_SEED` plays the load and the moments of a former run again. */
const seed = Number(process.env['LABRELAY_CRASH_SEED'] ?? Date.now() % 1_000_000);

let partner: Partner;
let engine: EngineProcess | null = null;
beforeEach(async () => {
  const random = seededRandom(seed + 1);
  partner = await Partner.open(() => random.between(2, 8));
});
afterEach(async () => {
  await engine?.kill();
  await partner.close();
});

test(`killed ${KILLS} times under load, it loses no acknowledged event and sends nothing twice`, async () => {
  onTestFailed(() => {
    process.stderr.write(`LABRELAY_CRASH_SEED=${seed} plays this again\n`);
  });
  const cli = await builtCli();
  const dataFolder = temporaryFolder();
  const load = new Load(seededRandom(seed), await configureLab(cli, dataFolder, partner.url));
  const moments = seededRandom(seed + 2);
  const inDoubt = new Set<string>();

  for (let kill = 1; kill <= KILLS; kill++) {
    const started = new EngineProcess(cli, dataFolder);
    engine = started;
    await randomMoment(moments, turnToWhenListening(load, started));
    expect(await started.kill()).toEqual({ code: null, signal: 'SIGKILL' });

    const acknowledged = [...load.acknowledged.values()].flat();
    const doubted = readLedger(dataFolder, (ledger) => checkDead(ledger, acknowledged));
    // Those of the kill before are still there where this engine never came to recover them.
    const fresh = doubted.filter((logId) => !inDoubt.has(logId));
    expect(fresh.length).toBeLessThanOrEqual(SLOTS);
    for (const logId of fresh) inDoubt.add(logId);
  }

  const last = new EngineProcess(cli, dataFolder);
  engine = last;
  load.turnTo(await last.url());
  await load.finish();
  await untilDrained(dataFolder);
  await requeueFailedTasks(last);
  await untilDrained(dataFolder);
  expect(await last.stop()).toEqual({ code: 0, signal: null });

  const { integrity, events, logs, calls } = readLedger(dataFolder, (ledger) => ({
    integrity: ledger.integrity('integrity_check'),
    events: ledger.events(),
    logs: ledger.logs(),
    calls: ledger.calls(),
  }));
  expect(integrity).toBe('ok');
  expect(load.complaints.slice(0, 20)).toEqual([]);
  expect(contradictions({ load, partner, events, logs, calls, inDoubt })).toEqual([]);
  // The kills did strike deliveries under way, unanswered events, and events kept but unanswered.
  expect(inDoubt.size).toBeGreaterThan(0);
  expect(load.lostAnswers).toBeGreaterThan(0);
  expect(load.replayedAnswers).toBeGreaterThan(0);
});

async function turnToWhenListening(load: Load, started: EngineProcess): Promise<void> {
  const url = await started.listening;
  if (url !== null) load.turnTo(url);
}

/** Some engines die while they start and recover, most while they take and deliver events. */
async function randomMoment(moments: Random, working: Promise<void>): Promise<void> {
  if (moments.chance(0.2)) return pause(moments.between(0, 600));
  await working;
  // By the clock, and by what has been delivered, since a busy machine does little in a moment.
  if (moments.chance(0.4)) return pause(moments.between(10, 800));
  await Promise.race([partner.nextReceived(moments.between(1, 200)), pause(LONGEST_MS)]);
}

/**
 * What must hold in the folder of an engine that was just killed.
 * @returns the logs that it left in doubt
 */
function checkDead(ledger: Ledger, acknowledged: Iterable<string>): string[] {
  expect(ledger.integrity('quick_check')).toBe('ok');
  expect(ledger.missing(acknowledged).slice(0, 20)).toEqual([]);
  expect(ledger.forgottenLogs().slice(0, 20)).toEqual([]);
  return ledger.inDoubt();
}

/** What two crashes put aside was never sent: an operator may send it on with one click. */
async function requeueFailedTasks(running: EngineProcess): Promise<void> {
  const { items } = await running.call('listFailedTasks', { limit: 200 });
  for (const { failed_task_id, cause, certainty } of items) {
    expect({ cause, certainty }).toEqual({ cause: 'CRASHED_TWICE', certainty: 'NOT_SENT' });
    await running.call('requeueFailedTask', { failed_task_id });
  }
}
