import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  HttpTransport,
  KEPT_RESPONSE_BYTES,
} from '../../../src/main/engine/dispatch/http-transport.ts';
import type {
  PartnerRequest,
  TransportLimits,
} from '../../../src/main/engine/dispatch/transport.ts';
import { certaintyOf } from '../../../src/shared/model/certainty.ts';
import { HTTP_METHODS } from '../../../src/shared/model/vocabulary.ts';
import { answering, partner, rawPartner } from './peers.ts';

const LIMITS: TransportLimits = { connectTimeoutMs: 1_000, timeoutMs: 5_000, tls: null };

let transport: HttpTransport;
beforeEach(() => {
  transport = new HttpTransport(Date.now, () => {});
});
afterEach(() => transport.close());

function send(
  url: string,
  more: Partial<PartnerRequest> = {},
  limits: Partial<TransportLimits> = {},
) {
  const request: PartnerRequest = {
    method: 'POST',
    url,
    headers: { 'content-type': 'application/json' },
    body: '{"a":1}',
    ...more,
  };
  return transport.send(request, { ...LIMITS, ...limits });
}

describe('a request', () => {
  test.each(HTTP_METHODS)('%s goes out with its headers and body as given', async (method) => {
    const peer = await partner();
    const body = method === 'GET' ? null : '{"name":"Zoë"}';
    const headers = { 'content-type': 'application/json', 'x-lab': '7', authorization: 'Bearer t' };
    const outcome = await send(`${peer.origin}/a/b?c=d%20e`, { method, headers, body });
    expect(outcome).toMatchObject({
      errorKind: null,
      errorMessage: null,
      responseStatusCode: 200,
      responseBody: 'ok',
      responseBodyCut: false,
    });
    expect(peer.received).toMatchObject([
      { method, url: '/a/b?c=d%20e', headers, body: body ?? '' },
    ]);
  });

  test('carries nothing that it was not given, but what HTTP needs', async () => {
    const peer = await partner();
    await send(peer.origin, { headers: {} });
    expect(Object.keys(peer.received[0]?.headers ?? {}).toSorted()).toEqual([
      'connection',
      'content-length',
      'host',
    ]);
  });

  test('to one partner goes over a connection that is kept open', async () => {
    const peer = await partner();
    for (let count = 0; count < 20; count++) await send(`${peer.origin}/${count}`);
    expect(peer.received).toHaveLength(20);
    // A call made at once after an answer may find the connection still finishing, and open a second.
    expect(peer.connections()).toBeLessThanOrEqual(2);
  });

  test('goes over a new connection where the partner has closed the idle one', async () => {
    const peer = await partner((response) => void response.end('ok'));
    await send(peer.origin);
    const [idle] = peer.sockets;
    idle?.end();
    await vi.waitFor(() => expect(peer.sockets.size).toBe(0));
    expect(await send(peer.origin)).toMatchObject({ responseStatusCode: 200, errorKind: null });
    expect(peer.connections()).toBe(2);
  });

  test('is sent once, even where the partner drops the idle connection as it goes out', async () => {
    let asked = 0;
    const raw = await rawPartner((socket) => {
      socket.on('data', () => {
        if (asked++ === 0) socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
        else socket.resetAndDestroy();
      });
    });
    expect(await send(raw.origin)).toMatchObject({ responseStatusCode: 200 });
    const outcome = await send(raw.origin, { method: 'PUT', body: 'second' });
    expect(outcome).toMatchObject({ errorKind: 'CONNECTION_LOST', responseStatusCode: null });
    // A PUT could be repeated by HTTP's rules; whether it may is the retry policy's to say.
    expect(raw.received().split('second')).toHaveLength(2);
  });
});

