import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { generateKey } from '../../src/main/engine/configuration/access-keys.ts';
import { fieldError, LabRelayError } from '../../src/shared/errors.ts';
import type { InboundCall } from '../../src/shared/model/call.ts';
import { TOKENS } from './fake-engine.ts';
import { BILL, OWN_TOKEN, type Served, serve } from './serving.ts';

/** As long as a made key; nobody has it. */
const WRONG = 'lrk_in_wrong-00000000000000000000000000000000wXyZ';
const KEPT = 256 * 1024;

let served: Served;
beforeEach(async () => {
  served = await serve();
});
afterEach(() => served.server.close());

/** The one call that was kept. */
function theCall(): InboundCall {
  expect(served.engine.calledIn).toHaveLength(1);
  return served.engine.calledIn[0] as InboundCall;
}

async function kept(count = 1): Promise<InboundCall[]> {
  await vi.waitFor(() => expect(served.engine.calledIn.length).toBeGreaterThanOrEqual(count));
  expect(served.engine.calledIn).toHaveLength(count);
  return served.engine.calledIn;
}

/** A connection over which a request's head has been sent. */
async function head(fields: string, token: string = TOKENS.inbound): Promise<Socket> {
  const socket = connect(served.server.port, '127.0.0.1');
  await once(socket, 'connect');
  socket.on('error', () => {});
  socket.write(
    `POST /billing/ HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer ${token}\r\ncontent-type: application/json\r\n${fields}\r\n\r\n`,
  );
  return socket;
}

/** All that comes back until the server closes. */
async function answerTo(socket: Socket): Promise<string> {
  let answer = '';
  socket.setEncoding('utf8').on('data', (chunk: string) => {
    answer += chunk;
  });
  await once(socket, 'close');
  return answer;
}

describe('a call that is answered as asked', () => {
  it('is kept with what it brought and what it was answered', async () => {
    const response = await served.post('/billing/', BILL, {
      'user-agent': 'LIS/4.2',
      'idempotency-key': 'bill-17',
      origin: served.url,
    });
    expect(response.status).toBe(201);
    const call = theCall();
    expect(call).toMatchObject({
      status: 'SUCCESS',
      errorKind: null,
      errorMessage: null,
      endPoint: '/billing/',
      requestMethod: 'POST',
      requestBody: JSON.stringify(BILL),
      requestBodyCut: false,
      responseStatusCode: 201,
      responseHeaders: { 'content-type': 'application/json; charset=utf-8' },
      responseBody: await response.text(),
      ip: '127.0.0.1',
      origin: served.url,
      tokenOwner: 'key 1',
    });
    expect(call.requestHeaders).toEqual({
      host: `127.0.0.1:${served.server.port}`,
      authorization: 'Bearer ••••',
      'content-type': 'application/json',
      'content-length': String(JSON.stringify(BILL).length),
      'user-agent': 'LIS/4.2',
      'idempotency-key': 'bill-17',
    });
    expect(call.responseTime).toBeGreaterThanOrEqual(0);
    expect(call.arrivedAt).toBeGreaterThan(Date.now() - 60_000);
  });

  it('is told under which log_id it is found', async () => {
    const response = await served.post('/billing/', BILL);
    expect(response.headers.get('labrelay-log-id')).toBe(theCall().logId);
  });

  it('is kept too where it is answered as one before it', async () => {
    const key = { 'idempotency-key': 'twice' };
    await served.post('/billing/', BILL, key);
    const second = await served.post('/billing/', BILL, key);
    const [first, repeat] = await kept(2);
    expect(repeat?.logId).not.toBe(first?.logId);
    expect(second.headers.get('labrelay-log-id')).toBe(repeat?.logId);
    expect(repeat).toMatchObject({
      status: 'SUCCESS',
      responseHeaders: { 'idempotent-replayed': 'true' },
    });
  });
});

