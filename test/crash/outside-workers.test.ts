import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from 'vitest';
import { closedPort } from '../engine/dispatch/peers.ts';
import { temporaryFolder } from '../helpers/folders.ts';
import { builtCli } from '../support/built.ts';
import { EngineProcess } from './engine-process.ts';
import { configureLab, LAB_ID, OWN_CATEGORY, untilDrained } from './lab.ts';
import { readLedger } from './ledger.ts';
import { Partner } from './partner.ts';

const PROGRAM = fileURLToPath(new URL('../peers/fusion-worker.mjs', import.meta.url));

const DELIVERIES = 40;

const running: { kill(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const one of running.splice(0)) await one.kill();
});

/** The worker in a process of its own; it outlives every engine. */
function startWorker(url: string, key: string): ChildProcess {
  const child = spawn(process.execPath, [PROGRAM], {
    env: { LABRELAY_URL: url, LABRELAY_KEY: key, LEASE_S: '5', LIMIT: '4' },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const ended = once(child, 'exit');
  running.push({
    kill: () => {
      child.kill('SIGKILL');
      return ended;
    },
  });
  return child;
}

test('an outside worker goes on over crashes of LabRelay at every step, and each is sent once', async () => {
  const cli = await builtCli();
  const partner = await Partner.open(() => 2);
  const dataFolder = temporaryFolder();
  const lis = await configureLab(cli, dataFolder, partner.url);
  const port = await closedPort();
  const start = (failpoint?: string) => {
    const engine = new EngineProcess(cli, dataFolder, failpoint, port);
    running.push(engine);
    return engine;
  };

  const first = start();
  const { items } = await first.call('listLabIntegrations', {});
  const rule = items.find(({ action_category }) => action_category === OWN_CATEGORY);
  if (!rule) throw new Error('no rule');
  await first.call('addUpdateWebhookIntegration', {
    lab_integration_id: rule.lab_integration_id,
    executor: 'external',
  });
  const { key } = await first.call('createAccessKey', {
    kind: 'user',
    name: 'Fusion',
    role: 'operator',
  });
  const event = { action_category: OWN_CATEGORY, lab_id: LAB_ID, data: {} };
  await Promise.all(
    Array.from({ length: DELIVERIES }, () => first.post('/api/v1/events', event, lis)),
  );
  await first.kill();

  const worker = startWorker(`http://127.0.0.1:${port}`, key);
  // Each dies with what the worker asked for on disk, and the worker without its answer.
  for (const command of ['lease', 'startLease:2', 'settleLease:3']) {
    const engine = start(`after-commit@${command}`);
    expect(await engine.ended, command).toEqual({ code: null, signal: 'SIGKILL' });
  }
  await start().url();
  await untilDrained(dataFolder);
  const logs = readLedger(dataFolder, (ledger) => ledger.logs());
  expect(logs).toHaveLength(DELIVERIES);
  expect(logs.filter(({ status }) => status !== 'SUCCESS')).toEqual([]);
  expect(logs.filter(({ logId }) => partner.times(logId) !== 1)).toEqual([]);
  expect(worker.exitCode).toBeNull();
  await partner.close();
});