describe('an answer', () => {
  test.each([301, 302, 303, 307, 308])(
    '%i is not followed: the other address stays untouched',
    async (code) => {
      const other = await partner();
      const peer = await partner((response) => {
        response.writeHead(code, { location: `${other.origin}/elsewhere` }).end();
      });
      const outcome = await send(peer.origin);
      expect(outcome).toMatchObject({ errorKind: null, responseStatusCode: code });
      expect(outcome.responseHeaders).toMatchObject({ location: `${other.origin}/elsewhere` });
      expect(certaintyOf(outcome)).toBe('REFUSED');
      expect(other.connections()).toBe(0);
    },
  );

  test.each([200, 201, 204, 209, 299, 400, 404, 410, 422, 429, 500, 503, 599, 600, 999])(
    '%i comes back as it is',
    async (code) => {
      const raw = await rawPartner(answering(`HTTP/1.1 ${code} Some\r\ncontent-length: 0\r\n\r\n`));
      expect(await send(raw.origin)).toMatchObject({
        errorKind: null,
        responseStatusCode: code,
        responseBody: '',
      });
    },
  );

  test('before the final one is passed over', async () => {
    const raw = await rawPartner(
      answering(
        'HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n' +
          'HTTP/1.1 201 Created\r\ncontent-length: 4\r\n\r\ndone',
      ),
    );
    expect(await send(raw.origin)).toMatchObject({
      responseStatusCode: 201,
      responseBody: 'done',
      responseHeaders: { 'content-length': '4' },
    });
  });

  test('keeps its headers, in lower case, but none of its secrets', async () => {
    const peer = await partner((response) => {
      response.setHeader('X-Request-Id', 'r-1');
      response.setHeader('Vary', ['a', 'b']);
      response.setHeader('Set-Cookie', ['sid=s3cret; Path=/', 'b=s3cret']);
      response.setHeader('X-Auth-Token', 's3cret');
      response.end('ok');
    });
    const { responseHeaders } = await send(peer.origin);
    expect(responseHeaders).toMatchObject({
      'x-request-id': 'r-1',
      vary: 'a, b',
      'set-cookie': '••••',
      'x-auth-token': '••••',
    });
    expect(JSON.stringify(responseHeaders)).not.toContain('s3cret');
  });

  test('of 256 KiB is kept whole; of more, its beginning, and that is told', async () => {
    const bodies = [KEPT_RESPONSE_BYTES, KEPT_RESPONSE_BYTES + 1, 3 * KEPT_RESPONSE_BYTES];
    const peer = await partner(
      (response, { url }) => void response.end('x'.repeat(Number(url?.slice(1)))),
    );
    for (const length of bodies) {
      const outcome = await send(`${peer.origin}/${length}`);
      expect(outcome.responseBody).toHaveLength(KEPT_RESPONSE_BYTES);
      expect(outcome.responseBodyCut).toBe(length > KEPT_RESPONSE_BYTES);
      expect(outcome).toMatchObject({ errorKind: null, responseStatusCode: 200 });
    }
    // What is not kept was read all the same: the connection still serves.
    expect(peer.connections()).toBeLessThanOrEqual(2);
  });

  test.each([
    ['text/plain; charset=iso-8859-1', 'latin1', 'Grün à Zoë'],
    ['text/plain; charset="ISO-8859-1"', 'latin1', 'Grün à Zoë'],
    ['text/plain; charset=utf-16le', 'utf16le', 'हिन्दी'],
    ['text/plain; charset=utf-8', 'utf8', 'Grün हिन्दी'],
    ['application/json', 'utf8', 'Grün हिन्दी'],
    ['text/plain; charset=nobody-knows-it', 'utf8', 'Grün'],
  ] as const)('in %s is read as such', async (type, encoding, words) => {
    const peer = await partner((response) => {
      response.writeHead(200, { 'content-type': type }).end(Buffer.from(words, encoding));
    });
    expect((await send(peer.origin)).responseBody).toBe(words);
  });

  test('says how long it took', async () => {
    const peer = await partner((response) => void setTimeout(() => response.end('ok'), 60));
    const { responseTime } = await send(peer.origin);
    expect(responseTime).toBeGreaterThanOrEqual(50);
    expect(responseTime).toBeLessThan(5_000);
    expect(Number.isInteger(responseTime)).toBe(true);
  });

  test('takes no less than no time, where the clock is set back meanwhile', async () => {
    const peer = await partner();
    let now = 5_000;
    const backwards = new HttpTransport(
      () => (now -= 1_000.5),
      () => {},
    );
    const request = { method: 'GET', url: peer.origin, headers: {}, body: null } as const;
    expect((await backwards.send(request, LIMITS)).responseTime).toBe(0);
    await backwards.close();
  });
});
