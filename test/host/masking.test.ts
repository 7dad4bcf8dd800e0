import { readdirSync, readFileSync } from 'node:fs';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import type { Host } from '../../src/main/host.ts';
import { procedurePath } from '../../src/main/http/procedure-routes.ts';
import { STREAM_PATH } from '../../src/main/http/stream-routes.ts';
import { contract, type ProcedureName } from '../../src/shared/contract/index.ts';
import { adminToken, call, host, post } from './hosting.ts';

/** Stands for everything that is a patient's; found in no word of our own. */
const MARK = 'Zqxverma';
const ANY_MARK = new RegExp(MARK, 'i');

let running: Host;
let viewer: Record<string, string>;
let logIds: string[];
/** Calls into the lab: one that was taken, one that was refused, one that broke off. */
let callIds: string[];
const partner = createServer((request, response) => {
  request.resume();
  request.on('end', () => {
    response.writeHead(400, {
      'content-type': `application/json; name=${MARK}`,
      'x-patient': MARK,
    });
    response.end(JSON.stringify({ error: `no test for ${MARK}`, [`${MARK} A.`]: [MARK] }));
  });
});

beforeAll(async () => {
  await new Promise<void>((listening) => partner.listen(0, '127.0.0.1', listening));
  const address = partner.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  running = await host();
  await call(running, 'addUpdateLab', { lab_id: 7, name: 'City Lab', time_zone: 'UTC' });
  for (const method of ['POST', 'GET'] as const) {
    await call(running, 'addUpdateWebhookIntegration', {
      lab_id: 7,
      action_category_list_id: 1,
      name: method,
      method,
      // A GET carries the mapping's fields in its query.
      ...(method === 'GET' ? { mapping: '{"name": bill.patient.name}' } : {}),
      end_point: `http://127.0.0.1:${port}/bills`,
    });
  }
  const { key } = await call(running, 'createAccessKey', { kind: 'inbound', name: 'LIS' });
  const made = await call(running, 'createAccessKey', {
    kind: 'user',
    name: 'Vera',
    role: 'viewer',
  });
  viewer = { authorization: `Bearer ${made.key}` };
  const patient = { patient_id: MARK, name: `${MARK} Asha`, [`of ${MARK}`]: true };
  const answer = await post(
    running,
    '/billing/',
    { lab_id: 7, ordering_key: MARK, bill: { bill_id: 17, patient } },
    { authorization: `Bearer ${key}` },
  );
  ({ log_ids: logIds } = (await answer.json()) as { log_ids: string[] });
  expect(logIds).toHaveLength(2);
  for (const log_id of logIds) {
    await vi.waitFor(async () => {
      expect((await call(running, 'getLog', { log_id })).status).toBe('FAIL');
    }, 10_000);
  }
  await reportFromOutside(logIds[0] ?? '');
  await post(running, `/billing/?patient=${MARK}`, `{"name": "${MARK}", rubbish`, {
    authorization: `Bearer ${key}`,
    'x-patient': MARK,
    'user-agent': MARK,
  });
  await breakOff(`{"name": "${MARK}`, key);
  callIds = await vi.waitFor(async () => {
    const { items } = await call(running, 'searchLogs', { direction: 'INBOUND' });
    expect(items).toHaveLength(3);
    return items.map(({ log_id }) => log_id);
  });
});
afterAll(async () => {
  await running.close();
  partner.close();
});

/** A call whose caller goes away in the middle of its body. */
async function breakOff(part: string, key: string): Promise<void> {
  const socket = connect(running.port, '127.0.0.1');
  socket.write(
    `POST /billing/ HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer ${key}\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n${part}`,
  );
  await vi.waitFor(() => expect(socket.bytesWritten).toBeGreaterThan(part.length));
  socket.end();
  await once(socket.resume(), 'close');
}

/** An outside worker's report, in whose every word a patient may be. */
async function reportFromOutside(log_id: string): Promise<void> {
  const { key } = await call(running, 'createAccessKey', { kind: 'internal', name: 'worker' });
  const response = await post(
    running,
    '/integration_callback/',
    {
      log_id,
      status: 'SUCCESS',
      end_point: `http://partner/${log_id}?patient=${MARK}`,
      request_headers: { 'x-about': MARK },
      response_headers: { 'x-about': MARK, 'content-type': MARK },
      response_body: `<patient>${MARK}</patient>`,
      error_message: `it was about ${MARK}`,
    },
    { 'x-internal-token': key },
  );
  expect(await response.json()).toMatchObject({ changed: true });
}

/** What a viewer is answered by a procedure, with every input that may find something. */
async function answersOf(name: ProcedureName): Promise<{ status: number; text: string }[]> {
  const ids = [...logIds, ...callIds].map((log_id) => ({ log_id }));
  const inputs = [
    {},
    { include_suppressed: true },
    { include_requeued: true },
    { reference: { kind: 'bill', id: '17' } },
    { reference: { kind: 'patient', id: MARK } },
    { text: 'asha' },
    { lab_integration_id: 1 },
    { lab_id: 7 },
    ...ids,
    ...ids.map((one) => ({ ...one, reason: 'to know' })),
  ];
  return Promise.all(
    inputs.map(async (input) => {
      const response = await post(running, procedurePath(name), input, viewer);
      return { status: response.status, text: await bytesOf(response) };
    }),
  );
}

