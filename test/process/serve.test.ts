import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from 'vitest';

const CLI = join(import.meta.dirname, '..', '..', 'src', 'main', 'cli.ts');

interface Announced {
  url: string;
  data: string;
  admin_token_file: string;
  pid: number;
}

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

function labrelay(...argv: string[]) {
  const { LABRELAY_DATA: _data, LABRELAY_ADMIN_TOKEN: _token, ...env } = process.env;
  const child = spawn(process.execPath, [CLI, ...argv], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env,
  });
  children.push(child);
  return child;
}

function newFolder(): string {
  return mkdtempSync(join(tmpdir(), 'labrelay-serve-'));
}

/** Starts an engine and waits until it listens. */
async function serve(data: string) {
  const child = labrelay('serve', '--port', '0', '--data', data, '--json');
  const lines = createInterface({ input: child.stdout });
  const [line] = (await once(lines, 'line')) as [string];
  const announced = JSON.parse(line) as Announced;
  const rest: string[] = [];
  lines.on('line', (more) => rest.push(more));
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
  return { child, announced, rest, call };
}

/** How a process ended: its exit code, or the signal that killed it. */
async function ended(child: ChildProcess): Promise<number | string | null> {
  if (child.exitCode !== null || child.signalCode !== null) {
    return child.exitCode ?? child.signalCode;
  }
  const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
  return code ?? signal;
}

/** A partner that answers only when told to. */
async function slowPartner(): Promise<{
  server: Server;
  url: string;
  arrived: Promise<void>;
  answer: () => void;
}> {
  const { promise: arrived, resolve: arrive } = Promise.withResolvers<void>();
  const held: ServerResponse[] = [];
  const server = createServer((_request, response) => {
    held.push(response);
    arrive();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  return { server, url: `http://127.0.0.1:${port}/`, arrived, answer: () => held.pop()?.end('{}') };
}

/** One delivery under way to a partner that has not answered yet. */
async function withDeliveryUnderWay() {
  const partner = await slowPartner();
  const engine = await serve(newFolder());
  await engine.call('/api/v1/add-update-lab', { lab_id: 7, name: 'City Lab' });
  await engine.call('/api/v1/add-update-webhook-integration', {
    lab_id: 7,
    action_category_list_id: 1,
    name: 'slow',
    end_point: partner.url,
  });
  const { log_ids } = await engine.call('/billing/', { lab_id: 7, bill: { bill_id: 1 } });
  await partner.arrived;
  return { partner, engine, logId: (log_ids as string[])[0] ?? '' };
}

describe('labrelay serve', () => {
  it.skipIf(process.platform !== 'linux')(
    'ends where a data folder cannot be made, even where the system only says that it is not there',
    async () => {
      // Node's own recursive mkdir tries for ever there.
      for (const data of ['/proc/x', '/proc/x/deep/er', '/proc/1/nothing']) {
        const child = labrelay('serve', '--port', '0', '--data', data);
        const [how, errors] = await Promise.all([ended(child), text(child.stderr)]);
        expect(how).toBe(1);
        expect(errors).toContain(`The data folder ${data} cannot be made (`);
      }
    },
    20_000,
  );

  it('announces itself in one JSON line, and ends with 0 on SIGTERM', async () => {
    const data = newFolder();
    const { child, announced, rest, call } = await serve(data);
    expect(announced).toEqual({
      url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
      data,
      admin_token_file: join(data, 'admin.token'),
      pid: child.pid,
    });
    expect(await call('/api/v1/get-health', {})).toMatchObject({ status: 'ok' });
    // The folder was there before; what is made in it is still for its owner alone.
    for (const name of readdirSync(data)) {
      expect([name, statSync(join(data, name)).mode & 0o077]).toEqual([name, 0]);
    }
    child.kill('SIGTERM');
    expect(await ended(child)).toBe(0);
    expect(rest).toEqual([]);
  });

  it('prints address, key, folder and how to stop to people', async () => {
    const data = newFolder();
    const child = labrelay('serve', '--port', '0', '--data', data);
    const lines = createInterface({ input: child.stdout });
    const said: string[] = [];
    for await (const line of lines) {
      said.push(line);
      if (line.includes('to stop')) child.kill('SIGINT');
    }
    expect(await ended(child)).toBe(0);
    const all = said.join('\n');
    expect(all).toMatch(/http:\/\/127\.0\.0\.1:\d+/);
    expect(all).toContain(join(data, 'admin.token'));
    expect(all).toContain(`data folder  ${data}`);
    expect(all).toContain('Ctrl-C');
    // Where it lies, never the key itself: terminals are logged.
    expect(all).not.toContain(readFileSync(join(data, 'admin.token'), 'utf8').trim());
  });

  it('finishes deliveries under way before it ends', async () => {
    const { partner, engine, logId } = await withDeliveryUnderWay();
    engine.child.kill('SIGTERM');
    // Takes nothing more meanwhile: the listener is closed first.
    await expect
      .poll(() =>
        fetch(engine.announced.url).then(
          () => 'answers',
          () => 'closed',
        ),
      )
      .toBe('closed');
    expect(engine.child.exitCode).toBeNull();
    partner.answer();
    expect(await ended(engine.child)).toBe(0);
    partner.server.close();

    const again = await serve(engine.announced.data);
    expect(await again.call('/api/v1/get-log', { log_id: logId })).toMatchObject({
      status: 'SUCCESS',
      certainty: 'ACCEPTED',
    });
  });

  it('ends at once with 1 where the signal is repeated; what was in flight is UNKNOWN after the next start', async () => {
    const { partner, engine, logId } = await withDeliveryUnderWay();
    engine.child.kill('SIGTERM');
    await expect
      .poll(() =>
        fetch(engine.announced.url).then(
          () => 'answers',
          () => 'closed',
        ),
      )
      .toBe('closed');
    // Repeated within half a second it still counts as the same wish, so it is repeated for longer.
    const impatient = setInterval(() => engine.child.kill('SIGTERM'), 100);
    expect(await ended(engine.child)).toBe(1);
    clearInterval(impatient);
    partner.server.closeAllConnections();
    partner.server.close();

    const again = await serve(engine.announced.data);
    expect(await again.call('/api/v1/get-log', { log_id: logId })).toMatchObject({
      status: 'FAIL',
      certainty: 'UNKNOWN',
    });
  });

  it('refuses an address that others reach without TLS: exit 2, nothing made', async () => {
    const data = join(newFolder(), 'not-made');
    const child = labrelay('serve', '--host', '0.0.0.0', '--port', '0', '--data', data);
    const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
    expect(await ended(child)).toBe(2);
    expect(out).toBe('');
    expect(err).toContain('--insecure-http');
    expect(existsSync(data)).toBe(false);
  });
});
