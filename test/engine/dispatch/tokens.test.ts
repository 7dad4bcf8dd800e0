import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { CredentialSource } from '../../../src/main/engine/dispatch/credentials.ts';
import { HttpTransport } from '../../../src/main/engine/dispatch/http-transport.ts';
import { NotSendable } from '../../../src/main/engine/dispatch/not-sendable.ts';
import type { DeveloperAuthentication } from '../../../src/shared/model/configuration.ts';
import { authenticationOf, MemoryLookup } from './lookup.ts';
import { type OauthServer, oauthServer } from './oauth-server.ts';
import { closedPort, partner } from './peers.ts';

const SECRET = 'cl1ent:s3cret &';

let now: number;
let transport: HttpTransport;
let source: CredentialSource;
beforeEach(() => {
  now = 1_000_000;
  transport = new HttpTransport(Date.now, () => {});
  const configuration = new MemoryLookup();
  configuration.secrets = { client_secret: SECRET };
  source = new CredentialSource({ configuration, transport, clock: () => now });
});
afterEach(() => transport.close());

/** An authentication for this endpoint. */
function client(
  server: Pick<OauthServer, 'url'>,
  keys: Record<string, string> = {},
): DeveloperAuthentication {
  return authenticationOf({
    kind: 'oauth2',
    publicKeys: { token_url: server.url, client_id: 'lab north', ...keys },
  });
}

/** The header that an attempt would get now. */
async function header(authentication: DeveloperAuthentication): Promise<string | undefined> {
  return (await source.of(authentication)).headers['authorization'];
}

/** Why there are no credentials now; no secret is in it. */
async function refusal(authentication: DeveloperAuthentication): Promise<string> {
  try {
    await source.of(authentication);
  } catch (error) {
    if (!(error instanceof NotSendable)) throw error;
    expect(error.kind).toBe('CREDENTIALS');
    expect(error.message).not.toMatch(/s3cret|token-\d/);
    return error.message;
  }
  throw new Error('there are credentials');
}

describe('a token', () => {
  test('is asked for as RFC 6749 says, the client named in the Authorization header', async () => {
    const server = await oauthServer();
    const authentication = client(server, { scope: 'bills reports', audience: 'https://api' });
    expect(await header(authentication)).toBe('Bearer opaque-token-1');
    const pair = Buffer.from('lab+north:cl1ent%3As3cret+%26').toString('base64');
    expect(server.requests()).toEqual([
      {
        authorization: `Basic ${pair}`,
        form: { grant_type: 'client_credentials', scope: 'bills reports', audience: 'https://api' },
      },
    ]);
    expect(server.peer.received[0]).toMatchObject({
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' },
    });
  });

  test('is asked for with the client in the body where the partner wants that', async () => {
    const server = await oauthServer();
    await header(client(server, { client_authentication: 'body' }));
    expect(server.requests()).toEqual([
      {
        authorization: undefined,
        form: {
          grant_type: 'client_credentials',
          client_id: 'lab north',
          client_secret: SECRET,
        },
      },
    ]);
  });

  test('is kept, and given at once while it lives', async () => {
    const server = await oauthServer();
    const authentication = client(server);
    await header(authentication);
    now += 40_000;
    const credentials = source.of(authentication);
    expect(credentials).not.toBeInstanceOf(Promise);
    expect(credentials).toMatchObject({ secretHeaders: ['authorization'] });
    expect(server.asked()).toBe(1);
  });

  test('of 60 seconds is renewed in its last 12, beside the work, which goes on with the old one', async () => {
    const server = await oauthServer({ expiresIn: 60 });
    const authentication = client(server);
    await header(authentication);
    now += 47_999;
    expect(await header(authentication)).toBe('Bearer opaque-token-1');
    expect(server.asked()).toBe(1);
    now += 1;
    expect(await header(authentication)).toBe('Bearer opaque-token-1');
    await vi.waitFor(async () =>
      expect(await header(authentication)).toBe('Bearer opaque-token-2'),
    );
    expect(server.asked()).toBe(2);
    // And so on, without a gap.
    for (let minute = 3; minute < 6; minute++) {
      now += 50_000;
      await vi.waitFor(async () =>
        expect(await header(authentication)).toBe(`Bearer opaque-token-${minute}`),
      );
    }
    expect(server.asked()).toBe(5);
  });

  test('that is over is waited for: none leaves with a dead one', async () => {
    const server = await oauthServer({ expiresIn: 60 });
    const authentication = client(server);
    await header(authentication);
    now += 58_000;
    expect(await header(authentication)).toBe('Bearer opaque-token-2');
  });

  test('of an hour is renewed in its last 30 seconds', async () => {
    const server = await oauthServer({ expiresIn: 3_600 });
    const authentication = client(server);
    await header(authentication);
    now += 3_569_000;
    await header(authentication);
    expect(server.asked()).toBe(1);
    now += 1_000;
    await header(authentication);
    await vi.waitFor(() => expect(server.asked()).toBe(2));
  });

  test('that lives no time at all serves those who have waited for it', async () => {
    const server = await oauthServer({ expiresIn: 0 });
    const authentication = client(server);
    expect(await header(authentication)).toBe('Bearer opaque-token-1');
    expect(await header(authentication)).toBe('Bearer opaque-token-2');
  });

  test('is asked for once, however many attempts need it', async () => {
    const server = await oauthServer({ hold: true });
    const authentication = client(server);
    const headers = Array.from({ length: 100 }, () => header(authentication));
    await vi.waitFor(() => expect(server.asked()).toBe(1));
    server.release();
    expect(new Set(await Promise.all(headers))).toEqual(new Set(['Bearer opaque-token-1']));
    expect(server.asked()).toBe(1);
  });

  test('belongs to one version of the authentication: a changed one gets its own', async () => {
    const server = await oauthServer();
    await header(client(server));
    expect(await header({ ...client(server), version: 2 })).toBe('Bearer opaque-token-2');
  });
});

