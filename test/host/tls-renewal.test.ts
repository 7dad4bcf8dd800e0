import { X509Certificate } from 'node:crypto';
import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import { Agent, request } from 'undici';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { hostConfig } from '../../src/main/config.ts';
import { type Host, openHost } from '../../src/main/host.ts';
import { type Authority, authority, hasOpenssl } from '../engine/dispatch/certificates.ts';
import { newFolder, partner } from './hosting.ts';

const TOKEN = 'a-token-of-my-own-making';
const NAMES = 'DNS:labrelay.test,IP:127.0.0.1';

let before: Authority;
let after: Authority;
let files: { cert: string; key: string };
let running: Host;
let clients: Agent[];

/** A client that trusts both certificates. */
function client(keepAlive: boolean): Agent {
  const agent = new Agent({
    connections: 1,
    // Without a pause for reuse each request makes a connection of its own.
    ...(keepAlive ? {} : { pipelining: 0 }),
    connect: { ca: [before.ca, after.ca] },
  });
  clients.push(agent);
  return agent;
}

async function post(dispatcher: Agent, path: string, body: unknown) {
  const response = await request(running.url + path, {
    method: 'POST',
    dispatcher,
    headers: { 'content-type': 'application/json', authorization: `Bearer ${TOKEN}` },
    body: JSON.stringify(body),
  });
  const answer = (await response.body.json()) as Record<string, unknown>;
  if (response.statusCode >= 300) throw new Error(`${path}: ${JSON.stringify(answer)}`);
  return answer;
}

/** The certificate that a new connection is shown. */
async function shown(): Promise<string> {
  const socket = await new Promise<TLSSocket>((resolve, reject) => {
    const opened: TLSSocket = connect(
      { port: running.port, host: '127.0.0.1', ca: [before.ca, after.ca] },
      () => resolve(opened),
    );
    opened.once('error', reject);
  });
  const { fingerprint256 } = socket.getPeerCertificate();
  socket.destroy();
  return fingerprint256;
}

const fingerprint = (pem: string) => new X509Certificate(pem).fingerprint256;

/** As certbot and others do it: whole files take the old ones' names, one after the other. */
function put(file: string, content: string): void {
  writeFileSync(`${file}.new`, content);
  renameSync(`${file}.new`, file);
}

async function tlsCheck() {
  const { checks } = (await post(client(false), '/api/v1/get-health', {})) as {
    checks: { name: string; ok: boolean; detail: string }[];
  };
  return checks.find(({ name }) => name === 'tls');
}

/** Lines of the application log that tell of certificates. */
function logged(): string[] {
  const logs = join(running.dataFolder, 'logs');
  const text = readdirSync(logs).map((name) => readFileSync(join(logs, name), 'utf8'));
  return [...text.join('').matchAll(/"event":"(tls_\w+)"/g)].map(([, event]) => event ?? '');
}

describe.skipIf(!hasOpenssl)('a certificate that is renewed', () => {
  beforeEach(async () => {
    clients = [];
    before = authority(NAMES);
    after = authority(NAMES);
    const folder = newFolder();
    files = { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') };
    writeFileSync(files.cert, before.cert);
    writeFileSync(files.key, before.key);
    const config = hostConfig(
      { data: newFolder(), port: '0', 'tls-cert': files.cert, 'tls-key': files.key },
      { LABRELAY_ADMIN_TOKEN: TOKEN },
    );
    running = await openHost(config, { tlsTimings: { settle: 20, poll: 100, refuseAfter: 200 } });
  });
  afterEach(async () => {
    for (const agent of clients) await agent.close();
    await running.close();
  });

  it('is served to new connections, and no request fails meanwhile', async () => {
    const receiver = await partner();
    const first = client(true);
    // Our own worker reports over TLS too.
    await post(first, '/api/v1/update-settings', { callback_transport: 'http' });
    await post(first, '/api/v1/add-update-lab', { lab_id: 7, name: 'City Lab' });
    await post(first, '/api/v1/add-update-webhook-integration', {
      lab_id: 7,
      action_category_list_id: 1,
      name: 'bills',
      end_point: receiver.url,
    });
    const enough = new AbortController();
    let bills = 0;
    const load = async (agent: Agent): Promise<number> => {
      let answered = 0;
      while (!enough.signal.aborted) {
        await post(agent, '/billing/', { lab_id: 7, bill: { bill_id: ++bills } });
        answered++;
      }
      return answered;
    };
    const loads = [client(true), client(true), client(false), client(false)].map(load);
    await vi.waitFor(() => expect(bills).toBeGreaterThan(20), { timeout: 10_000 });

    expect(await shown()).toBe(fingerprint(before.cert));
    put(files.key, after.key);
    put(files.cert, after.cert);
    await vi.waitFor(async () => expect(await shown()).toBe(fingerprint(after.cert)), {
      timeout: 10_000,
    });
    const atRenewal = bills;
    await vi.waitFor(() => expect(bills).toBeGreaterThan(atRenewal + 20), { timeout: 10_000 });
    enough.abort();
    // Any failed request would reject here.
    const answered = await Promise.all(loads);
    expect(answered.reduce((sum, n) => sum + n, 0)).toBe(bills);
    await vi.waitFor(
      async () =>
        expect(await post(first, '/api/v1/get-health', {})).toMatchObject({
          tasks_by_state: {},
          logs_by_status: { SUCCESS: bills },
        }),
      { timeout: 15_000 },
    );
    expect(logged()).toContain('tls_renewed');
    await receiver.close();
  });

  it('is not taken before both files are there and fit', async () => {
    put(files.cert, after.cert);
    await vi.waitFor(async () => expect((await tlsCheck())?.detail).toContain('not taken since'));
    const check = await tlsCheck();
    expect(check?.detail).toContain('are no PEM certificate with its key; the old one is served');
    expect(check?.detail).not.toContain(files.cert);
    expect(await shown()).toBe(fingerprint(before.cert));

    put(files.key, after.key);
    await vi.waitFor(async () => expect(await shown()).toBe(fingerprint(after.cert)));
    // Two days are left of it.
    expect(await tlsCheck()).toMatchObject({
      ok: false,
      detail: expect.stringMatching(/^the certificate is valid until .*; renew it/),
    });
    expect(logged()).toEqual(['tls_expiring', 'tls_refused', 'tls_renewed', 'tls_expiring']);
  });

  it('is not taken where a file is cut off or gone; the old pair is served on', async () => {
    put(files.cert, after.cert.slice(0, 200));
    await vi.waitFor(async () => expect((await tlsCheck())?.detail).toContain('not taken since'));
    renameSync(files.cert, `${files.cert}.gone`);
    await vi.waitFor(async () =>
      expect((await tlsCheck())?.detail).toContain('cannot be read (ENOENT)'),
    );
    expect(await shown()).toBe(fingerprint(before.cert));
    put(files.cert, before.cert);
    await vi.waitFor(async () => expect((await tlsCheck())?.detail).not.toContain('not taken'));
  });
});
