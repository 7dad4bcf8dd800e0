import { createServer as createHttpsServer } from 'node:https';
import type { TLSSocket } from 'node:tls';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { CredentialSource } from '../../../src/main/engine/dispatch/credentials.ts';
import { HttpTransport } from '../../../src/main/engine/dispatch/http-transport.ts';
import type { ClientCertificate } from '../../../src/main/engine/dispatch/transport.ts';
import { certaintyOf } from '../../../src/shared/model/certainty.ts';
import {
  type Authority,
  authority,
  type ClientIdentity,
  clientIdentity,
  hasOpenssl,
  PASSPHRASE,
} from './certificates.ts';
import { authenticationOf, MemoryLookup } from './lookup.ts';
import { listen } from './peers.ts';
import { opensslServer } from './openssl-server.ts';

describe.skipIf(!hasOpenssl)('a partner that demands a client certificate', () => {
  let server: Authority;
  let known: ClientIdentity;
  let stranger: ClientIdentity;
  let transport: HttpTransport;
  beforeAll(() => {
    server = authority('DNS:localhost,IP:127.0.0.1');
    known = clientIdentity('lab-north');
    stranger = clientIdentity('stranger');
  });
  beforeEach(() => {
    transport = new HttpTransport(Date.now, () => {});
  });
  afterEach(() => transport.close());

  /** @returns its port, and who has called: the name in the certificate */
  async function demanding(maxVersion: 'TLSv1.2' | 'TLSv1.3' = 'TLSv1.3') {
    const callers: string[] = [];
    const { cert, key } = server;
    const peer = createHttpsServer(
      { cert, key, ca: known.ca, requestCert: true, rejectUnauthorized: true, maxVersion },
      (request, response) => {
        callers.push(String((request.socket as TLSSocket).getPeerCertificate().subject.CN));
        response.end('known');
      },
    );
    return { ...(await listen(peer)), callers };
  }

  /** What an authentication of kind mtls with this key yields. */
  async function certificateOf(
    { certificate }: ClientIdentity,
    secrets: Record<string, string>,
    version = 1,
  ): Promise<ClientCertificate> {
    const configuration = new MemoryLookup();
    configuration.secrets = secrets;
    const source = new CredentialSource({ configuration, transport, clock: Date.now });
    const row = authenticationOf({ kind: 'mtls', publicKeys: { certificate }, version });
    const { clientCertificate } = await source.of(row);
    if (!clientCertificate) throw new Error('no certificate');
    return clientCertificate;
  }

  async function send(
    port: number,
    clientCertificate?: ClientCertificate,
    method: 'GET' | 'POST' = 'POST',
  ) {
    const body = method === 'GET' ? null : '{}';
    const outcome = await transport.send(
      { method, url: `https://localhost:${port}/`, headers: {}, body },
      {
        connectTimeoutMs: 2_000,
        timeoutMs: 5_000,
        tls: { ca: server.ca, serverName: null },
        ...(clientCertificate ? { clientCertificate } : {}),
      },
    );
    return { ...outcome, certainty: certaintyOf(outcome) };
  }

  test.each(['TLSv1.2', 'TLSv1.3'] as const)('knows us by ours, over %s', async (version) => {
    const { port, callers } = await demanding(version);
    const ours = await certificateOf(known, { private_key: known.privateKey });
    expect(await send(port, ours)).toMatchObject({
      responseStatusCode: 200,
      responseBody: 'known',
    });
    expect(callers).toEqual(['lab-north']);
  });

  test('knows us by one whose key is sealed with a passphrase', async () => {
    const { port, callers } = await demanding();
    const secrets = { private_key: known.encryptedKey, passphrase: PASSPHRASE };
    const ours = await certificateOf(known, secrets);
    expect(await send(port, ours)).toMatchObject({ responseStatusCode: 200 });
    expect(callers).toEqual(['lab-north']);
  });

  test.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'refuses by an alert, over %s, a caller with none or another’s: nothing was sent',
    async (version) => {
      const port = await opensslServer(server, known.ca, version);
      const ours = await certificateOf(known, { private_key: known.privateKey });
      expect(await send(port, ours, 'GET')).toMatchObject({ responseStatusCode: 200 });
      const other = await certificateOf(stranger, { private_key: stranger.privateKey });
      for (const shown of [undefined, other]) {
        for (let call = 0; call < 5; call++) {
          const outcome = await send(port, shown, 'GET');
          expect(outcome).toMatchObject({ errorKind: 'TLS', certainty: 'NOT_SENT' });
          expect(outcome.errorMessage).toMatch(/client certificate/);
        }
      }
    },
  );

  test('and hangs up without a word leaves it open whether it has read anything, once bytes left', async () => {
    const { port, callers } = await demanding();
    for (let call = 0; call < 10; call++) {
      const { errorKind, certainty } = await send(port);
      expect([
        ['TLS', 'NOT_SENT'],
        ['CONNECT', 'NOT_SENT'],
        ['CONNECTION_LOST', 'UNKNOWN'],
      ]).toContainEqual([errorKind, certainty]);
    }
    expect(callers).toEqual([]);
  });

  test('a connection that one certificate opened is never used for another', async () => {
    const { port, callers } = await demanding();
    const ours = await certificateOf(known, { private_key: known.privateKey });
    const other = await certificateOf(stranger, { private_key: stranger.privateKey });
    expect(await send(port, ours)).toMatchObject({ responseStatusCode: 200 });
    expect(await send(port, other)).toMatchObject({ responseStatusCode: null });
    expect(await send(port)).toMatchObject({ responseStatusCode: null });
    expect(callers).toEqual(['lab-north']);
  });

  test('a certificate that does not fit its key is CONFIGURATION, and the key is told nowhere', async () => {
    const { port } = await demanding();
    const wrong = await certificateOf(known, { private_key: stranger.privateKey });
    const outcome = await send(port, wrong);
    expect(outcome).toMatchObject({ errorKind: 'CONFIGURATION', certainty: 'NOT_SENT' });
    expect(outcome.errorMessage).toMatch(/Enter both again/);
    expect(wrong.id).not.toContain('PRIVATE');
  });
});