describe('after a partner’s 401', () => {
  test('another token is got, once for all who were refused', async () => {
    const server = await oauthServer();
    const authentication = client(server);
    const refused = await Promise.all(
      Array.from({ length: 50 }, async () => source.of(authentication)),
    );
    const renewed = await Promise.all(refused.map(async ({ renew }) => renew?.()));
    expect(new Set(renewed.map((one) => one?.headers['authorization']))).toEqual(
      new Set(['Bearer opaque-token-2']),
    );
    expect(server.asked()).toBe(2);
  });

  test('those whose refusal comes late get the one that is there by then', async () => {
    const server = await oauthServer();
    const authentication = client(server);
    const late = await source.of(authentication);
    await (await source.of(authentication)).renew?.();
    expect(await late.renew?.()).toMatchObject({
      headers: { authorization: 'Bearer opaque-token-2' },
    });
    expect(server.asked()).toBe(2);
  });

  test('and another for the new token, none is asked for: that is not the token’s fault', async () => {
    const server = await oauthServer({ expiresIn: 3_600 });
    const authentication = client(server);
    const first = await source.of(authentication);
    const second = await first.renew?.();
    expect(await second?.renew?.()).toBeNull();
    now += 31_000;
    expect(await second?.renew?.()).toMatchObject({
      headers: { authorization: 'Bearer opaque-token-3' },
    });
  });

  test('none is got where the endpoint gives the same again', async () => {
    const server = await oauthServer({
      answer: (_, response) =>
        Boolean(response.end('{"access_token":"ever-the-same","expires_in":60}')),
    });
    const authentication = client(server);
    const credentials = await source.of(authentication);
    expect(await credentials.renew?.()).toBeNull();
    expect(await credentials.renew?.()).toBeNull();
    expect(server.asked()).toBe(2);
  });

  test('none is got where the endpoint gives none', async () => {
    const server = await oauthServer({
      answer: (request, response) => request > 1 && Boolean(response.writeHead(503).end()),
    });
    const credentials = await source.of(client(server));
    expect(await credentials.renew?.()).toBeNull();
  });
});

