import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { hostConfig } from '../../src/main/config.ts';
import { openHost } from '../../src/main/host.ts';
import { adminToken, call, configureLab, host, newFolder, partner, post } from './hosting.ts';

const BILL = {
  lab_id: 7,
  bill: { bill_id: 17, patient: { patient_id: 'P1', name: 'Asha Verma' } },
};

describe('a host', () => {
  it('takes a bill, delivers it, and shows its log by log_id', async () => {
    const receiver = await partner();
    const running = await host();
    try {
      const { key } = await configureLab(running, receiver.url);
      const response = await post(running, '/billing/', BILL, { authorization: `Bearer ${key}` });
      expect(response.status).toBe(201);
      const answer = (await response.json()) as { bill_id: number; log_ids: string[] };
      expect(answer).toMatchObject({ bill_id: 17, log_ids: [expect.any(String)] });

      const log = await vi.waitFor(async () => {
        const found = await call(running, 'revealLog', { log_id: answer.log_ids[0] ?? '' });
        expect(found.status).toBe('SUCCESS');
        return found;
      });
      expect(receiver.requests.length).toBe(1);
      expect(log).toMatchObject({
        action_category: 'BILL_GENERATED',
        end_point: receiver.url,
        response_status_code: 200,
        response_body: '{"ok":true}',
        integration_callback_url: `${running.url}/integration_callback/`,
      });
      expect(log.request_body).toBe(receiver.requests[0]?.body);

      const health = await call(running, 'getHealth', {});
      expect(health).toMatchObject({ status: 'ok', logs_by_status: { SUCCESS: 1 } });
      const metrics = await (await fetch(`${running.url}/metrics`)).text();
      expect(metrics).toContain('labrelay_attempts_total{outcome="SUCCESS",certainty="ACCEPTED"');
    } finally {
      await running.close();
      await receiver.close();
    }
    // Nothing of the patient is in the application log.
    const logs = join(running.dataFolder, 'logs');
    const text = readdirSync(logs)
      .map((name) => readFileSync(join(logs, name), 'utf8'))
      .join('');
    expect(text).toContain('"event":"stopped"');
    expect(text).not.toMatch(/Asha|Verma|P1|City Lab/);
  });

  it('makes its folder and the admin key for their owner alone, and keeps the key', async () => {
    const data = join(newFolder(), 'made');
    const first = await host({ data });
    const token = adminToken(first);
    const file = first.adminTokenFile ?? '';
    await first.close();
    expect(file).toBe(join(data, 'admin.token'));
    for (const path of [data, file, join(data, 'secret.key'), join(data, 'logs')]) {
      expect(statSync(path).mode & 0o077).toBe(0);
    }
    const second = await host({ data });
    try {
      expect(adminToken(second)).toBe(token);
      await call(second, 'getHealth', {});
    } finally {
      await second.close();
    }
  });

  it('takes the first admin key from LABRELAY_ADMIN_TOKEN, and then writes none', async () => {
    const token = 'a-token-of-my-own-making';
    const running = await host({}, { LABRELAY_ADMIN_TOKEN: token });
    try {
      expect(running.adminTokenFile).toBeNull();
      const authorization = `Bearer ${token}`;
      const response = await post(running, '/api/v1/list-access-keys', {}, { authorization });
      expect(response.status).toBe(200);
      expect(await response.text()).not.toContain(token);
    } finally {
      await running.close();
    }
  });

  it('names the public address as the callback address of deliveries', async () => {
    const receiver = await partner();
    const running = await host({ 'public-url': 'https://labrelay.lab' });
    try {
      const { key } = await configureLab(running, receiver.url);
      const response = await post(running, '/billing/', BILL, { authorization: `Bearer ${key}` });
      const { log_ids } = (await response.json()) as { log_ids: string[] };
      const log = await call(running, 'getLog', { log_id: log_ids[0] ?? '' });
      expect(log.integration_callback_url).toBe('https://labrelay.lab/integration_callback/');
    } finally {
      await running.close();
      await receiver.close();
    }
  });

  it('shows a lasting notice where it was opened without TLS', async () => {
    const running = await host({ host: '0.0.0.0', 'insecure-http': true });
    try {
      const health = await call(running, 'getHealth', {});
      expect(health.status).toBe('ok');
      expect(health.checks).toContainEqual({
        name: 'network',
        ok: false,
        detail: expect.stringContaining('--tls-cert'),
      });
      expect(health.banners).toEqual([
        { kind: 'INSECURE_HTTP', text: expect.stringContaining('in clear') },
      ]);
      const page = await (await fetch(`${running.url}/openapi.json`)).json();
      expect(page).toMatchObject({
        info: { description: expect.stringMatching(/^\*\*Warning:\*\* plain http/) },
      });
    } finally {
      await running.close();
    }
  });
});

describe('a host that cannot start', () => {
  it('closes what it had opened, so that the next start finds the folder free', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const address = other.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    const data = newFolder();
    await expect(host({ data, port: String(port) })).rejects.toThrow(/taken by another program/);
    await new Promise((resolve) => other.close(resolve));
    const running = await host({ data });
    await running.close();
  });

  it('refuses a folder that another one uses', async () => {
    const first = await host();
    try {
      await expect(host({ data: first.dataFolder })).rejects.toThrow(/Another LabRelay/);
    } finally {
      await first.close();
    }
  });

  it('says which TLS file it cannot use', async () => {
    const folder = newFolder();
    const files = { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') };
    const config = hostConfig(
      { data: folder, port: '0', 'tls-cert': files.cert, 'tls-key': files.key },
      {},
    );
    await expect(openHost(config)).rejects.toThrow(`--tls-cert: ${files.cert} cannot be read`);
    writeFileSync(files.cert, 'no certificate');
    writeFileSync(files.key, 'no key');
    await expect(openHost(config)).rejects.toThrow('are no PEM certificate with its key');
    expect(existsSync(join(folder, 'labrelay.db'))).toBe(false);
  });
});

describe('the backups of a host', () => {
  it('are made and listed by an administrator, and told by health', async () => {
    const running = await host();
    try {
      const made = await call(running, 'runBackup', {});
      expect(made.counts.logs).toBe(0);
      expect(await call(running, 'listBackups', {})).toEqual({
        folder: join(running.dataFolder, 'backups'),
        items: [{ file: made.file, made_at: made.made_at, bytes: made.bytes }],
      });
      const { checks } = await call(running, 'getHealth', {});
      expect(checks).toContainEqual({
        name: 'backup',
        ok: true,
        detail: expect.stringContaining(`the newest is of ${made.made_at}; the next one is due`),
      });
    } finally {
      await running.close();
    }
  });
});