describe('a call that reads', () => {
  it.each([
    ['as asked', 'lab_id=7&limit=3', 200, 7],
    ['by a refusal', 'lab_id=7&limit=999', 422, 7],
    ['by a refusal, of a lab that its key may not speak for', 'lab_id=8&limit=999', 422, null],
    ['by a refusal, naming no lab', 'lab_id=Asha', 422, null],
  ])('names its lab in its query: answered %s', async (_, query, status, labId) => {
    const headers = { authorization: `Bearer ${TOKENS.appointments}` };
    const response = await fetch(`${served.url}/appointment/?${query}`, { headers });
    expect(response.status).toBe(status);
    const organizationId = labId === null ? null : 3;
    expect(theCall()).toMatchObject({ requestMethod: 'GET', labId, organizationId });
  });
});

describe('a call that is refused', () => {
  it('is kept with the refusal, in our own words', async () => {
    const asked = { ...BILL, bill: { ...BILL.bill, bill_id: null } };
    const response = await served.post('/billing/', asked);
    expect(response.status).toBe(422);
    expect(response.headers.get('labrelay-log-id')).toBe(theCall().logId);
    expect(theCall()).toMatchObject({
      status: 'FAIL',
      errorKind: 'CALL_REFUSED',
      errorMessage: 'INVALID_INPUT: The input is not valid.',
      requestBody: JSON.stringify(asked),
      responseStatusCode: 422,
      responseBody: await response.text(),
      labId: 7,
      organizationId: 3,
      eventId: null,
      actionCategory: null,
      references: [],
    });
  });

  it.each([
    ['no lab that there is', TOKENS.inbound, 8],
    ['no number', TOKENS.inbound, 'Asha'],
    ['a lab that its key may not speak for', TOKENS.labSevenOnly, 8],
  ])('names no lab where it names %s', async (_, token, labId) => {
    const authorization = `Bearer ${token}`;
    served.engine.fault = new LabRelayError('FORBIDDEN', 'no');
    await served.post('/billing/', { ...BILL, lab_id: labId }, { authorization });
    expect(theCall()).toMatchObject({ status: 'FAIL', labId: null, organizationId: null });
  });

  it('for its key is kept without the secret and without its body', async () => {
    const response = await served.post('/billing/', BILL, { authorization: `Bearer ${WRONG}` });
    expect(response.status).toBe(401);
    expect(theCall()).toMatchObject({
      status: 'FAIL',
      errorKind: 'CALL_REFUSED',
      errorMessage: 'UNAUTHENTICATED: A valid key is needed.',
      tokenHint: 'wXyZ',
      tokenOwner: null,
      requestBody: null,
      requestBodyCut: true,
      labId: null,
    });
    expect(JSON.stringify(theCall())).not.toContain(WRONG);
  });

  it('for a short key gives no part of it away', async () => {
    await served.post('/billing/', BILL, { authorization: '', 'x-api-key': 'hunter2-hunter2' });
    const call = theCall();
    expect(call).toMatchObject({ tokenHint: null, requestHeaders: { 'x-api-key': '••••' } });
    expect(JSON.stringify(call)).not.toContain('hunter2');
  });

  it('leaves nothing of its key wherever else that was put', async () => {
    const secret = TOKENS.billingOnly;
    const response = await served.post(
      `/patient/?api_key=${secret}&x=${secret}&page=2`,
      { lab_id: 7, note: `my key is ${secret}` },
      { authorization: `Bearer ${secret}`, 'x-hint': `try ${secret}`, cookie: 'id=1' },
    );
    expect(response.status).toBe(403);
    const call = theCall();
    expect(JSON.stringify(call)).not.toContain(secret);
    expect(call.endPoint).toBe('/patient/?api_key=••••&x=••••&page=2');
    expect(call.requestHeaders).toMatchObject({ 'x-hint': 'try ••••', cookie: '••••' });
    expect(call.tokenOwner).toBe('key 2');
  });

  it.each([
    ['http://lis:hunter2@127.0.0.1/billing/?page=2', '/billing/?page=2'],
    ['/billing/#access_token=hunter2', '/billing/#access_token=••••'],
    ['/billing/?page=2;token=hunter2', '/billing/?page=2;token=••••'],
    ['/billing/?%74oken=hunter2&token=hunter2', '/billing/?%74oken=••••&token=••••'],
  ])('leaves no credential of an address: %s', async (address, endPoint) => {
    const socket = connect(served.server.port, '127.0.0.1');
    socket.write(
      `POST ${address} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\nauthorization: Bearer ${TOKENS.inbound}\r\n` +
        'referer: https://lis:hunter2@portal.example/x?id=1&access_token=hunter2#sig=hunter2\r\n' +
        'content-type: application/json; charset=utf-8\r\ncontent-length: 0\r\n\r\n',
    );
    await answerTo(socket);
    expect(theCall()).toMatchObject({
      endPoint,
      requestHeaders: {
        referer: 'https://••••@portal.example/x?id=1&access_token=••••#sig=••••',
        'content-type': 'application/json; charset=utf-8',
      },
    });
    expect(JSON.stringify(theCall())).not.toContain('hunter2');
  });

  it('leaves no key that was shown in a wrong place', async () => {
    const secret = generateKey('inbound');
    const headers = { authorization: '', 'x-auth': secret };
    await served.post(`/billing/?k=${secret}`, {}, headers);
    await served.post('/billing/', { ...BILL, login: secret });
    const [refused, taken] = await kept(2);
    expect(refused).toMatchObject({
      responseStatusCode: 401,
      endPoint: '/billing/?k=••••',
      requestHeaders: { 'x-auth': '••••' },
    });
    expect(taken?.requestBody).toBe(JSON.stringify({ ...BILL, login: '••••' }));
    expect(JSON.stringify(served.engine.calledIn)).not.toContain(secret);
  });

  it('leaves none of its key in what it is answered', async () => {
    served.engine.fault = fieldError('INVALID_INPUT', TOKENS.inbound, 'is no field of this call');
    const response = await served.post('/billing/', { ...BILL, [TOKENS.inbound]: 1 });
    expect(await response.text()).toContain(TOKENS.inbound);
    expect(JSON.stringify(theCall())).not.toContain(TOKENS.inbound);
  });

  it.each([
    ['{"lab_id": 7, "bill"', 'INVALID_JSON: The body is not valid JSON.'],
    ['rubbish', 'INVALID_JSON: The body is not valid JSON.'],
    ['{"lab_id":7,"bill":{"bill_id":"a\\ud800"}}', 'INVALID_INPUT: The input is not valid.'],
  ])('for its body is kept as it came: %s', async (body, errorMessage) => {
    await served.post('/billing/', body);
    expect(theCall()).toMatchObject({ requestBody: body, requestBodyCut: false, errorMessage });
  });

  it('for bytes that are no UTF-8 is kept readable, and says so', async () => {
    const body = Buffer.concat([Buffer.from('{"name":"M'), Buffer.from([0xfc]), Buffer.from('"}')]);
    const socket = await head(`connection: close\r\ncontent-length: ${body.length}`);
    socket.write(body);
    await answerTo(socket);
    const call = theCall();
    expect(call.requestBody).toBe('{"name":"M\ufffd"}');
    expect(call.errorMessage).toContain('U+FFFD');
  });

  it('for its media type is kept without the body, which nobody has read', async () => {
    const type = { 'content-type': 'text/xml' };
    expect((await served.post('/billing/', '<bill/>', type)).status).toBe(415);
    expect(theCall()).toMatchObject({
      errorMessage: 'UNSUPPORTED_MEDIA_TYPE: The body is not JSON.',
      requestBody: null,
      requestBodyCut: true,
    });
  });

  it('tells the origin of a page that has made it, and nothing that only stands in its place', async () => {
    await served.post('/billing/', BILL, { origin: 'https://evil.example' });
    await served.post('/billing/', BILL, { origin: 'Asha Verma' });
    const origins = (await kept(2)).map(({ origin }) => origin);
    expect(origins).toEqual(['https://evil.example', '••••']);
  });

  it('for a host that is not ours is kept, though no route has seen it', async () => {
    const socket = connect(served.server.port, '127.0.0.1');
    socket.write(
      'POST /billing/ HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}',
    );
    const answer = await answerTo(socket);
    expect(answer).toContain('421');
    expect(answer).toContain(`labrelay-log-id: ${theCall().logId}`);
    expect(theCall()).toMatchObject({ errorMessage: expect.stringContaining('FOREIGN_HOST') });
  });

  it('by a fault of ours is kept as our failure, without a word of it', async () => {
    served.engine.fault = new Error('SQLITE_CORRUPT in row of Asha Verma');
    expect((await served.post('/billing/', BILL)).status).toBe(500);
    expect(theCall()).toMatchObject({
      status: 'FAIL',
      errorKind: 'CALL_FAILED',
      errorMessage: 'INTERNAL: Something went wrong in LabRelay.',
    });
    expect(theCall().responseBody).not.toContain('Asha');
  });
});

