import { copyFileSync, existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Finding } from '../../src/main/cli/doctor/finding.ts';
import { main } from '../../src/main/cli/dispatch.ts';
import { hostConfig } from '../../src/main/config.ts';
import { type Host, openHost } from '../../src/main/host.ts';
import { journalBytes } from '../../src/main/spill.ts';
import { capturedIo } from '../cli/captured-io.ts';
import { type BusyLab, busyLab, IN_FLIGHT, told } from './busy-lab.ts';
import { call, newFolder } from './hosting.ts';
import { lockStore } from './store-faults.ts';

let data: string;
const closers: (() => unknown)[] = [];
beforeEach(() => {
  data = newFolder();
});
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

async function open(options: { 'spill-dir'?: string; data?: string } = {}): Promise<Host> {
  const host = await openHost(hostConfig({ data, port: '0', ...options }, {}));
  closers.push(() => host.close());
  return host;
}

/** Runs a command on the data folder. @returns its JSON */
async function labrelay(command: string, ...argv: string[]): Promise<unknown> {
  const io = capturedIo({});
  await main([command, ...argv, '--data', data, '--json'], io);
  return JSON.parse(io.stdout());
}

/** What doctor says of the journal, while no engine runs unless it is named. */
async function doctor(name = 'spill journal'): Promise<Finding | undefined> {
  const { checks } = (await labrelay('doctor', '--url', 'http://127.0.0.1:9')) as {
    checks: Finding[];
  };
  return checks.find((check) => check.name === name);
}

async function spillHealth(host: Host) {
  const { checks } = await call(host, 'getHealth', {});
  return checks.find(({ name }) => name === 'spill');
}

/** A stopped lab whose outcomes are in the journal alone: another program had the store locked. */
async function stoppedWithOutcomes(whileSending?: (lab: BusyLab) => Promise<void>) {
  const lab = await busyLab(data);
  closers.push(() => lab.partner.close());
  await whileSending?.(lab);
  const lock = lockStore(data);
  closers.push(() => lock.release());
  await lock.take();
  lab.partner.answer();
  const { spill } = lab.host.engine;
  await vi.waitFor(() => expect(spill.figures.journal?.waiting).toBe(IN_FLIGHT), 10_000);
  await lab.host.close();
  await lock.release();
  return lab;
}

describe('the journal', () => {
  test('has 64 MiB unless a test says otherwise', () => {
    expect(journalBytes({})).toBe(64 * 2 ** 20);
  });

  test('is made at the first start, for its owner alone; health and doctor find it ready', async () => {
    const host = await open();
    const { size, mode } = statSync(join(data, 'spill.journal'));
    expect([size, mode & 0o777]).toEqual([journalBytes(), 0o600]);
    expect(await spillHealth(host)).toMatchObject({ ok: true, detail: 'ready, nothing waits' });
    expect(await doctor()).toMatchObject({ status: 'ok' });
    await host.close();
    expect(await doctor()).toMatchObject({ status: 'ok' });
  });

  test('lies in --spill-dir under the engine’s own name, so that engines may share the folder', async () => {
    const spillDir = newFolder();
    const hosts = [await open({ 'spill-dir': spillDir })];
    hosts.push(await open({ 'spill-dir': spillDir, data: newFolder() }));
    expect(readdirSync(spillDir).filter((name) => name.endsWith('.journal'))).toHaveLength(2);
    expect(existsSync(join(data, 'spill.journal'))).toBe(false);
    for (const host of hosts) expect(await spillHealth(host)).toMatchObject({ ok: true });
    expect(await doctor()).toMatchObject({ status: 'ok' });
    expect(await doctor('spill folder')).toMatchObject({
      status: 'warning',
      detail: expect.stringMatching(/same volume/),
    });
  });

  test('that cannot be made keeps nothing from starting, and is told of', async () => {
    const host = await open({ 'spill-dir': join(data, 'not', 'mounted') });
    expect(await spillHealth(host)).toMatchObject({
      ok: false,
      detail: expect.stringMatching(/^there is no spill journal \([A-Z_]+\)/),
    });
    expect((await fetch(`${host.url}/health`)).status).toBe(200);
  });

  test('that was removed, or is of another store, is found by doctor', async () => {
    await (await open()).close();
    copyFileSync(join(data, 'spill.journal'), join(data, 'kept'));
    rmSync(join(data, 'spill.journal'));
    expect(await doctor()).toMatchObject({
      status: 'problem',
      detail: expect.stringMatching(/missing/),
    });
    const other = newFolder();
    await (await open({ data: other })).close();
    copyFileSync(join(other, 'spill.journal'), join(data, 'spill.journal'));
    expect(await doctor()).toMatchObject({
      status: 'problem',
      detail: expect.stringMatching(/another store/),
    });
  });
});

describe('what waits in the journal of a stopped engine', () => {
  test('is told by doctor, and in the store once it has started', async () => {
    const { taken, partner } = await stoppedWithOutcomes();
    expect(await doctor()).toMatchObject({
      status: 'warning',
      detail: expect.stringMatching(`^${IN_FLIGHT} records wait`),
    });
    const host = await open();
    for (const logId of taken.slice(0, IN_FLIGHT)) {
      // As if nothing had happened: it never counted as in doubt.
      expect(await call(host, 'getLog', { log_id: logId })).toMatchObject({
        status: 'SUCCESS',
        activity: [],
      });
    }
    expect(told(host, 'engine_started').at(-1)).toMatchObject({ unknown: 0 });
    expect(await doctor()).toMatchObject({ status: 'ok' });
    await vi.waitFor(() => expect(partner.keys).toHaveLength(taken.length));
    expect(new Set(partner.keys).size).toBe(taken.length);
  });

  test('goes with it to another folder', async () => {
    const { taken } = await stoppedWithOutcomes();
    const host = await open({ 'spill-dir': newFolder() });
    const log = await call(host, 'getLog', { log_id: taken[0] ?? '' });
    expect(log).toMatchObject({ status: 'SUCCESS' });
    expect(existsSync(join(data, 'spill.journal'))).toBe(false);
  });

  test('is never applied to a backup that is restored, and stays with the store that it belongs to', async () => {
    const lab = await stoppedWithOutcomes(
      async ({ host }) => void (await call(host, 'runBackup', {})),
    );
    const [backup = ''] = readdirSync(join(data, 'backups')).filter((name) =>
      name.startsWith('labrelay-2'),
    );
    await labrelay('restore', join(data, 'backups', backup), '--yes');
    const [replaced = ''] = readdirSync(data).filter((name) => name.startsWith('replaced-'));
    expect(readdirSync(join(data, replaced)).toSorted()).toEqual(['labrelay.db', 'spill.journal']);
    expect(existsSync(join(data, 'spill.journal'))).toBe(false);

    // The backup was made while they were being sent: nobody can say from it what became of them.
    const sent = lab.partner.keys.length;
    const host = await open();
    for (const logId of lab.taken.slice(0, IN_FLIGHT)) {
      expect(await call(host, 'getLog', { log_id: logId })).toMatchObject({
        status: 'FAIL',
        certainty: 'UNKNOWN',
      });
    }
    expect(lab.partner.keys).toHaveLength(sent);
    await host.close();

    // Both put back by hand, the replaced store has its outcomes after all.
    for (const name of ['labrelay.db', 'spill.journal']) {
      copyFileSync(join(data, replaced, name), join(data, name));
    }
    const again = await open();
    const log = await call(again, 'getLog', { log_id: lab.taken[0] ?? '' });
    expect(log).toMatchObject({ status: 'SUCCESS' });
  });
});
