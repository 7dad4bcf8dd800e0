import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import Database from 'better-sqlite3';
import { afterEach, describe, expect, it } from 'vitest';

const CLI = join(import.meta.dirname, '..', '..', 'src', 'main', 'cli.ts');
const PASSPHRASE = 'correct horse battery';

const children: ChildProcess[] = [];
const folders: string[] = [];
const closers: (() => void)[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  for (const close of closers.splice(0)) close();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'labrelay-backup-'));
  folders.push(folder);
  return folder;
}

function start(argv: string[], environment: Record<string, string> = {}): ChildProcess {
  const { LABRELAY_DATA: _data, LABRELAY_ADMIN_TOKEN: _token, ...env } = process.env;
  const child = spawn(process.execPath, [CLI, ...argv], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...env, ...environment },
  });
  children.push(child);
  return child;
}

/** Runs a command to its end. */
async function labrelay(argv: string[], environment: Record<string, string> = {}) {
  const child = start(argv, environment);
  if (!child.stdout || !child.stderr) throw new Error('no pipes');
  const [stdout, stderr] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    ended(child),
  ]);
  return { code: child.exitCode, stdout, stderr };
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}

/** A running engine on this data folder. */
async function serve(data: string) {
  const child = start(['serve', '--port', '0', '--data', data, '--json']);
  if (!child.stdout) throw new Error('no pipe');
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  const announced = JSON.parse(line) as { url: string; admin_token_file: string };
  const token = readFileSync(announced.admin_token_file, 'utf8').trim();
  const call = async (path: string, body: unknown): Promise<Record<string, unknown>> => {
    const response = await fetch(announced.url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`${path}: ${await response.text()}`);
    return (await response.json()) as Record<string, unknown>;
  };
  return {
    url: announced.url,
    call,
    stop: async () => {
      child.kill('SIGTERM');
      await ended(child);
    },
  };
}
type Served = Awaited<ReturnType<typeof serve>>;

