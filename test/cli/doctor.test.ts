import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { checkEndpoints } from '../../src/main/cli/doctor/endpoints.ts';
import { engineFindings } from '../../src/main/cli/doctor/engine.ts';
import type { Finding } from '../../src/main/cli/doctor/finding.ts';
import { checkClock } from '../../src/main/cli/doctor/store.ts';
import { main } from '../../src/main/cli/dispatch.ts';
import type { Host } from '../../src/main/host.ts';
import { closedPort, listen } from '../engine/dispatch/peers.ts';
import { call, host } from '../host/hosting.ts';
import { capturedIo } from './captured-io.ts';

let running: Host;
let data: string;
let url: string;

beforeEach(async () => {
  running = await host();
  data = running.dataFolder;
  url = running.url;
});
afterEach(() => running.close());

/** Runs doctor. @returns its exit code and its findings by name */
async function doctor(argv: string[] = [], environment: Record<string, string> = {}) {
  const io = capturedIo(environment);
  const code = await main(['doctor', '--data', data, '--url', url, '--json', ...argv], io);
  const { checks, ok } = JSON.parse(io.stdout()) as { checks: Finding[]; ok: boolean };
  expect(code).toBe(ok ? 0 : 1);
  for (const { status, cure } of checks) expect(cure === null).toBe(status === 'ok');
  return { code, checks, named: (name: string) => checks.find((check) => check.name === name) };
}

/** A rule of lab 7 for bills. @returns its id */
async function addRule(endPoint: string): Promise<number> {
  await call(running, 'addUpdateLab', { lab_id: 7, name: 'City Lab', time_zone: 'UTC' });
  const rule = await call(running, 'addUpdateWebhookIntegration', {
    lab_id: 7,
    action_category_list_id: 1,
    name: 'bills',
    end_point: endPoint,
  });
  return rule.lab_integration_id;
}

async function partnerPort(): Promise<number> {
  return (await listen(createServer((_, response) => response.end()))).port;
}

describe('doctor on a running engine', () => {
  test('finds it well, asks it for its health, and has it test the way to each partner', async () => {
    const rule = await addRule(`http://127.0.0.1:${await partnerPort()}/hook`);
    await call(running, 'runBackup', {});
    const { code, named } = await doctor();
    expect(code).toBe(0);
    expect(named('lock')).toMatchObject({
      status: 'ok',
      detail: expect.stringContaining('running'),
    });
    expect(named('port')).toMatchObject({ status: 'ok', detail: `LabRelay answers at ${url}` });
    expect(named('store')?.detail).toContain('whole');
    expect(named('engine: delivery')).toMatchObject({ status: 'ok' });
    expect(named(`integration ${rule}`)).toMatchObject({ status: 'ok' });
    expect(named('backup')).toMatchObject({ status: 'ok' });
    // Warned of, since it is an administrator's key in clear.
    expect(named('admin.token')).toMatchObject({ status: 'warning' });
  });

  test('names the partner that cannot be reached, the step and the cure', async () => {
    const rule = await addRule(`http://127.0.0.1:${await closedPort()}/hook`);
    const { code, named } = await doctor();
    expect(code).toBe(1);
    expect(named(`integration ${rule}`)).toMatchObject({
      status: 'problem',
      detail: expect.stringMatching(/^"bills" fails at connect: /),
      cure: expect.stringContaining('firewall'),
    });
  });

  test('tells of what was stopped by hand and forgotten, and how to let it go', async () => {
    const rule = await addRule(`http://127.0.0.1:${await partnerPort()}/hook`);
    const reason = 'they move house';
    await call(running, 'setBreaker', { lab_integration_id: rule, state: 'open', reason });
    const { code, checks } = await doctor();
    expect(code).toBe(0);
    const found = checks.filter(({ name }) => name === `engine: integration ${rule}`);
    expect(found).toMatchObject([
      {
        status: 'warning',
        detail: expect.stringMatching(/opened by hand by first admin \(they move house\)/),
        cure: expect.stringContaining(`labrelay breaker close ${rule} --reason TEXT`),
      },
    ]);
  });

  test('tells of all that was given up, and of bulk retries that wait for a person', async () => {
    const bulk = (bulk_retry_id: string, state: string) => ({
      bulk_retry_id,
      state,
      stop: { sentence: 'The log that went first has failed.' },
      progress: { waiting: 6 },
    });
    const answers = {
      getHealth: { checks: [{ name: 'retries', ok: false }], retries: { exhausted: 12 } },
      listBreakers: { items: [] },
      listBulkRetries: { items: [bulk('one', 'STOPPED'), bulk('two', 'DONE')] },
    };
    const answer = (name: keyof typeof answers) => Promise.resolve(answers[name]);
    expect(await engineFindings({ call: answer } as never)).toEqual([
      {
        name: 'engine: retries',
        status: 'warning',
        detail: '12 deliveries have used up all retries',
        cure: expect.stringContaining('labrelay retry --retry-state EXHAUSTED'),
      },
      {
        name: 'engine: bulk retry one',
        status: 'warning',
        detail: 'STOPPED, 6 of its logs wait: The log that went first has failed.',
        cure: expect.stringContaining('--resume'),
      },
    ]);
  });

  test('tests partners from here where it has no key for the engine', async () => {
    const rule = await addRule(`http://127.0.0.1:${await partnerPort()}/hook`);
    rmSync(join(data, 'admin.token'));
    const { code, named } = await doctor();
    expect(code).toBe(0);
    expect(named('engine: delivery')).toBeUndefined();
    expect(named(`integration ${rule}`)).toMatchObject({ status: 'ok' });
    expect(named('admin.token')).toMatchObject({ status: 'ok' });
  });
});

