import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { BridgeAnswer, PushMessage } from '../../src/shared/contract/bridge.ts';
import type { Output } from '../../src/shared/contract/index.ts';
import { Desktop } from '../stand-ins/electron/driver.ts';

/**
 * The built desktop main process and preload script on a small stand-in for Electron (there is no
 * real Electron here): what they ask of Electron, not what Electron makes of it.
 */

function newFolder(): string {
  return mkdtempSync(join(tmpdir(), 'labrelay-desktop-'));
}

describe('the desktop host', () => {
  let data: string;
  let desktop: Desktop;
  let url: string;

  beforeAll(async () => {
    data = newFolder();
    desktop = new Desktop(['--data', data, '--port', '0']);
    await desktop.until('shown');
    url = String((await desktop.until('loaded'))['url']);
  });
  afterAll(async () => {
    await desktop.kill();
    rmSync(data, { recursive: true, force: true });
  });

  const call = <T = unknown>(...args: unknown[]) =>
    desktop.do<BridgeAnswer<T>>({ do: 'call', args });

  it('opens one window with the console of its own local server', async () => {
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/$/);
    const { status, html } = await desktop.until('loaded');
    expect(status).toBe(200);
    expect(html).toContain('<title>LabRelay</title>');
    expect(desktop.told.filter((told) => told.event === 'window')).toHaveLength(1);
  });

  it('opens it as the security checklist asks, with the sandbox on from the start', async () => {
    const { options } = await desktop.until('window');
    expect(options).toMatchObject({
      webPreferences: { sandbox: true, contextIsolation: true, nodeIntegration: false },
    });
    expect(desktop.told[0]).toEqual({ event: 'sandbox' });
  });

  it('goes to no other page, opens none and attaches none', async () => {
    const prevented = { prevented: true };
    expect(await desktop.do({ do: 'navigate', url: 'https://example.com/' })).toEqual(prevented);
    expect(await desktop.do({ do: 'navigate', url: `${url}docs` })).toEqual(prevented);
    expect(await desktop.do({ do: 'navigate', url: 'file:///etc/passwd' })).toEqual(prevented);
    expect(await desktop.do({ do: 'navigate', url })).toEqual({ prevented: false });
    expect(await desktop.do({ do: 'redirect', url })).toEqual(prevented);
    expect(await desktop.do({ do: 'attach' })).toEqual(prevented);
    expect(await desktop.do({ do: 'open', url })).toEqual({ action: 'deny' });
  });

  it.each(['media', 'geolocation', 'notifications', 'openExternal'])(
    'grants no permission: %s',
    async (name) => {
      expect(await desktop.do({ do: 'permission', name })).toEqual({
        requested: false,
        checked: false,
      });
    },
  );

  it('exposes calls and pushes to the page and nothing else', async () => {
    expect(await desktop.do({ do: 'world' })).toEqual({ labrelay: ['call', 'subscribe'] });
  });

  it('answers procedures without a key', async () => {
    const health = await call<Output<'getHealth'>>('getHealth', {});
    expect(health).toMatchObject({ ok: true, output: { status: 'ok', failed_tasks: 0 } });
  });

  it('lets the user of the computer do what an administrator may', async () => {
    const saved = await call<Output<'addUpdateLab'>>('addUpdateLab', {
      lab_id: 2,
      name: 'City lab',
      time_zone: 'Asia/Kolkata',
    });
    expect(saved).toMatchObject({ ok: true, output: { lab_id: 2, name: 'City lab' } });
  });

  it('tells faults of the input as data, field and cure', async () => {
    const answer = await call('searchLogs', { log_id: 'xyz' });
    expect(answer).toMatchObject({
      ok: false,
      problem: { code: 'INVALID_INPUT', errors: [{ field: 'log_id' }] },
    });
  });

  it.each(['noSuchProcedure', 'constructor', '__proto__', 42, null])(
    'has no procedure %s',
    async (name) => {
      expect(await call(name, {})).toMatchObject({ ok: false, problem: { code: 'NOT_FOUND' } });
    },
  );

  it('answers no frame but the console itself', async () => {
    for (const frame of [
      { url: 'https://example.com/' },
      { url: 'about:blank' },
      // Its own page, but framed by another.
      { url },
    ]) {
      const answer = await desktop.do({ do: 'call', args: ['getHealth', {}], frame });
      expect(answer).toMatchObject({ ok: false, problem: { code: 'FOREIGN_ORIGIN' } });
    }
  });

  it('pushes what has changed to the console, and to no other frame', async () => {
    const strange = { url: 'https://example.com/' };
    expect(await desktop.do({ do: 'subscribe', lastId: null, frame: strange })).toMatchObject({
      ok: false,
      problem: { code: 'FOREIGN_ORIGIN' },
    });
    expect(await desktop.do({ do: 'subscribe', lastId: null })).toEqual({ ok: true, output: null });
    await desktop.until('push');
    await call('setDeliveryPaused', { paused: true, reason: 'to see it pushed' });
    await vi.waitFor(() => {
      const pushed = desktop.told.flatMap(({ event, message }) =>
        event === 'push' ? (message as PushMessage).pushes : [],
      );
      expect(pushed).toContainEqual({ event: 'HealthChanged', data: {} });
    });
    await call('setDeliveryPaused', { paused: false });
  });

  it('keeps everything in the data folder, Chromium’s files included', async () => {
    expect(await desktop.do({ do: 'paths' })).toEqual({ userData: join(data, 'desktop') });
  });

  it('comes to the front when it is started a second time', async () => {
    await desktop.do({ do: 'second-instance' });
    await desktop.until('focused');
  });
});

describe('the end of the desktop host', () => {
  let data: string;
  let desktop: Desktop | null = null;
  beforeEach(() => {
    data = newFolder();
  });
  afterEach(async () => {
    await desktop?.kill();
    rmSync(data, { recursive: true, force: true });
  });

  /** A drained engine has let its data folder go: the next one opens it. */
  async function expectReopens(): Promise<void> {
    desktop = new Desktop(['--data', data, '--port', '0']);
    await desktop.until('shown');
  }

  it('drains the engine when its window is closed', async () => {
    desktop = new Desktop(['--data', data, '--port', '0']);
    await desktop.until('shown');
    const { url } = await desktop.until('loaded');
    await desktop.do({ do: 'close' });
    expect(await desktop.ended).toBe(0);
    await expect(fetch(String(url))).rejects.toThrow();
    await expectReopens();
  });

  it('drains it on SIGTERM as well', async () => {
    desktop = new Desktop(['--data', data, '--port', '0']);
    await desktop.until('shown');
    desktop.child.kill('SIGTERM');
    expect(await desktop.ended).toBe(0);
    await expectReopens();
  });

  it('is one instance: a second one ends at once and opens nothing', async () => {
    desktop = new Desktop(['--data', data], { STAND_IN_SECOND_INSTANCE: '1' });
    expect(await desktop.ended).toBe(0);
    expect(desktop.told.map((told) => told.event)).toEqual(['sandbox', 'exit']);
  });

  it('says why it cannot start, and ends', async () => {
    desktop = new Desktop(['--data', data, '--host', '0.0.0.0']);
    expect(await desktop.ended).toBe(1);
    const box = desktop.told.find((told) => told.event === 'error-box');
    expect(box?.['content']).toContain('--insecure-http');
  });
});