describe('a body that is too large', () => {
  it('leaves its beginning where its length was told', async () => {
    const body = `{"padding":"${'é'.repeat(6 * 1024 * 1024)}"}`;
    const response = await served.post('/billing/', body);
    expect(response.status).toBe(413);
    const call = theCall();
    expect(call).toMatchObject({ errorMessage: expect.stringContaining('BODY_TOO_LARGE') });
    expect(call.requestBodyCut).toBe(true);
    // Never more than is kept, and no half of a letter at its end.
    expect(Buffer.byteLength(call.requestBody ?? '')).toBe(KEPT);
    expect(body.startsWith(call.requestBody ?? '-')).toBe(true);
  });

  it('leaves its beginning where its length was not told', async () => {
    const socket = await head('connection: close\r\ntransfer-encoding: chunked');
    const part = 'x'.repeat(1024 * 1024);
    const chunk = `${part.length.toString(16)}\r\n${part}\r\n`;
    for (let sent = 0; sent < 11; sent++) socket.write(chunk);
    const [call] = await kept();
    expect(call).toMatchObject({
      errorMessage: expect.stringContaining('BODY_TOO_LARGE'),
      requestBody: 'x'.repeat(KEPT),
      requestBodyCut: true,
    });
    socket.destroy();
  });

  it('is refused at once where it is announced and does not come', async () => {
    const socket = await head(`connection: close\r\ncontent-length: ${20 * 1024 * 1024}`);
    expect(await answerTo(socket)).toContain('413');
    expect(theCall()).toMatchObject({ requestBody: null, requestBodyCut: true });
  });

  it('keeps only its beginning where it is taken', async () => {
    const body = { ...BILL, bill: { ...BILL.bill, note: 'x'.repeat(300 * 1024) } };
    expect((await served.post('/billing/', body)).status).toBe(201);
    const call = theCall();
    expect(call.requestBody).toBe(JSON.stringify(body).slice(0, KEPT));
    expect(call.requestBodyCut).toBe(true);
  });
});

