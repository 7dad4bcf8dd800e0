import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LabRelayError } from '../../src/shared/errors.ts';
import { TOKENS } from './fake-engine.ts';
import { BILL, type Served, serve, problemOf } from './serving.ts';

let served: Served;
beforeAll(async () => {
  served = await serve();
});
afterAll(() => served.server.close());

/** Sends raw bytes and answers all that comes back until the server closes. */
async function raw(text: string): Promise<string> {
  const socket = connect(served.server.port, '127.0.0.1');
  await once(socket, 'connect');
  let answer = '';
  socket.setEncoding('utf8').on('data', (chunk: string) => {
    answer += chunk;
  });
  socket.write(text);
  await once(socket, 'close');
  return answer;
}

/** 20 MiB whose length is not told beforehand. */
async function* parts() {
  for (let part = 0; part < 20; part++) yield new TextEncoder().encode('x'.repeat(1024 * 1024));
}

describe('a broken body', () => {
  it.each([
    ['{"lab_id": 7,\n "bill" 9}', 'line 2, column 9'],
    ['{"lab_id": 7', 'line 1, column 13'],
    ['{"lab_id":', 'it ends too early'],
    ['nonsense', 'The body is not valid JSON.'],
  ])('is refused with its place and never quoted: %j', async (body, place) => {
    const response = await served.post('/billing/', body);
    expect(response.status).toBe(400);
    const problem = await problemOf(response);
    expect(problem).toMatchObject({
      type: 'urn:labrelay:problem:invalid-json',
      code: 'INVALID_JSON',
      status: 400,
    });
    expect(problem.detail).toContain(place);
  });

  it('says nothing of what stands in it', async () => {
    const response = await served.post('/billing/', '{"name":"Asha Verma", oops}');
    expect(response.status).toBe(400);
    expect(await response.text()).not.toContain('Asha');
  });

  it('is refused where it would change prototypes', async () => {
    const response = await served.post('/billing/', '{"lab_id":7,"__proto__":{"admin":true}}');
    expect(response.status).toBe(400);
    expect((await problemOf(response)).detail).toContain('__proto__');
  });

  it('is refused where it is not UTF-8, rather than changed', async () => {
    const response = await fetch(`${served.url}/billing/`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${TOKENS.inbound}` },
      body: Buffer.concat([Buffer.from('{"name":"M'), Buffer.from([0xfc]), Buffer.from('ller"}')]),
    });
    expect(response.status).toBe(400);
    expect((await problemOf(response)).detail).toContain('UTF-8');
  });

  it.each([
    [
      'a value',
      '{"lab_id":7,"bill":{"bill_id":1,"tests":[{"name":"a\\ud800"}]}}',
      'bill.tests.0.name',
    ],
    ['a lower half, in capitals', '{"lab_id":7,"bill":{"bill_id":"\\uDC00"}}', 'bill.bill_id'],
    ['a key', '{"lab_id":7,"bill":{"bill_id":1,"\\udfff":1}}', 'bill'],
  ])('is refused with half of a character in %s', async (_what, text, field) => {
    const response = await served.post('/billing/', text);
    expect(response.status).toBe(422);
    expect(await problemOf(response)).toMatchObject({
      code: 'INVALID_INPUT',
      errors: [{ field, reason: expect.stringContaining('half of a character') }],
    });
    expect(served.engine.accepted).toEqual([]);
  });

  it('may escape whole characters, and speak of escapes', async () => {
    const text = '{"lab_id":7,"bill":{"bill_id":1,"face":"\\ud83d\\ude00","note":"\\\\ud800"}}';
    const response = await served.post('/billing/', text);
    expect(response.status).toBe(201);
    expect(served.engine.accepted.splice(0)).toMatchObject([
      { body: { bill: { face: '😀', note: '\\ud800' } } },
    ]);
  });

  it('may be missing only where nothing is needed', async () => {
    const response = await served.post('/billing/', '');
    expect(response.status).toBe(422);
    expect(await problemOf(response)).toMatchObject({ code: 'INVALID_INPUT' });
  });

  it('is refused where it is no JSON by its own word', async () => {
    const response = await served.post('/billing/', 'lab_id=7', {
      'content-type': 'application/x-www-form-urlencoded',
    });
    expect(response.status).toBe(415);
    expect(await problemOf(response)).toMatchObject({
      code: 'UNSUPPORTED_MEDIA_TYPE',
      errors: [{ field: 'content-type', reason: 'must be application/json' }],
    });
  });
});

describe('a body of 20 MiB', () => {
  const big = JSON.stringify({ ...BILL, padding: 'x'.repeat(20 * 1024 * 1024) });

  it('is refused with the limit named, and the client gets to read it', async () => {
    const response = await served.post('/billing/', big);
    expect(response.status).toBe(413);
    const problem = await problemOf(response);
    expect(problem).toMatchObject({ code: 'BODY_TOO_LARGE', status: 413 });
    expect(problem.detail).toContain('10 MiB');
    expect(served.engine.accepted).toEqual([]);
  });

  it('is refused at the limit where its length is not told beforehand', async () => {
    // The server may close the connection on a sender that does not stop: either is a refusal.
    const outcome = await fetch(`${served.url}/billing/`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${TOKENS.inbound}` },
      body: ReadableStream.from(parts()),
      duplex: 'half',
    }).then(
      (response) => response.status,
      () => 'closed',
    );
    expect([413, 'closed']).toContain(outcome);
    expect(served.engine.accepted).toEqual([]);
  });

  it('is not even read without a key', async () => {
    const response = await served.post('/billing/', big, { authorization: 'Bearer wrong' });
    expect(response.status).toBe(401);
  });
});