describe('doctor on a stopped engine', () => {
  test('lists each authentication whose secrets no key opens, with the call that enters them', async () => {
    await addRule('http://127.0.0.1:9/');
    const { developer_authentication_id: id } = await call(
      running,
      'addUpdateDeveloperAuthentication',
      {
        lab_id: 7,
        name: 'Partner',
        kind: 'basic',
        keys: { username: 'u', password: 'secret-word' },
      },
    );
    await running.close();
    expect((await doctor()).named('secrets')).toMatchObject({ status: 'ok' });
    for (const lose of [
      () => rmSync(join(data, 'secret.key')),
      () =>
        writeFileSync(join(data, 'secret.key'), randomBytes(32).toString('base64'), {
          mode: 0o600,
        }),
    ]) {
      lose();
      const { code, named, checks } = await doctor();
      expect(code).toBe(1);
      expect(named('secrets')).toEqual({
        name: 'secrets',
        status: 'problem',
        detail: 'the key does not open password of "Partner"',
        cure: `put the old key back, or enter them again: addUpdateDeveloperAuthentication {"developer_authentication_id": ${id}, "keys": {"password": "…"}}`,
      });
      expect(JSON.stringify(checks)).not.toContain('secret-word');
    }
  });

  test.skipIf(process.platform === 'win32')('tells what others could read', async () => {
    await running.close();
    chmodSync(data, 0o755);
    chmodSync(join(data, 'secret.key'), 0o644);
    const { named } = await doctor();
    expect(named('data folder')).toMatchObject({ status: 'warning', cure: `chmod 700 ${data}` });
    expect(named('key')).toMatchObject({
      status: 'problem',
      detail: expect.stringContaining('chmod 600'),
    });
  });

  test('finds a damaged store, one of a newer LabRelay, and a backup that cannot be read', async () => {
    await call(running, 'runBackup', {});
    const { file } = (await call(running, 'listBackups', {})).items[0] ?? { file: '' };
    await running.close();
    writeFileSync(file, 'rubbish');
    const store = join(data, 'labrelay.db');
    const db = new Database(store);
    db.pragma('user_version = 99');
    db.close();
    const { named } = await doctor();
    expect(named('schema')).toMatchObject({ status: 'problem' });
    expect(named('backup')).toMatchObject({
      status: 'problem',
      cure: expect.stringContaining('runBackup'),
    });

    const bytes = readFileSync(store);
    writeFileSync(store, bytes.fill(0xff, 8_192, 65_536));
    expect((await doctor()).named('store')).toMatchObject({
      status: 'problem',
      cure: expect.stringContaining('restore the newest backup'),
    });
  });

  test('tells a free port from one that another program has', async () => {
    await running.close();
    expect((await doctor()).named('port')).toMatchObject({ status: 'ok' });
    const { named, code } = await doctor(['--url', `http://127.0.0.1:${await partnerPort()}`]);
    expect([code, named('port')?.status]).toEqual([1, 'problem']);
  });

  test('checks TLS files', async () => {
    const files = join(import.meta.dirname, '..', 'fixtures', 'tls');
    const [cert, key] = [join(files, 'cert.pem'), join(files, 'key.pem')];
    expect((await doctor(['--tls-cert', cert, '--tls-key', key])).named('tls')?.detail).toContain(
      'fits its key',
    );
    const wrong = await doctor(['--tls-cert', key, '--tls-key', key]);
    expect(wrong.named('tls')).toMatchObject({ status: 'problem' });
  });

  test('makes nothing where there is no data folder', async () => {
    data = join(data, 'none');
    const { code, named } = await doctor();
    expect([code, named('data folder')?.status]).toEqual([1, 'problem']);
    mkdirSync(data);
    expect((await doctor()).named('store')).toMatchObject({ status: 'warning' });
  });

  test('takes --tls-cert and --tls-key together only', async () => {
    const io = capturedIo();
    expect(await main(['doctor', '--data', data, '--tls-cert', 'x'], io)).toBe(2);
  });
});

test('a clock that is behind what the store holds, or was never set, is found', () => {
  const now = Date.parse('2026-11-24T12:00:00Z');
  expect(checkClock(now, now - 1_000).status).toBe('ok');
  expect(checkClock(now, now + 3_600_000)).toMatchObject({
    status: 'warning',
    detail: expect.stringContaining('2026-11-24T13:00:00.000Z'),
  });
  expect(checkClock(0, null).status).toBe('problem');
});

test('a partner that never answers holds doctor up for a while only, and few are asked at a time', async () => {
  let now = 0;
  let most = 0;
  const tests = Array.from({ length: 30 }, (_, index) => ({
    labIntegrationId: index,
    name: 'rule',
    test: async () => {
      most = Math.max(most, ++now);
      if (index === 0) await new Promise(() => {});
      await new Promise(setImmediate);
      now--;
      return { ok: true, steps: [] };
    },
  }));
  const findings = await checkEndpoints(tests, 50);
  expect(findings.map(({ status }) => status)).toEqual([
    'problem',
    ...tests.slice(1).map(() => 'ok'),
  ]);
  expect(most).toBeLessThanOrEqual(8);
});
