import { createServer as createHttpsServer } from 'node:https';
import { createServer as createTcpServer, type Socket } from 'node:net';
import {
  createServer as createTlsServer,
  getCACertificates,
  setDefaultCACertificates,
} from 'node:tls';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { HttpTransport } from '../../../src/main/engine/dispatch/http-transport.ts';
import type { TransportLimits } from '../../../src/main/engine/dispatch/transport.ts';
import { certaintyOf } from '../../../src/shared/model/certainty.ts';
import { type Authority, authority, hasOpenssl } from './certificates.ts';
import { listen, partner, rawPartner } from './peers.ts';

describe.skipIf(!hasOpenssl)('over TLS', () => {
  let local: Authority;
  let foreign: Authority;
  let transport: HttpTransport;
  beforeAll(() => {
    local = authority('DNS:localhost,IP:127.0.0.1');
    foreign = authority('DNS:partner.example');
  });
  beforeEach(() => {
    transport = new HttpTransport(Date.now, () => {});
  });
  afterEach(() => transport.close());

  async function https({ cert, key }: Authority) {
    const names: (string | false | undefined)[] = [];
    const server = createHttpsServer({ cert, key }, (request, response) => {
      names.push((request.socket as { servername?: string | false }).servername);
      response.end('sealed');
    });
    const { port } = await listen(server);
    return { port, names };
  }

  async function send(url: string, tls: TransportLimits['tls']) {
    const outcome = await transport.send(
      { method: 'POST', url, headers: {}, body: '{}' },
      { connectTimeoutMs: 2_000, timeoutMs: 5_000, tls },
    );
    return { ...outcome, certainty: certaintyOf(outcome) };
  }

  test('a partner whose certificate comes from the rule’s own CA is trusted, by name and by address', async () => {
    const { port } = await https(local);
    for (const host of ['localhost', '127.0.0.1']) {
      expect(
        await send(`https://${host}:${port}/`, { ca: local.ca, serverName: null }),
      ).toMatchObject({ errorKind: null, responseStatusCode: 200, responseBody: 'sealed' });
    }
  });

  test('one from an unknown CA is not, and nothing was sent', async () => {
    const { port, names } = await https(local);
    for (const tls of [null, { ca: foreign.ca, serverName: null }]) {
      const outcome = await send(`https://localhost:${port}/`, tls);
      expect(outcome).toMatchObject({ errorKind: 'TLS', certainty: 'NOT_SENT' });
      expect(outcome.errorMessage).toMatch(/certificate/);
    }
    expect(names).toEqual([]);
  });

  test('one for another name is not, unless the rule names it', async () => {
    const { port, names } = await https(foreign);
    const url = `https://127.0.0.1:${port}/`;
    const outcome = await send(url, { ca: foreign.ca, serverName: null });
    expect(outcome).toMatchObject({ errorKind: 'TLS', certainty: 'NOT_SENT' });
    expect(outcome.errorMessage).toContain('ERR_TLS_CERT_ALTNAME_INVALID');
    expect(await send(url, { ca: foreign.ca, serverName: 'partner.example' })).toMatchObject({
      responseStatusCode: 200,
    });
    expect(names).toEqual(['partner.example']);
  });

  test('two rules with different CAs never share a connection', async () => {
    const { port } = await https(local);
    const url = `https://localhost:${port}/`;
    expect(await send(url, { ca: local.ca, serverName: null })).toMatchObject({
      responseStatusCode: 200,
    });
    expect(await send(url, { ca: foreign.ca, serverName: null })).toMatchObject({
      errorKind: 'TLS',
    });
  });

  test('a rule’s own CA comes beside those that are trusted anyway', async () => {
    const { port } = await https(local);
    const trusted = getCACertificates('default');
    setDefaultCACertificates([...trusted, local.ca]);
    try {
      expect(
        await send(`https://localhost:${port}/`, { ca: foreign.ca, serverName: null }),
      ).toMatchObject({ responseStatusCode: 200 });
    } finally {
      setDefaultCACertificates(trusted);
    }
  });

  test('a call that was given up while it connected is not sent once the connection is there', async () => {
    const received: unknown[] = [];
    const inner = createHttpsServer({ cert: local.cert, key: local.key }, (request, response) => {
      received.push(request.url);
      response.end();
    });
    // The first connection's handshake begins only when it is told to.
    const held: Socket[] = [];
    const handOver = (socket: Socket) => {
      inner.emit('connection', socket);
      socket.resume();
    };
    const outer = createTcpServer({ pauseOnConnect: true }, (socket) => {
      if (held.push(socket) > 1) handOver(socket);
    });
    const { port } = await listen(outer);
    const call = (path: string, timeoutMs: number) =>
      transport.send(
        { method: 'POST', url: `https://localhost:${port}${path}`, headers: {}, body: '{}' },
        { connectTimeoutMs: 5_000, timeoutMs, tls: { ca: local.ca, serverName: null } },
      );
    expect(await call('/first', 100)).toMatchObject({ errorKind: 'TIMEOUT_BEFORE_SEND' });
    const [first] = held;
    if (!first) throw new Error('it did not connect');
    const closed = new Promise((resolve) => first.once('close', resolve));
    handOver(first);
    await closed;
    expect(await call('/second', 5_000)).toMatchObject({ responseStatusCode: 200 });
    expect(received).toEqual(['/second']);
  });

  test('several CAs may be given, with text around them', async () => {
    const { port } = await https(local);
    const ca = `our partners:\n${foreign.ca}\nand\n${local.ca}`;
    expect(await send(`https://localhost:${port}/`, { ca, serverName: null })).toMatchObject({
      responseStatusCode: 200,
    });
  });

  test.each([
    ['no certificate', 'our CA'],
    ['a broken one', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----'],
  ])('a CA that is %s is CONFIGURATION', async (_, ca) => {
    const { port } = await https(local);
    const outcome = await send(`https://localhost:${port}/`, { ca, serverName: null });
    expect(outcome).toMatchObject({ errorKind: 'CONFIGURATION', certainty: 'NOT_SENT' });
    expect(outcome.errorMessage).toMatch(/PEM/);
  });

  test('a partner that speaks no TLS is TLS', async () => {
    const peer = await partner();
    expect(await send(`https://127.0.0.1:${peer.port}/`, null)).toMatchObject({
      errorKind: 'TLS',
      certainty: 'NOT_SENT',
    });
    expect(peer.received).toEqual([]);
  });

  test('a partner of another TLS version is TLS', async () => {
    const server = createTlsServer({ ...local, maxVersion: 'TLSv1.1', minVersion: 'TLSv1' });
    const { port } = await listen(server);
    expect(
      await send(`https://localhost:${port}/`, { ca: local.ca, serverName: null }),
    ).toMatchObject({ errorKind: 'TLS', certainty: 'NOT_SENT' });
  });

  test('a partner that hangs up in the handshake was sent nothing', async () => {
    const raw = await rawPartner((socket) => socket.once('data', () => socket.end()));
    expect(await send(`https://127.0.0.1:${raw.port}/`, null)).toMatchObject({
      certainty: 'NOT_SENT',
    });
  });
});
