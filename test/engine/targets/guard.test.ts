import { createServer } from 'node:http';
import { networkInterfaces } from 'node:os';
import { afterEach, describe, expect, test } from 'vitest';
import { HttpTransport } from '../../../src/main/engine/dispatch/http-transport.ts';
import { TargetGuard } from '../../../src/main/engine/targets/guard.ts';
import { certaintyOf } from '../../../src/shared/model/certainty.ts';
import { listen, partner } from '../dispatch/peers.ts';
import { nameServer } from './dns-server.ts';

let transport: HttpTransport | null = null;
afterEach(async () => {
  await transport?.close();
  transport = null;
});

/** Sends by a guard, as a delivery of a rule with this allow-list would. */
async function send(guard: TargetGuard, url: string, allowedTargets?: string[]) {
  transport ??= new HttpTransport(Date.now, () => {}, guard);
  const outcome = await transport.send(
    { method: 'POST', url, headers: {}, body: '{}' },
    {
      connectTimeoutMs: 1_000,
      timeoutMs: 5_000,
      tls: null,
      ...(allowedTargets ? { allowedTargets } : {}),
    },
  );
  return { ...outcome, certainty: certaintyOf(outcome) };
}

const REFUSED = { errorKind: 'TARGET_REFUSED', certainty: 'NOT_SENT', responseStatusCode: null };

describe('our own listener', () => {
  const spellings = [
    '127.0.0.1',
    '127.1',
    '127.9.9.9',
    '2130706433',
    '0x7f000001',
    '0177.0.0.1',
    'localhost',
    'LOCALHOST',
    '[::1]',
    '[0:0:0:0:0:0:0:1]',
    '[::ffff:127.0.0.1]',
    '[::127.0.0.1]',
    '[64:ff9b::127.0.0.1]',
    '[2002:7f00:1::]',
    ...Object.values(networkInterfaces())
      .flatMap((addresses) => addresses ?? [])
      .filter(({ scopeid }) => !scopeid)
      .map(({ family, address }) => (family === 'IPv6' ? `[${address}]` : address)),
  ];

  test.each(spellings)('is refused as %s, and nothing reaches it', async (host) => {
    const peer = await partner();
    const guard = new TargetGuard({ own: () => ({ port: peer.port, publicUrl: null }) });
    const outcome = await send(guard, `http://${host}:${peer.port}/billing/`);
    expect(outcome).toMatchObject(REFUSED);
    expect(outcome.errorMessage).toMatch(/own listener.*Change the URL/);
    expect(peer.connections()).toBe(0);
  });

  test('is refused even where the rule’s allow-list names it', async () => {
    const peer = await partner();
    const guard = new TargetGuard({ own: () => ({ port: peer.port, publicUrl: null }) });
    expect(await send(guard, peer.origin, ['127.0.0.1', 'localhost'])).toMatchObject(REFUSED);
  });

  test('is refused by the public name under which it is served, whatever stands between', async () => {
    const { resolve, questions } = await nameServer(() => ['127.0.0.1']);
    const peer = await partner();
    const publicUrl = `http://labrelay.lab:${peer.port}`;
    const guard = new TargetGuard({ own: () => ({ port: 7420, publicUrl }), resolve });
    expect(await send(guard, `http://LabRelay.lab:${peer.port}/`)).toMatchObject(REFUSED);
    expect(questions()).toBe(0);
  });

  test('is no reason to refuse other programs of this machine', async () => {
    const peer = await partner();
    const guard = new TargetGuard({ own: () => ({ port: peer.port + 1, publicUrl: null }) });
    expect(await send(guard, peer.origin)).toMatchObject({ responseStatusCode: 200 });
  });
});

describe('addresses that no partner has', () => {
  test.each([
    ['169.254.169.254', /metadata/],
    ['2852039166', /metadata/],
    ['0xa9.0376.43518', /metadata/],
    ['[::ffff:a9fe:a9fe]', /metadata/],
    ['[fd00:ec2::254]', /metadata/],
    ['169.254.7.5', /link-local.*allowed_targets/],
    ['[fe80::1]', /link-local/],
    ['224.0.0.1', /multicast/],
    ['255.255.255.255', /broadcast/],
    ['0.0.0.0', /no machine in particular/],
    ['0', /no machine in particular/],
    ['[::]', /no machine in particular/],
  ])('%s is refused, with what to mend', async (host, message) => {
    const outcome = await send(new TargetGuard(), `http://${host}:9/`);
    expect(outcome).toMatchObject(REFUSED);
    expect(outcome.errorMessage).toMatch(message);
  });

  test('are refused behind a name as well', async () => {
    const { resolve } = await nameServer(() => ['169.254.169.254']);
    const outcome = await send(new TargetGuard({ resolve }), 'http://metadata.google.internal/');
    expect(outcome).toMatchObject(REFUSED);
    expect(outcome.errorMessage).toMatch(/metadata.google.internal \(169.254.169.254\)/);
  });

  test('of the link-local kind are let through where the allow-list names them on purpose', () => {
    const check = (address: string, ...allowed: string[]) =>
      new TargetGuard().policy(allowed).check(address, 9, address);
    expect(() => check('169.254.7.5', '169.254.7.0/24')).not.toThrow();
    expect(() => check('fe80::5', 'fe80::5')).not.toThrow();
    expect(() => check('169.254.7.5', '0.0.0.0/0')).toThrow(/link-local/);
    expect(() => check('169.254.169.254', '169.254.0.0/16')).toThrow(/metadata/);
  });
});

