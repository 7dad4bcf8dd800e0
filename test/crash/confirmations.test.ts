import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { temporaryFolder } from '../helpers/folders.ts';
import { builtCli } from '../support/built.ts';
import { EngineProcess } from './engine-process.ts';
import { configureLab, LAB_ID, untilDrained } from './lab.ts';
import { Partner } from './partner.ts';

let cli: string;
let partner: Partner;
let dataFolder: string;
let key: string;
let running: EngineProcess | null = null;

beforeAll(async () => {
  cli = await builtCli();
  partner = await Partner.open(() => 2);
});
beforeEach(async () => {
  dataFolder = temporaryFolder();
  key = await configureLab(cli, dataFolder, partner.url);
  const engine = start();
  const { items } = await engine.call('getActionCategoryList', {});
  const confirmed = items.find(({ code }) => code === 'APPOINTMENT_CONFIRMED');
  await engine.call('addUpdateWebhookIntegration', {
    lab_id: LAB_ID,
    action_category_list_id: confirmed?.action_category_list_id ?? 0,
    name: 'confirmations',
    end_point: `${partner.url}/confirmations`,
  });
  const appointment = { appointment_id: 'A1', patient: { patient_id: 'P1' } };
  const booked = await engine.post('/appointment/', { lab_id: LAB_ID, appointment }, key);
  expect(booked.status).toBe(201);
  await engine.stop();
});
afterEach(async () => {
  await running?.kill();
});
afterAll(() => partner.close());

function start(failpoint?: string): EngineProcess {
  running = new EngineProcess(cli, dataFolder, failpoint);
  return running;
}

/** A third party's call; it keeps no key by which it could be recognised again. */
function confirm(engine: EngineProcess): Promise<Response> {
  return engine.post('/appointmentConfirmAPI/', { lab_id: LAB_ID, appointment_id: 'A1' }, key);
}

test.each([
  // Nothing was kept, so the second call is the first confirmation.
  ['before-commit@acceptEvent', false],
  // It was kept and never answered: the second call is told of it and fires nothing.
  ['after-commit@acceptEvent', true],
])(
  'a confirmation that is struck at %s is confirmed once by the call that follows',
  async (at, isKept) => {
    const crashing = start(at);
    await crashing.url();
    await expect(confirm(crashing)).rejects.toThrow();
    expect(await crashing.ended).toEqual({ code: null, signal: 'SIGKILL' });

    const recovered = start();
    await recovered.url();
    const answer = await confirm(recovered);
    expect(answer.status).toBe(200);
    const told = (await answer.json()) as { already_confirmed: boolean; log_ids: string[] };
    expect(told.already_confirmed).toBe(isKept);
    await untilDrained(dataFolder);
    const { items } = await recovered.call('searchLogs', { direction: 'OUTBOUND' });
    expect(items.map(({ log_id }) => log_id)).toEqual(told.log_ids);
    expect(items).toHaveLength(1);
    expect(partner.times(items[0]?.log_id ?? '')).toBe(1);
  },
);