describe('without a token nothing is sent, and the reason names what to mend', () => {
  const answering = (status: number, body: string) => (_: number, response: ServerResponse) =>
    Boolean(response.writeHead(status).end(body));

  test.each([
    [
      401,
      '{"error":"invalid_client","error_description":"s3cret"}',
      /401 invalid_client. Check client_id/,
    ],
    [400, '{"error":"invalid_scope"}', /400 invalid_scope. Check scope/],
    [400, '{"error":"token-9 is no word of the RFC"}', /answered 400. Check token_url/],
    [503, 'down', /answered 503/],
    [302, '', /answered 302, and redirects are not followed/],
    [200, 'not JSON', /no JSON object/],
    [200, '{"token_type":"Bearer"}', /no access_token/],
    [200, '{"access_token":"two words"}', /no access_token that a header can hold/],
    [200, '{"access_token":"x","token_type":"DPoP"}', /not of type Bearer/],
    [200, `{"access_token":"x","padding":"${'x'.repeat(300_000)}"}`, /no JSON object/],
  ])('%i %s', async (status, body, reason) => {
    const server = await oauthServer({ answer: answering(status, body) });
    const message = await refusal(client(server));
    expect(message).toMatch(reason);
    expect(message).toMatch(/"Partner" from 127.0.0.1:\d+/);
  });

  test('an endpoint that is down, or is no target that we may have', async () => {
    const down = `http://127.0.0.1:${await closedPort()}/token`;
    expect(await refusal(client({ url: down }))).toMatch(/ECONNREFUSED/);
    const metadata = await refusal(client({ url: 'http://169.254.169.254/token' }));
    expect(metadata).toMatch(/metadata address/);
  });

  test('an endpoint that does not answer in time', async () => {
    const configuration = new MemoryLookup();
    configuration.secrets = { client_secret: SECRET };
    const clock = () => now;
    source = new CredentialSource({ configuration, transport, clock, tokenTimeoutMs: 100 });
    const server = await oauthServer({ hold: true });
    expect(await refusal(client(server))).toMatch(/did not answer in time/);
  });

  test('the redirect’s target stays untouched', async () => {
    const other = await partner();
    const server = await oauthServer({
      answer: (_, response) =>
        Boolean(response.writeHead(307, { location: `${other.origin}/token` }).end()),
    });
    await refusal(client(server));
    expect(other.connections()).toBe(0);
  });

  test('a failing endpoint is left in peace, longer each time, and asked again when it is due', async () => {
    let isUp = false;
    const server = await oauthServer({
      answer: (_, response) => !isUp && Boolean(response.writeHead(500).end()),
    });
    const authentication = client(server);
    for (let attempt = 0; attempt < 100; attempt++) await refusal(authentication);
    expect(server.asked()).toBe(1);
    now += 2_000;
    await refusal(authentication);
    now += 3_999;
    await refusal(authentication);
    expect(server.asked()).toBe(2);
    now += 1;
    isUp = true;
    expect(await header(authentication)).toBe('Bearer opaque-token-3');
  });

  test('a clock that is set back does not lengthen that', async () => {
    const server = await oauthServer({
      answer: (request, response) => request === 1 && Boolean(response.writeHead(500).end()),
    });
    const authentication = client(server);
    await refusal(authentication);
    now -= 3_600_000;
    expect(await header(authentication)).toBe('Bearer opaque-token-2');
  });

  test('a connection test asks it all the same, and a changed authentication does', async () => {
    let isUp = false;
    const server = await oauthServer({
      answer: (_, response) => !isUp && Boolean(response.writeHead(500).end()),
    });
    const authentication = client(server);
    await refusal(authentication);
    isUp = true;
    await source.fresh(authentication);
    expect(await header(authentication)).toBe('Bearer opaque-token-2');
    await refusal(client({ url: `http://127.0.0.1:${await closedPort()}/` }));
  });

  test('a renewal that fails leaves the living token in use until its end', async () => {
    const server = await oauthServer({
      answer: (request, response) => request > 1 && Boolean(response.writeHead(500).end()),
    });
    const authentication = client(server);
    await header(authentication);
    now += 50_000;
    expect(await header(authentication)).toBe('Bearer opaque-token-1');
    await vi.waitFor(() => expect(server.asked()).toBe(2));
    expect(await header(authentication)).toBe('Bearer opaque-token-1');
    now += 8_000;
    expect(await refusal(authentication)).toMatch(/answered 500/);
  });
});

test('secrets that do not open are told as configuration, before anybody is asked', async () => {
  const server = await oauthServer();
  const configuration = new MemoryLookup();
  configuration.secrets = new Error('cannot open s3cret');
  source = new CredentialSource({ configuration, transport, clock: () => now });
  await expect(source.of(client(server))).rejects.toMatchObject({
    kind: 'CONFIGURATION',
    message: expect.stringMatching(/cannot be opened with the present key file/),
  });
  expect(server.asked()).toBe(0);
});