describe('a caller that goes away', () => {
  const part = '{"lab_id":7,"bill":{"patient":{"name":"Zo\u00eb';

  it('in the middle of its body leaves what had come', async () => {
    const socket = await head('content-length: 1000');
    // The last letter has two bytes, of which one comes.
    socket.write(Buffer.from(part).subarray(0, -1));
    await vi.waitFor(() => expect(socket.bytesWritten).toBeGreaterThan(part.length));
    socket.end();
    const [call] = await kept();
    expect(call).toMatchObject({
      status: 'FAIL',
      errorKind: 'CALLER_GONE',
      requestBody: part.slice(0, -1),
      requestBodyCut: true,
      responseStatusCode: null,
      responseHeaders: null,
      responseBody: null,
      responseTime: null,
      tokenOwner: 'key 1',
    });
  });

  it('without a word leaves a log too, however it goes', async () => {
    const resets = await head('content-length: 1000');
    resets.write(part);
    await vi.waitFor(() => expect(resets.bytesWritten).toBeGreaterThan(part.length));
    resets.resetAndDestroy();
    const [call] = await kept();
    expect(call).toMatchObject({ errorKind: 'CALLER_GONE', requestBodyCut: true });
  });

  it('leaves what had come where its chunks break', async () => {
    const socket = await head('transfer-encoding: chunked');
    socket.write('5\r\n{"a":\r\nnonsense\r\n');
    expect(await answerTo(socket)).toContain('400');
    const [call] = await kept();
    expect(call).toMatchObject({ errorKind: 'CALLER_GONE', requestBody: '{"a":' });
  });

  it('while its call is handled leaves one log, and no answer that nobody got', async () => {
    let open = () => {};
    served.engine.gate = new Promise((resolve) => {
      open = resolve;
    });
    served.engine.fault = new LabRelayError('CONTENDED', 'later');
    const body = JSON.stringify(BILL);
    const socket = await head(`content-length: ${body.length}`);
    socket.write(body);
    await vi.waitFor(() => expect(served.engine.entered).toBe(1));
    const closed = once(socket, 'close');
    socket.destroy();
    await closed;
    // The server learns of it a little later; a request of another connection comes after that.
    await fetch(`${served.url}/health`);
    open();
    const [call] = await kept();
    expect(call).toMatchObject({ errorKind: 'CALLER_GONE', requestBody: body, responseBody: null });
  });

  it('while what it asked for is done leaves the log of what was done', async () => {
    let open = () => {};
    served.engine.gate = new Promise((resolve) => {
      open = resolve;
    });
    const body = JSON.stringify(BILL);
    const socket = await head(`content-length: ${body.length}`);
    socket.write(body);
    await vi.waitFor(() => expect(served.engine.entered).toBe(1));
    socket.destroy();
    await once(socket, 'close');
    open();
    const [call] = await kept();
    expect(call).toMatchObject({ status: 'SUCCESS', errorKind: null, responseStatusCode: 201 });
  });
});

