import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { HttpTransport } from '../../../src/main/engine/dispatch/http-transport.ts';
import type {
  PartnerRequest,
  TransportLimits,
} from '../../../src/main/engine/dispatch/transport.ts';
import { certaintyOf } from '../../../src/shared/model/certainty.ts';
import { answering, closedPort, partner, rawPartner } from './peers.ts';

const LIMITS: TransportLimits = { connectTimeoutMs: 1_000, timeoutMs: 5_000, tls: null };

let transport: HttpTransport;
beforeEach(() => {
  transport = new HttpTransport(Date.now, () => {});
});
afterEach(() => transport.close());

/** Sends, and judges the outcome as the dispatcher does. */
async function send(
  url: string,
  limits: Partial<TransportLimits> = {},
  more: Partial<PartnerRequest> = {},
) {
  const outcome = await transport.send(
    { method: 'POST', url, headers: {}, body: '{"name":"Asha Verma"}', ...more },
    { ...LIMITS, ...limits },
  );
  // Messages are for operators: none quotes the payload.
  expect(outcome.errorMessage ?? '').not.toContain('Asha');
  return { ...outcome, certainty: certaintyOf(outcome) };
}

describe('before bytes have left, nothing was sent', () => {
  test('a name that does not resolve is DNS', async () => {
    const outcome = await send('http://partner.invalid/hook');
    expect(outcome).toMatchObject({
      errorKind: 'DNS',
      certainty: 'NOT_SENT',
      responseStatusCode: null,
    });
    expect(outcome.errorMessage).toContain('partner.invalid');
  });

  test('a port where nobody listens is CONNECT', async () => {
    const port = await closedPort();
    const outcome = await send(`http://127.0.0.1:${port}/`);
    expect(outcome).toMatchObject({ errorKind: 'CONNECT', certainty: 'NOT_SENT' });
    expect(outcome.errorMessage).toContain(`127.0.0.1:${port} (ECONNREFUSED)`);
    // Of a name with several addresses, the last refusal counts.
    expect(await send(`http://localhost:${port}/`)).toMatchObject({ errorKind: 'CONNECT' });
  });

  test('a connection that does not come about in time is CONNECT_TIMEOUT', async () => {
    // Takes the TCP connection and then says nothing: the handshake never ends.
    const raw = await rawPartner(() => {});
    const outcome = await send(`https://127.0.0.1:${raw.port}/`, { connectTimeoutMs: 200 });
    expect(outcome).toMatchObject({ errorKind: 'CONNECT_TIMEOUT', certainty: 'NOT_SENT' });
  });

  test('a call whose time runs out while it still connects is TIMEOUT_BEFORE_SEND, and never leaves', async () => {
    let plain = '';
    const raw = await rawPartner((socket) => socket.on('data', (data) => (plain += data.length)));
    const outcome = await send(`https://127.0.0.1:${raw.port}/`, {
      timeoutMs: 100,
      connectTimeoutMs: 400,
    });
    expect(outcome).toMatchObject({ errorKind: 'TIMEOUT_BEFORE_SEND', certainty: 'NOT_SENT' });
    expect(plain).not.toBe('');
    await transport.close();
  });

  test.each([
    ['no URL', 'partner'],
    ['no http', 'ftp://127.0.0.1/'],
  ])('an end point that is %s is CONFIGURATION', async (_, url) => {
    expect(await send(url)).toMatchObject({ errorKind: 'CONFIGURATION', certainty: 'NOT_SENT' });
  });

  test('a header that cannot be sent is CONFIGURATION, and its value is told nowhere', async () => {
    const peer = await partner();
    const outcome = await send(peer.origin, {}, { headers: { 'x-key': 's3cret\r\nx-more: 1' } });
    expect(outcome).toMatchObject({ errorKind: 'CONFIGURATION', certainty: 'NOT_SENT' });
    expect(outcome.errorMessage).not.toContain('s3cret');
    expect(peer.received).toEqual([]);
  });
});

test('a connection that is reset as soon as it is made counts as sent only if bytes were written', async () => {
  const raw = await rawPartner((socket) => socket.resetAndDestroy());
  for (let count = 0; count < 20; count++) {
    const { errorKind, certainty } = await send(raw.origin);
    expect([
      ['CONNECT', 'NOT_SENT'],
      ['CONNECTION_LOST', 'UNKNOWN'],
    ]).toContainEqual([errorKind, certainty]);
  }
});