describe('what is not served', () => {
  it('an unknown route is 404, a known one with another method 405 with Allow', async () => {
    const unknown = await served.post('/no/such/route', BILL);
    expect(unknown.status).toBe(404);
    expect(await unknown.json()).toMatchObject({
      code: 'NOT_FOUND',
      errors: [{ field: 'path', reason: expect.stringContaining('/openapi.json') }],
    });
    for (const path of ['/billing/', '/billing']) {
      const wrong = await fetch(served.url + path);
      expect(wrong.status).toBe(405);
      expect(wrong.headers.get('allow')).toBe('POST');
      expect(await wrong.json()).toMatchObject({
        code: 'METHOD_NOT_ALLOWED',
        errors: [{ field: 'method', reason: expect.stringContaining('must be') }],
      });
    }
    const health = await fetch(`${served.url}/health`, { method: 'DELETE' });
    expect(health.headers.get('allow')).toBe('GET, HEAD');
  });

  it('an address that cannot be decoded is 400', async () => {
    const response = await fetch(`${served.url}/%E0%A4%A`);
    expect(response.status).toBe(400);
    expect(response.headers.get('content-type')).toContain('application/problem+json');
  });

  it('what is no HTTP gets a problem document and a closed connection', async () => {
    const answer = await raw('HELO labrelay\r\n\r\n');
    expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
    expect(answer).toContain('application/problem+json');
    const huge = await raw(
      `GET /health HTTP/1.1\r\nhost: localhost\r\nx: ${'y'.repeat(40_000)}\r\n\r\n`,
    );
    expect(huge).toMatch(/^HTTP\/1\.1 431 /);
  });
});

describe('a fault of our own', () => {
  it('is INTERNAL without a word from inside, and named for the application log', async () => {
    served.engine.fault = new Error('SQLITE_CORRUPT in row of Asha Verma');
    const response = await served.post('/billing/', BILL);
    served.engine.fault = null;
    expect(response.status).toBe(500);
    const text = await response.text();
    expect(text).not.toMatch(/SQLITE|Asha/);
    const fault = served.faults.at(-1);
    expect(fault).toMatchObject({ route: '/billing/' });
    expect(text).toContain(fault?.request_id);
  });

  it('is told no more where it has a code of ours', async () => {
    served.engine.fault = new LabRelayError('INTERNAL', 'constraint failed: patient Asha Verma');
    const response = await served.post('/billing/', BILL);
    served.engine.fault = null;
    expect(response.status).toBe(500);
    expect(await response.text()).not.toMatch(/constraint|Asha/);
  });

  it('says when to try again where the store cannot be written', async () => {
    served.engine.fault = new LabRelayError('STORE_UNAVAILABLE', 'The disk is full.');
    const response = await served.post('/billing/', BILL);
    served.engine.fault = null;
    expect(response.status).toBe(503);
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
  });
});