describe('a rule’s allow-list', () => {
  test('lets nothing else be connected to', async () => {
    const peer = await partner();
    const guard = new TargetGuard();
    const outcome = await send(guard, peer.origin, ['10.0.0.0/8', 'partner.example']);
    expect(outcome).toMatchObject(REFUSED);
    expect(outcome.errorMessage).toMatch(/127.0.0.1 is not among the rule's allowed_targets/);
    expect(peer.connections()).toBe(0);
    expect(await send(guard, peer.origin, ['127.0.0.0/8'])).toMatchObject({
      responseStatusCode: 200,
    });
  });

  test('is not passed by a connection that was made by another rule', async () => {
    const peer = await partner();
    const guard = new TargetGuard();
    expect(await send(guard, peer.origin)).toMatchObject({ responseStatusCode: 200 });
    expect(await send(guard, peer.origin, ['10.0.0.0/8'])).toMatchObject(REFUSED);
  });

  test('may name a host, wherever that lies', async () => {
    const { resolve } = await nameServer(() => ['127.0.0.1']);
    const peer = await partner();
    const guard = new TargetGuard({ resolve });
    const url = `http://partner.example:${peer.port}/`;
    expect(await send(guard, url, ['partner.example'])).toMatchObject({ responseStatusCode: 200 });
    expect(await send(guard, url, ['other.example'])).toMatchObject(REFUSED);
  });
});

describe('a DNS answer that changes', () => {
  /** The partner, and a program on the same port of an address that the rule may not reach. */
  async function twoOnOnePort() {
    const peer = await partner((response) => {
      response.setHeader('connection', 'close').end('partner');
    });
    let reached = 0;
    const other = createServer((_, response) => void response.end('other'));
    other.on('connection', () => reached++);
    await listen(other, { port: peer.port, host: '127.0.0.2' });
    return { port: peer.port, peer, reached: () => reached };
  }

  test('never brings a connection to an address that was not checked', async () => {
    const { port, peer, reached } = await twoOnOnePort();
    const server = await nameServer((question) => [question % 2 ? '127.0.0.2' : '127.0.0.1']);
    const guard = new TargetGuard({ resolve: server.resolve });
    const url = `http://rebind.example:${port}/`;
    const outcomes = [];
    for (let call = 0; call < 40; call++) {
      outcomes.push(await send(guard, url, ['127.0.0.1']));
    }
    const taken = outcomes.filter(({ responseBody }) => responseBody === 'partner').length;
    const refused = outcomes.filter(({ errorKind }) => errorKind === 'TARGET_REFUSED').length;
    expect({ taken, refused }).toEqual({ taken: 20, refused: 20 });
    expect(reached()).toBe(0);
    // Every new connection asked once and used that answer; nobody asked again behind the check.
    expect(server.questions()).toBe(40);
    expect(peer.connections()).toBe(20);
  });

  test('of several addresses leaves those that are allowed', async () => {
    const { port, reached } = await twoOnOnePort();
    const { resolve } = await nameServer(() => ['127.0.0.2', '169.254.169.254', '127.0.0.1']);
    const guard = new TargetGuard({ resolve });
    const outcome = await send(guard, `http://many.example:${port}/`, ['127.0.0.1']);
    expect(outcome).toMatchObject({ responseBody: 'partner' });
    expect(reached()).toBe(0);
  });

  test('to our own listener is refused when it has changed', async () => {
    const { port, peer } = await twoOnOnePort();
    const server = await nameServer((question) => [question ? '127.0.0.1' : '203.0.113.7']);
    const guard = new TargetGuard({
      own: () => ({ port, publicUrl: null }),
      resolve: server.resolve,
    });
    const policy = guard.policy(null);
    expect(await policy.addresses('rebind.example', port)).toEqual([
      { address: '203.0.113.7', family: 4 },
    ]);
    expect(await send(guard, `http://rebind.example:${port}/`)).toMatchObject(REFUSED);
    expect(peer.connections()).toBe(0);
  });
});

describe('what can be told before anything is resolved', () => {
  const guard = new TargetGuard({
    own: () => ({ port: 7420, publicUrl: 'https://labrelay.lab' }),
  });

  test.each([
    ['http://127.0.0.1:7420/billing/', /own listener/],
    ['http://localhost:7420/', /own listener/],
    ['http://[::ffff:7f00:1]:7420/', /own listener/],
    ['https://labrelay.lab/x', /own listener/],
    ['https://LabRelay.lab./x', /own listener/],
    ['http://0x7f.1:7420/', /own listener/],
    ['http://169.254.169.254/latest/meta-data/', /metadata/],
    ['https://[fe80::1]/', /link-local/],
  ])('%s is refused', (url, reason) => {
    expect(guard.fault(url, null)).toMatch(reason);
  });

  test.each([
    'http://127.0.0.1:7421/',
    'http://192.168.1.5/',
    'https://partner.example/',
    'https://labrelay.lab:8443/',
  ])('%s is not', (url) => {
    expect(guard.fault(url, null)).toBeNull();
  });

  test('an address that the list leaves out is, a name waits for its address', () => {
    expect(guard.fault('http://10.0.0.5/', ['192.168.0.0/16'])).toMatch(/allowed_targets/);
    expect(guard.fault('http://partner.example/', ['192.168.0.0/16'])).toBeNull();
  });
});