describe('after bytes have left, the partner may have the message', () => {
  test('no answer in time is TIMEOUT', async () => {
    const peer = await partner(() => {});
    const outcome = await send(peer.origin, { timeoutMs: 150 });
    expect(outcome).toMatchObject({
      errorKind: 'TIMEOUT',
      certainty: 'UNKNOWN',
      responseStatusCode: null,
      responseBody: null,
    });
    expect(peer.received).toHaveLength(1);
    // The connection is given up: a late answer must not be taken for the next call's.
    await vi.waitFor(() => expect(peer.sockets.size).toBe(0));
  });

  test('a late answer is never credited to the next call', async () => {
    let asked = 0;
    const peer = await partner((response) => {
      const answer = `answer ${++asked}`;
      setTimeout(() => response.end(answer), asked === 1 ? 250 : 0);
    });
    expect(await send(peer.origin, { timeoutMs: 100 })).toMatchObject({ errorKind: 'TIMEOUT' });
    expect(await send(peer.origin)).toMatchObject({ responseBody: 'answer 2' });
  });

  test('an answer that drips is cut off when the call’s time is up', async () => {
    let drip: NodeJS.Timeout | undefined;
    const peer = await partner((response) => {
      response.writeHead(200);
      drip = setInterval(() => response.write('.'), 20);
    });
    const outcome = await send(peer.origin, { timeoutMs: 250 });
    clearInterval(drip);
    expect(outcome).toMatchObject({
      errorKind: 'TIMEOUT',
      responseStatusCode: 200,
      certainty: 'UNKNOWN',
    });
    expect(outcome.responseBody).toMatch(/^\.+$/);
    expect(outcome.responseTime).toBeLessThan(2_000);
  });

  test.each([
    ['reset', (socket: { resetAndDestroy(): void }) => socket.resetAndDestroy()],
    ['closed', (socket: { end(): void }) => socket.end()],
  ] as const)('a connection %s after the request is CONNECTION_LOST', async (_, end) => {
    const raw = await rawPartner((socket) => socket.once('data', () => end(socket)));
    const outcome = await send(raw.origin);
    expect(outcome).toMatchObject({
      errorKind: 'CONNECTION_LOST',
      certainty: 'UNKNOWN',
      responseStatusCode: null,
    });
    expect(raw.received()).toContain('Asha Verma');
  });

  test.each([
    ['with a length', 'content-length: 100\r\n\r\nhalf of it'],
    ['in chunks', 'transfer-encoding: chunked\r\n\r\na\r\nhalf of it\r\n'],
    ['inside a chunk', 'transfer-encoding: chunked\r\n\r\nff\r\nhalf of it'],
    [
      'on a connection of its own',
      'connection: close\r\ntransfer-encoding: chunked\r\n\r\na\r\nhalf of it\r\n',
    ],
    ['that says how long it is', 'connection: close\r\ncontent-length: 99\r\n\r\nhalf of it'],
  ])('an answer %s that is cut off is CONNECTION_LOST, with what came of it', async (_, rest) => {
    const raw = await rawPartner(answering(`HTTP/1.1 200 OK\r\n${rest}`));
    expect(await send(raw.origin)).toMatchObject({
      errorKind: 'CONNECTION_LOST',
      certainty: 'UNKNOWN',
      responseStatusCode: 200,
      responseBody: 'half of it',
    });
  });

  test('an answer that is announced and never comes is CONNECTION_LOST, without a status', async () => {
    const raw = await rawPartner(answering('HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n'));
    expect(await send(raw.origin)).toMatchObject({
      errorKind: 'CONNECTION_LOST',
      responseStatusCode: null,
      responseHeaders: null,
    });
  });

  test.each([
    ['no HTTP at all', 'MSH|^~\\&|MIRTH\r'],
    ['a status line without a code', 'HTTP/1.1 OK\r\n\r\n'],
    ['a broken header', 'HTTP/1.1 200 OK\r\nbroken\r\n\r\n'],
    ['two lengths', 'HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab'],
    ['a status code below 100', 'HTTP/1.1 000 None\r\n\r\n'],
    ['headers beyond 16 KiB', `HTTP/1.1 200 OK\r\nx-a: ${'a'.repeat(20_000)}\r\n\r\n`],
  ])('%s is BAD_RESPONSE', async (_, bytes) => {
    const raw = await rawPartner(answering(bytes, () => {}));
    expect(await send(raw.origin)).toMatchObject({
      errorKind: 'BAD_RESPONSE',
      certainty: 'UNKNOWN',
    });
  });

  test('a partner that answers 413 while it is still being sent to is heard', async () => {
    const raw = await rawPartner((socket) => {
      socket.once('data', () => {
        socket.pause();
        socket.write('HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n');
      });
    });
    const outcome = await send(raw.origin, {}, { body: 'x'.repeat(20_000_000) });
    expect(outcome).toMatchObject({ responseStatusCode: 413 });
  });
});

describe('stopping', () => {
  test('lets calls under way finish, and may be asked for twice', async () => {
    const peer = await partner((response) => void setTimeout(() => response.end('late'), 100));
    const sent = send(peer.origin);
    await vi.waitFor(() => expect(peer.received).toHaveLength(1));
    await Promise.all([transport.close(), transport.close()]);
    expect(await sent).toMatchObject({ responseStatusCode: 200, responseBody: 'late' });
  });
});
