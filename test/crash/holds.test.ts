import { afterEach, expect, test } from 'vitest';
import { temporaryFolder } from '../helpers/folders.ts';
import { builtCli } from '../support/built.ts';
import { closedPort } from '../engine/dispatch/peers.ts';
import { EngineProcess } from './engine-process.ts';
import { configureLab, LAB_ID, OWN_CATEGORY, untilDrained } from './lab.ts';
import { readLedger } from './ledger.ts';
import { Partner } from './partner.ts';

/** More than are held, or let go, with one commit. */
const WAITING = 600;

const running: { kill(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const engine of running.splice(0)) await engine.kill();
});

test('a hold and a release go on after crashes in the middle, and each is sent once', async () => {
  const cli = await builtCli();
  const partner = await Partner.open(() => 2);
  const dataFolder = temporaryFolder();
  const key = await configureLab(cli, dataFolder, partner.url);
  const start = (failpoint?: string) => {
    const engine = new EngineProcess(cli, dataFolder, failpoint);
    running.push(engine);
    return engine;
  };
  const held = async (engine: EngineProcess) =>
    expect
      .poll(async () => (await engine.call('getHealth', {})).tasks_by_state, { timeout: 20_000 })
      .toEqual({ HELD: WAITING });

  const first = start('after-commit@holdOpenTasks');
  const { items } = await first.call('listLabIntegrations', {});
  const rule = items.find(({ action_category }) => action_category === OWN_CATEGORY);
  if (!rule) throw new Error('no rule');
  const id = { lab_integration_id: rule.lab_integration_id };
  await first.call('addUpdateWebhookIntegration', {
    ...id,
    end_point: `http://127.0.0.1:${await closedPort()}/`,
  });
  const event = { action_category: OWN_CATEGORY, lab_id: LAB_ID, data: {} };
  await Promise.all(
    Array.from({ length: WAITING }, () => first.post('/api/v1/events', event, key)),
  );
  await first.call('setIntegrationEnabled', { ...id, is_active: false }).catch(() => null);
  expect(await first.ended).toEqual({ code: null, signal: 'SIGKILL' });

  const second = start('after-commit@settleHeldTasks');
  await held(second);
  await second.call('addUpdateWebhookIntegration', { ...id, end_point: rule.end_point });
  await second
    .call('setIntegrationEnabled', { ...id, is_active: true, waiting: 'release' })
    .catch(() => null);
  expect(await second.ended).toEqual({ code: null, signal: 'SIGKILL' });

  await start().url();
  await untilDrained(dataFolder);
  const logs = readLedger(dataFolder, (ledger) => ledger.logs());
  expect(logs).toHaveLength(WAITING);
  expect(logs.filter(({ status }) => status !== 'SUCCESS')).toEqual([]);
  expect(logs.filter(({ logId }) => partner.times(logId) !== 1)).toEqual([]);
  await partner.close();
});