/** A partner that keeps the key and the credential of everything it is sent. */
async function receiver() {
  const keys: string[] = [];
  const credentials = new Set<string | undefined>();
  const server = createServer((request, response) => {
    request.resume();
    request.once('end', () => {
      keys.push(String(request.headers['webhook-id']));
      credentials.add(request.headers.authorization);
      response.end('{}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  return { keys, credentials, url: `http://127.0.0.1:${port}/` };
}

async function configure(engine: Served, endPoint: string): Promise<number> {
  await engine.call('/api/v1/add-update-lab', { lab_id: 7, name: 'City Lab' });
  const authentication = await engine.call('/api/v1/add-update-developer-authentication', {
    lab_id: 7,
    name: 'Partner',
    kind: 'bearer',
    keys: { token: 'a-token-that-the-partner-gave' },
  });
  const rule = await engine.call('/api/v1/add-update-webhook-integration', {
    lab_id: 7,
    action_category_list_id: 1,
    name: 'bills',
    end_point: endPoint,
    developer_authentication_id: authentication['developer_authentication_id'],
  });
  return rule['lab_integration_id'] as number;
}

let bills = 0;
/** New bills, one after the other. @returns the ids of their logs */
async function send(engine: Served, count: number): Promise<string[]> {
  const ids: string[] = [];
  for (let n = 0; n < count; n++) {
    const answer = await engine.call('/billing/', { lab_id: 7, bill: { bill_id: ++bills } });
    ids.push(...(answer['log_ids'] as string[]));
  }
  return ids;
}

describe('labrelay backup and restore', () => {
  it('send nothing unasked: what was open in the backup is held, and goes out when it is released', async () => {
    const partner = await receiver();
    const data = newFolder();
    const file = join(newFolder(), 'copy.db');
    let engine = await serve(data);
    await configure(engine, partner.url);
    const done = await send(engine, 5);
    await expect.poll(() => partner.keys.length).toBe(5);
    // Three are open when the copy is made.
    await engine.call('/api/v1/set-delivery-paused', { paused: true });
    const open = await send(engine, 3);

    const made = await labrelay(['backup', file, '--data', data, '--with-key', '--json'], {
      LABRELAY_BACKUP_PASSPHRASE: PASSPHRASE,
    });
    expect([made.code, made.stderr]).toEqual([0, '']);
    expect(JSON.parse(made.stdout)).toMatchObject({
      file,
      with_key: true,
      // Of each bill the call and its delivery.
      counts: { logs: 16, open_tasks: 3, lab_integrations: 1 },
    });
    expect(statSync(file).mode & 0o077).toBe(0);
    const bytes = readFileSync(file);
    expect(bytes.includes('a-token-that-the-partner-gave')).toBe(false);
    expect(bytes.includes(readFileSync(join(data, 'secret.key'), 'utf8').trim())).toBe(false);

    // A hundred more, and the three go out as well.
    await engine.call('/api/v1/set-delivery-paused', { paused: false });
    await send(engine, 100);
    await expect.poll(() => partner.keys.length, { timeout: 20_000 }).toBe(108);

    const early = await labrelay(['restore', file, '--yes', '--without-key', '--data', data]);
    expect(early).toMatchObject({ code: 1, stdout: '' });
    expect(early.stderr).toContain('Another LabRelay is running');
    await engine.stop();

    // Another key lies there by now, as on a new machine.
    rmSync(join(data, 'secret.key'));
    const wrong = await labrelay(['restore', file, '--yes', '--data', data], {
      LABRELAY_BACKUP_PASSPHRASE: 'another passphrase',
    });
    expect(wrong.code).toBe(1);
    expect(wrong.stderr).toContain('Nothing was changed');

    const restored = await labrelay(['restore', file, '--yes', '--data', data, '--json'], {
      LABRELAY_BACKUP_PASSPHRASE: PASSPHRASE,
    });
    expect([restored.code, restored.stderr]).toEqual([0, '']);
    const told = JSON.parse(restored.stdout) as { kept_aside: string };
    expect(told).toMatchObject({
      delivery_paused: true,
      held: [{ name: 'bills', certainty: 'UNKNOWN', count: 3 }],
      newer_logs: 200,
      sent_since: 3,
      key_restored: true,
      unreadable_secrets: [],
    });
    expect(existsSync(join(told.kept_aside, 'labrelay.db'))).toBe(true);

    // The chain is whole, and its last entry tells of the restore.
    expect(await labrelay(['audit', 'verify', '--data', data])).toMatchObject({ code: 0 });

    engine = await serve(data);
    expect(await engine.call('/api/v1/list-audit', { action: 'restore' })).toMatchObject({
      items: [{ subject: expect.stringContaining('backup of '), count: 3 }],
    });
    const health = await engine.call('/api/v1/get-health', {});
    expect(health).toMatchObject({
      status: 'degraded',
      tasks_by_state: { HELD: 3 },
      logs_by_status: { SUCCESS: 5 },
      banners: [{ kind: 'DELIVERY_PAUSED' }],
    });
    // New events are taken, and wait.
    const [fresh = ''] = await send(engine, 1);
    await engine.call('/api/v1/set-delivery-paused', { paused: false });
    await expect.poll(() => partner.keys.length).toBe(109);
    expect(partner.keys.at(-1)).toBe(fresh);
    // Ids do not come again, and held ones stay held although deliveries go on.
    expect([...done, ...open]).not.toContain(fresh);
    expect(await engine.call('/api/v1/get-log', { log_id: open[0] })).toMatchObject({
      retry_state: 'HELD',
      held_reason: 'RESTORED_BACKUP',
    });
    expect(await engine.call('/api/v1/preview-held', {})).toMatchObject({
      count: 3,
      groups: [{ held_reason: 'RESTORED_BACKUP', certainty: 'UNKNOWN', count: 3 }],
    });
    // Some are released by filter: exactly those go out, under their old keys.
    const second = await engine.call('/api/v1/get-log', { log_id: open[1] });
    const wish = {
      action: 'release',
      from: second['created_at'],
      reason: 'the partner asked for them',
    };
    await expect(engine.call('/api/v1/release-held', wish)).rejects.toThrow('DUPLICATES_POSSIBLE');
    expect(
      await engine.call('/api/v1/release-held', { ...wish, accept_duplicates: true }),
    ).toMatchObject({ released: 2 });
    await expect.poll(() => partner.keys.length).toBe(111);
    expect(partner.keys.slice(-2).sort()).toEqual(open.slice(1).sort());
    await engine.stop();
    expect(partner.keys.length).toBe(111);
    expect([...partner.credentials]).toEqual(['Bearer a-token-that-the-partner-gave']);
  });

  it('restore into an empty folder, and list what no key opens', async () => {
    const partner = await receiver();
    const data = newFolder();
    const file = join(newFolder(), 'copy.db');
    const engine = await serve(data);
    await configure(engine, partner.url);
    await engine.stop();
    // Nobody runs now; the copy is made all the same.
    expect((await labrelay(['backup', file, '--data', data])).stdout).toContain('NOT in it');

    const fresh = join(newFolder(), 'new-machine');
    const restored = await labrelay(['restore', file, '--yes', '--data', fresh]);
    expect([restored.code, restored.stderr]).toEqual([0, '']);
    expect(restored.stdout).toContain('There was no store before.');
    expect(restored.stdout).toContain(
      'Partner: addUpdateDeveloperAuthentication {"developer_authentication_id": 1, "keys": {"token": "…"}}',
    );
    expect(readdirSync(fresh).filter((name) => /restoring|replaced|key/.test(name))).toEqual([]);
  });

  it('ask before they replace anything, and refuse a backup of a newer LabRelay', async () => {
    const data = newFolder();
    const file = join(newFolder(), 'copy.db');
    await (await serve(data)).stop();
    await labrelay(['backup', file, '--data', data]);
    const asked = await labrelay(['restore', file, '--data', data]);
    expect(asked.code).toBe(2);
    expect(asked.stderr).toContain('give --yes');

    const db = new Database(file);
    db.pragma('user_version = 99');
    db.close();
    const newer = await labrelay(['restore', file, '--yes', '--data', data, '--json']);
    expect(newer.code).toBe(1);
    expect(JSON.parse(newer.stdout)).toMatchObject({ error: { code: 'STORE_NEWER' } });
    expect(readdirSync(data).filter((name) => /replaced|restoring/.test(name))).toEqual([]);
  });
});

describe('a data folder', () => {
  it('belongs to one engine: a second one is refused', async () => {
    const data = newFolder();
    await serve(data);
    const second = await labrelay(['serve', '--port', '0', '--data', data, '--json']);
    expect(second.code).toBe(1);
    expect(JSON.parse(second.stdout)).toMatchObject({ error: { code: 'STORE_LOCKED' } });
    expect(second.stderr).toContain(`on the data folder ${data}`);
  });

  it('written by a newer LabRelay is refused, and left as it is', async () => {
    const data = newFolder();
    await (await serve(data)).stop();
    const db = new Database(join(data, 'labrelay.db'));
    db.pragma('user_version = 99');
    db.close();
    const refused = await labrelay(['serve', '--port', '0', '--data', data, '--json']);
    expect(refused.code).toBe(1);
    expect(JSON.parse(refused.stdout)).toMatchObject({ error: { code: 'STORE_NEWER' } });
    const after = new Database(join(data, 'labrelay.db'), { readonly: true });
    expect(after.pragma('user_version', { simple: true })).toBe(99);
    after.close();
  });
});
