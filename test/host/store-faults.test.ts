import { monitorEventLoopDelay } from 'node:perf_hooks';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { LOG_ID_HEADER } from '../../src/main/http/capture.ts';
import { CALLBACK_PATH } from '../../src/main/http/callback-routes.ts';
import { procedurePath } from '../../src/main/http/procedure-routes.ts';
import {
  allLogs,
  billNamed,
  type BusyLab,
  busyLab,
  CALLERS,
  expectAccounted,
  IN_FLIGHT,
  told,
} from './busy-lab.ts';
import { adminToken, call, newFolder, post } from './hosting.ts';
import { canRefuseWrites, lockStore, refuseWrites, smallDisk } from './store-faults.ts';

/**
 * Large enough for the WAL of all that callers get in, before and after (it is not folded into the
 * file below 64 MiB), small enough to be filled in a moment.
 */
const DISK_MIB = 96;

// Room for the calls that are refused meanwhile.
vi.stubEnv('LABRELAY_SPILL_MIB', '8');

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

async function openLab(folder: string): Promise<BusyLab> {
  const lab = await busyLab(folder);
  closers.push(() => lab.close());
  return lab;
}

/** What everybody who wants something written is told meanwhile, and that reading goes on. */
async function expectRefusals({ host, key, taken }: BusyLab, internal: string): Promise<void> {
  const lis = { authorization: `Bearer ${key}` };
  const admin = { authorization: `Bearer ${adminToken(host)}` };
  const { bill } = billNamed('N');
  const answers = await Promise.all([
    post(host, '/billing/', billNamed('N'), lis),
    post(
      host,
      '/api/v1/events',
      { action_category: 'BILL_GENERATED', lab_id: 7, data: { bill } },
      lis,
    ),
    post(
      host,
      CALLBACK_PATH,
      { log_id: taken[0], stage: 'MIRTH' },
      { 'x-internal-token': internal },
    ),
    post(
      host,
      procedurePath('addUpdateLab'),
      { lab_id: 8, name: 'B lab', time_zone: 'UTC' },
      admin,
    ),
    post(host, '/api/v1/session', { key: adminToken(host) }, {}),
  ]);
  for (const answer of answers) {
    expect(await answer.json()).toMatchObject({ status: 503, code: 'STORE_UNAVAILABLE' });
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
  }
  expect((await call(host, 'searchLogs', { limit: 5 })).items).toHaveLength(5);
}

/** What monitoring is told meanwhile. */
async function expectTold(host: BusyLab['host']): Promise<void> {
  const answer = await fetch(`${host.url}/health`);
  expect(answer.status).toBe(503);
  const health = (await answer.json()) as {
    checks: { name: string; ok: boolean; detail: string }[];
    banners: unknown[];
  };
  const check = (name: string) => health.checks.find((one) => one.name === name);
  expect(check('store')).toMatchObject({ ok: false });
  expect(check('store')?.detail).toMatch(/^cannot be written since 20/);
  expect(check('delivery')).toMatchObject({ ok: false });
  expect(check('spill')).toMatchObject({ ok: true });
  expect(check('spill')?.detail).toMatch(/^\d+ records wait for the store/);
  expect(health.banners).toMatchObject([{ kind: 'STORE_REFUSES' }]);

  const metrics = await (await fetch(`${host.url}/metrics`)).text();
  expect(metrics).toContain('labrelay_store_writable 0');
  expect(metrics).toContain(`labrelay_spill_records_total{kind="SETTLEMENT"} ${IN_FLIGHT}`);
}

/** Every call is one INBOUND log with its answer, whatever that was. */
async function expectCallsKept({ host, taken, refused }: BusyLab): Promise<void> {
  const logs = await allLogs(host, 'INBOUND');
  const answers = (status: number) =>
    logs.filter((log) => log.response_status_code === status && log.end_point === '/billing/');
  expect(answers(201)).toHaveLength(taken.length);
  // One was sent to see what it is told.
  expect(answers(503)).toHaveLength(refused.length + 1);
  const ids = refused.map(({ headers }) => headers.get(LOG_ID_HEADER));
  expect(new Set(ids).size).toBe(refused.length);
  const found = new Set<string | null>(logs.map(({ log_id }) => log_id));
  expect(ids.filter((id) => !found.has(id))).toEqual([]);
}

/** Breaks the store under a busy lab with callers, looks at what happens, mends it, looks again. */
async function outlive(
  lab: BusyLab,
  breakStore: () => unknown,
  mend: () => unknown,
): Promise<void> {
  const { host, partner, refused, taken } = lab;
  const { key: internal } = await call(host, 'createAccessKey', { kind: 'internal', name: 'W' });
  const stopCalls = lab.callOn();
  await vi.waitFor(() => expect(taken.length).toBeGreaterThan(IN_FLIGHT + 20));
  await breakStore();
  await vi.waitFor(() => expect(refused.length).toBeGreaterThan(CALLERS), 10_000);

  const delay = monitorEventLoopDelay({ resolution: 10 });
  delay.enable();
  const sent = partner.keys.length;
  partner.answer();
  const spill = () => host.engine.spill.figures;
  await vi.waitFor(() => expect(spill().kept.SETTLEMENT).toBe(IN_FLIGHT), 5_000);
  await expectRefusals(lab, internal);
  await expectTold(host);
  // No slot waits for the store, and nothing leaves that could not be told of.
  expect(host.engine.dispatcher.inFlight).toBe(0);
  expect(partner.keys).toHaveLength(sent);
  // Nor does anything on the main thread.
  delay.disable();
  expect(delay.max / 1e6).toBeLessThan(1_000);

  await mend();
  await vi.waitFor(() => expect(host.engine.spill.isInUse).toBe(false), 10_000);
  await stopCalls();
  for (const { status, headers } of refused) {
    expect([status, headers.has('retry-after')]).toEqual([503, true]);
  }
  expect(await lab.bill()).toBe(201);
  await expectAccounted(host, partner, taken);
  await expectCallsKept(lab);
  const { kept } = spill();
  expect(spill()).toMatchObject({
    refusedSince: null,
    kept: { SETTLEMENT: IN_FLIGHT, DEATH: 0 },
    full: 0,
    setAside: 0,
    journal: { waiting: 0 },
  });
  expect((await call(host, 'getHealth', {})).banners).toEqual([]);
  const replayed = IN_FLIGHT + kept.CALL;
  await vi.waitFor(() => {
    const counts = told(host, 'store_back').map(({ count }) => Number(count));
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(replayed);
  });
}

describe('outcomes of sends in flight are kept, callers come again, and nothing is doubled', () => {
  test('while the disk is full', async ({ skip }) => {
    const disk = smallDisk(DISK_MIB);
    if (!disk) return skip('no tmpfs can be mounted here');
    closers.push(() => disk.remove());
    await outlive(await openLab(disk.folder), disk.fill, disk.empty);
  });

  test('while another program has the database locked', async () => {
    const lab = await openLab(newFolder());
    const lock = lockStore(lab.host.dataFolder);
    closers.push(() => lock.release());
    await outlive(lab, lock.take, lock.release);
  });

  test('while writes are refused', async ({ skip }) => {
    if (!canRefuseWrites()) return skip('chattr +i keeps nobody from writing here');
    const lab = await openLab(newFolder());
    const refusal = refuseWrites(lab.host.dataFolder);
    closers.push(() => refusal.end());
    await outlive(lab, refusal.begin, refusal.end);
  });
});