describe('a flood', () => {
  it('of calls without a valid key makes sixty logs a minute, and is counted', async () => {
    const wrong = { authorization: 'Bearer wrong' };
    const answers = [];
    for (let sent = 0; sent < 65; sent++) answers.push(await served.post('/billing/', BILL, wrong));
    expect(answers.every(({ status }) => status === 401)).toBe(true);
    await kept(60);
    expect(served.engine.inbound.unkept).toEqual({ flood: 5, store: 0 });
    // Nobody is told an id under which nothing is found.
    expect(answers.at(-1)?.headers.get('labrelay-log-id')).toBeNull();
    // Those who have a key are kept all the same.
    expect((await served.post('/billing/', BILL)).headers.get('labrelay-log-id')).not.toBeNull();
  });

  it('of calls over a key’s limit, or to routes that it may not call, likewise', async () => {
    served.engine.settings.eventRateLimit = 1;
    for (let sent = 0; sent < 63; sent++) await served.post('/billing/', BILL);
    expect(served.engine.calledIn.at(-1)).toMatchObject({
      errorMessage: 'RATE_LIMITED: Too many requests.',
      tokenOwner: 'key 1',
    });
    await kept(61);
    const key = { authorization: `Bearer ${TOKENS.viewer}` };
    for (let sent = 0; sent < 62; sent++) await served.post('/billing/', BILL, key);
    await kept(121);
    expect(served.engine.inbound.unkept).toEqual({ flood: 4, store: 0 });
  });
});

describe('a call whose log cannot be kept', () => {
  it('is answered all the same, without an id, and counted', async () => {
    served.engine.callFault = new LabRelayError('STORE_UNAVAILABLE', 'The disk is full.');
    const response = await served.post('/billing/', BILL);
    expect(response.status).toBe(201);
    expect(response.headers.get('labrelay-log-id')).toBeNull();
    expect(served.engine.inbound.unkept).toEqual({ flood: 0, store: 1 });
  });
});

describe('what is no call of a third party', () => {
  it.each([
    ['/integration_callback/', { log_id: 'x', stage: 'MIRTH' }, { 'x-internal-token': OWN_TOKEN }],
    ['/api/v1/search-logs', {}, { authorization: `Bearer ${TOKENS.admin}` }],
    ['/no/such/route', {}, {}],
  ])('is not captured: %s', async (path, body, headers) => {
    const response = await served.post(path, body, headers);
    expect(response.headers.get('labrelay-log-id')).toBeNull();
    await fetch(`${served.url}/health`);
    expect(served.engine.calledIn).toEqual([]);
  });
});
