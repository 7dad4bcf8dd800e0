import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { UsageError } from '../../src/main/cli/arguments.ts';
import { EngineClient, engineUrl, userKey } from '../../src/main/cli/client.ts';
import { LabRelayError } from '../../src/shared/errors.ts';
import { temporaryFolder } from '../helpers/folders.ts';
import { capturedIo } from './captured-io.ts';

const opened: { server: Server; client: EngineClient }[] = [];

afterEach(async () => {
  for (const { server, client } of opened.splice(0)) {
    await client.close();
    server.close();
    server.closeAllConnections();
  }
});

/** A client of a server that answers as told. */
async function clientOf(listener: RequestListener, scheme = 'http'): Promise<EngineClient> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const client = new EngineClient(new URL(`${scheme}://127.0.0.1:${port}`), 'user-key');
  opened.push({ server, client });
  return client;
}

const answering =
  (status: number, body: string): RequestListener =>
  (_, response) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(body);

const HEALTH = {
  status: 'ok',
  version: '9.9.9',
  started_at: '2026-11-23T08:00:00.000Z',
  uptime_s: 1,
  checks: [],
  banners: [],
  logs_by_status: {},
  inbound_by_status: {},
  tasks_by_state: {},
  failed_tasks: 0,
  oldest_task_at: null,
  retries: { scheduled: 0, exhausted: 0, next_at: null },
  in_flight: 0,
  store_bytes: 1,
  schema_version: 1,
  figures_at: null,
  added_later: 'kept',
};

describe('calling a procedure', () => {
  test('goes to its kebab-case route with the user key, and keeps what a newer engine adds', async () => {
    let asked = '';
    const client = await clientOf((request, response) => {
      asked = `${request.method} ${request.url} ${request.headers.authorization}`;
      response.end(JSON.stringify(HEALTH));
    });
    expect(await client.call('getHealth', {})).toEqual(HEALTH);
    expect(asked).toBe('POST /api/v1/get-health Bearer user-key');
  });

  test('a problem document becomes its error, every field with its cure', async () => {
    const problem = {
      type: 'urn:labrelay:problem:invalid-input',
      title: 'The input is not valid',
      status: 422,
      code: 'INVALID_INPUT',
      detail: 'limit: must be at most 200',
      errors: [
        { field: 'limit', reason: 'must be at most 200' },
        { field: 'lab_id', reason: 'must be a number' },
      ],
    };
    const client = await clientOf(answering(422, JSON.stringify(problem)));
    const error = await client.call('searchLogs', {}).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(LabRelayError);
    expect(error).toMatchObject({
      code: 'INVALID_INPUT',
      message: 'limit: must be at most 200\n  lab_id: must be a number',
    });
  });

  test('a problem code of a newer engine is still told', async () => {
    const problem = { code: 'MOON_PHASE', detail: 'Wait for the full moon.', status: 409 };
    const client = await clientOf(answering(409, JSON.stringify(problem)));
    await expect(client.call('getHealth', {})).rejects.toThrow('Wait for the full moon.');
  });

  test('an answer of another shape asks for the version', async () => {
    const client = await clientOf(answering(200, '{"status":"fine"}'));
    await expect(client.call('getHealth', {})).rejects.toThrow('is it of another version?');
  });

  test('a server that is no LabRelay is recognised', async () => {
    const client = await clientOf(answering(502, '<html>Bad gateway</html>'));
    await expect(client.call('getHealth', {})).rejects.toThrow(
      'answered 502 without a problem document; is it LabRelay?',
    );
  });

  test('a connection that breaks before the answer says so', async () => {
    const client = await clientOf((request) => request.socket.destroy());
    await expect(client.call('getHealth', {})).rejects.toThrow('the connection broke');
  });

  test('where nothing listens, it says how to start an engine', async () => {
    const client = await clientOf(answering(200, '{}'));
    const { server } = opened[0] ?? {};
    server?.close();
    await expect(client.call('getHealth', {})).rejects.toThrow(
      'nothing listens there. Start the engine with "labrelay serve"',
    );
  });

  test('https to a plain server says to check the address', async () => {
    const client = await clientOf(answering(200, '{}'), 'https');
    await expect(client.call('getHealth', {})).rejects.toThrow('Check http or https in --url');
  });
});

describe('where the engine is, and with which key', () => {
  test('by default on this machine, else --url before LABRELAY_URL', () => {
    const io = capturedIo({ LABRELAY_URL: 'https://labrelay.lab' });
    expect(engineUrl({}, capturedIo()).origin).toBe('http://127.0.0.1:7420');
    expect(engineUrl({}, io).origin).toBe('https://labrelay.lab');
    expect(engineUrl({ url: 'http://10.0.0.5:7420' }, io).origin).toBe('http://10.0.0.5:7420');
  });

  test.each(['labrelay', 'ftp://labrelay.lab', 'http://labrelay.lab/console', 'http://me:x@lab'])(
    '%s is unusable',
    (url) => {
      expect(() => engineUrl({ url }, capturedIo())).toThrow(UsageError);
    },
  );

  test('the key is --token, LABRELAY_TOKEN, or the data folder’s own', () => {
    const url = new URL('http://127.0.0.1:7420');
    const data = temporaryFolder();
    writeFileSync(join(data, 'admin.token'), 'from-file\n');
    const io = capturedIo({ LABRELAY_TOKEN: 'from-environment', LABRELAY_DATA: data });
    expect(userKey({ token: 'given' }, url, io)).toBe('given');
    expect(userKey({}, url, io)).toBe('from-environment');
    expect(userKey({}, url, capturedIo({ LABRELAY_DATA: data }))).toBe('from-file');
    expect(userKey({ data }, url, capturedIo())).toBe('from-file');
  });

  test('without a key it says where one may come from', () => {
    const url = new URL('http://127.0.0.1:7420');
    const data = temporaryFolder();
    expect(() => userKey({ data }, url, capturedIo())).toThrow(
      'admin.token is not there. Give --token or set LABRELAY_TOKEN.',
    );
  });

  test('the admin key of this machine is never sent to another', () => {
    const data = temporaryFolder();
    writeFileSync(join(data, 'admin.token'), 'from-file\n');
    expect(() => userKey({ data }, new URL('http://10.0.0.5:7420'), capturedIo())).toThrow(
      UsageError,
    );
  });
});