/** The whole answer, head and body. */
async function bytesOf(response: Response): Promise<string> {
  return JSON.stringify([...response.headers]) + (await response.text());
}

it('operators are shown all of it in clear, so that there is something to be masked', async () => {
  const [first, second] = await Promise.all(
    logIds.map((log_id) => call(running, 'revealLog', { log_id })),
  );
  for (const log of [first, second]) {
    expect(log?.request_body).toContain(MARK);
    expect(log?.references).toContainEqual({ kind: 'patient', id: MARK });
    expect(log?.ordering_key).toBe(MARK);
  }
  expect(first?.response_body).toContain(MARK);
  expect(JSON.stringify(first?.response_headers)).toContain(MARK);
  expect(first?.error_message).toContain(MARK);
  expect(second?.response_body).toContain(MARK);
  expect(second?.end_point).not.toContain(MARK);
});

it('so are calls into the lab, whatever became of them', async () => {
  for (const log_id of callIds) {
    const log = await call(running, 'revealLog', { log_id });
    expect(log.request_body).toContain(MARK);
  }
  const refused = await call(running, 'revealLog', { log_id: callIds[1] ?? '' });
  expect(refused.end_point).toContain(MARK);
  expect(JSON.stringify(refused.request_headers)).toContain(MARK);
});

it('getLog and searchLogs are the same for everybody: masked', async () => {
  for (const log_id of [...logIds, ...callIds]) {
    const log = await call(running, 'getLog', { log_id });
    expect(log.masked).toBe(true);
    expect(JSON.stringify(log)).not.toMatch(ANY_MARK);
  }
  expect(JSON.stringify(await call(running, 'searchLogs', {}))).not.toMatch(ANY_MARK);
});

it.each(Object.keys(contract) as ProcedureName[])(
  'a viewer sees none of it in %s',
  async (name) => {
    const answers = await answersOf(name);
    for (const { text } of answers) expect(text).not.toMatch(ANY_MARK);
    if (name === 'getLog' || name === 'searchLogs') {
      expect(answers.filter(({ status }) => status === 200).length).toBeGreaterThan(1);
      expect(answers.some(({ text }) => text.includes(logIds[0] ?? ''))).toBe(true);
    }
  },
);

it('a viewer, or anybody, sees none of it in any route that is read', async () => {
  const document = (await (await fetch(`${running.url}/openapi.json`)).json()) as {
    paths: Record<string, object>;
  };
  const read = Object.entries(document.paths).flatMap(([path, methods]) =>
    // A stream never ends by itself; what it tells is looked at below.
    'get' in methods && path !== STREAM_PATH ? [path] : [],
  );
  expect(read).toContain('/metrics');
  for (const path of [...read, '/', '/docs', '/docs/json', `/logs/${logIds[0]}`]) {
    for (const headers of [{}, viewer]) {
      const response = await fetch(running.url + path, {
        headers,
        signal: AbortSignal.timeout(5_000),
      });
      expect(await bytesOf(response)).not.toMatch(ANY_MARK);
    }
  }
});

it('a viewer is refused what looks for it, and told so without it', async () => {
  for (const input of [{ text: MARK }, { reference: { kind: 'patient', id: MARK } }]) {
    const response = await post(running, procedurePath('searchLogs'), input, viewer);
    expect(response.status).toBe(403);
    expect(await bytesOf(response)).not.toMatch(ANY_MARK);
  }
});

it('none of it is in the audit chain or the application log', async () => {
  const admin = { authorization: `Bearer ${adminToken(running)}` };
  for (const input of [{ text: MARK }, { reference: { kind: 'patient', id: MARK } }]) {
    expect((await post(running, procedurePath('searchLogs'), input, admin)).status).toBe(200);
  }
  const { items } = await call(running, 'listAudit', {});
  const searches = items.filter(
    ({ action, actor }) => action === 'searchLogs' && actor === 'first admin',
  );
  expect(searches).toHaveLength(4);
  // A viewer's tries are there too, with what came of them.
  expect(items).toContainEqual(expect.objectContaining({ actor: 'Vera', outcome: 'FORBIDDEN' }));
  expect(JSON.stringify(items)).not.toMatch(ANY_MARK);
  const folder = join(running.dataFolder, 'logs');
  for (const file of readdirSync(folder)) {
    expect(readFileSync(join(folder, file), 'utf8')).not.toMatch(ANY_MARK);
  }
});

it('a viewer’s live stream tells of what changes, and none of it', async () => {
  const stopped = new AbortController();
  const response = await fetch(running.url + STREAM_PATH, {
    headers: viewer,
    signal: AbortSignal.any([stopped.signal, AbortSignal.timeout(10_000)]),
  });
  const [, refused = ''] = logIds;
  await call(running, 'retryIntegration', { log_id: refused, reason: 'they have mended it' });
  let told = '';
  for await (const bytes of response.body ?? []) {
    told += Buffer.from(bytes).toString();
    if (told.includes('UpdateRetryIntegrationStatus') && told.includes(refused)) break;
  }
  stopped.abort();
  expect(told).toContain(refused);
  expect(told).not.toMatch(ANY_MARK);
});
