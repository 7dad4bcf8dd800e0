import { afterEach, describe, expect, test, vi } from 'vitest';
import { hostConfig } from '../../src/main/config.ts';
import { type Host, openHost } from '../../src/main/host.ts';
import { call, configureLab, post } from './hosting.ts';
import { type SlowPartner, slowPartner } from './slow-partner.ts';
import { smallDisk } from './small-disk.ts';

/** Large enough for what it starts with, small enough to be filled in a moment. */
const DISK_MIB = 24;
const IN_FLIGHT = 8;

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

/** A lab on a disk of its own, with sends in flight that the partner has not answered. */
async function lab(folder: string) {
  const partner = await slowPartner();
  closers.push(() => partner.close());
  const host = await openHost(hostConfig({ data: folder, port: '0' }, {}));
  closers.push(() => host.close());
  const { key } = await configureLab(host, partner.url);
  const answered: string[] = [];
  const bill = async (id: string) => {
    const body = {
      lab_id: 7,
      bill: { bill_id: id, patient: { patient_id: 'P1' }, note: 'x'.repeat(1_000) },
    };
    const answer = await post(host, '/billing/', body, { authorization: `Bearer ${key}` });
    if (answer.status === 201) {
      answered.push(...((await answer.json()) as { log_ids: string[] }).log_ids);
    }
    return answer;
  };
  for (let n = 0; n < IN_FLIGHT; n++) await bill(`first-${n}`);
  await vi.waitFor(() => expect(partner.open).toBe(IN_FLIGHT));
  return { partner, host, bill, answered };
}

/** Every call that was answered with a 2xx was sent exactly once and has its outcome. */
async function accounted(host: Host, partner: SlowPartner, answered: string[]): Promise<void> {
  await vi.waitFor(
    async () => expect((await call(host, 'getHealth', {})).tasks_by_state).toEqual({}),
    { timeout: 15_000, interval: 50 },
  );
  expect(partner.keys.toSorted()).toEqual(answered.toSorted());
  const { items } = await call(host, 'searchLogs', { direction: 'OUTBOUND', limit: 200 });
  expect(items.map(({ log_id }) => log_id).toSorted()).toEqual(answered.toSorted());
  expect(new Set(items.map(({ status }) => status))).toEqual(new Set(['SUCCESS']));
}

describe('while the disk is full', () => {
  test('outcomes of sends in flight are kept, calls are told to come again, and nothing is doubled', async (context) => {
    const disk = smallDisk(DISK_MIB);
    if (!disk) return context.skip('a tmpfs cannot be mounted here');
    closers.push(() => disk.remove());
    const { partner, host, bill, answered } = await lab(disk.folder);

    disk.fill();
    await vi.waitFor(
      async () => expect((await bill(`more-${Math.random()}`)).status).toBe(503),
      10_000,
    );
    partner.answer();
    await vi.waitFor(
      () => expect(host.engine.spill.figures.journal?.waiting).toBeGreaterThan(0),
      5_000,
    );
    disk.empty();
    await accounted(host, partner, answered);
  });
});
