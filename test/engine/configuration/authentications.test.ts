import { randomBytes } from 'node:crypto';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { AuthenticationChange } from '../../../src/main/engine/configuration/authentications.ts';
import { SECRET_MASK } from '../../../src/shared/contract/configuration/authentications.ts';
import {
  type ClientIdentity,
  clientIdentity,
  hasOpenssl,
  PASSPHRASE,
} from '../dispatch/certificates.ts';
import { openRoom, RULE, type Room } from './room.ts';

const signingSecret = `whsec_${randomBytes(32).toString('base64')}`;
let room: Room;

beforeEach(async () => {
  room = await openRoom();
});

const save = (change: AuthenticationChange) =>
  room.configuration.saveDeveloperAuthentication(change);
const basic = { labId: 1, name: 'Partner', kind: 'basic' } as const;
const bearer = { labId: 1, name: 'Partner', kind: 'bearer' } as const;

/** What the dispatcher would send. */
function secretsOf(id: number) {
  const authentication = room.configuration.authentication(id);
  if (!authentication) throw new Error(`no authentication ${id}`);
  return room.configuration.openSecrets(authentication);
}

describe('keys by kind', () => {
  test.each([
    ['none', {}, {}, {}],
    ['basic', { username: 'labx', password: 'p:ä' }, { username: 'labx' }, { password: 'p:ä' }],
    ['bearer', { token: 'abc.def' }, {}, { token: 'abc.def' }],
    ['api_key', { header: 'X-Key', value: 'k 1' }, { header: 'X-Key' }, { value: 'k 1' }],
  ] as const)(
    '%s keeps what is public in clear and seals the rest',
    async (kind, keys, open, secret) => {
      const row = await save({ labId: 1, name: 'Partner', kind, keys });
      expect(row.publicKeys).toEqual(open);
      expect(secretsOf(row.developerAuthenticationId)).toEqual(secret);
      const stored = JSON.stringify(
        room.db.prepare('SELECT * FROM developer_authentication').all(),
      );
      for (const value of Object.values(secret)) expect(stored).not.toContain(value);
    },
  );

  test.each([
    ['basic', { username: 'labx' }, 'keys.password', /is needed for kind basic/],
    ['basic', { username: 'a:b', password: 'x' }, 'keys.username', /colon/],
    ['basic', { username: 'a', password: 'x\ny' }, 'keys.password', /control characters/],
    ['bearer', {}, 'keys.token', /is needed/],
    ['bearer', { token: 'two words' }, 'keys.token', /without spaces/],
    ['bearer', { token: 'x', username: 'u' }, 'keys.username', /remove it/],
    ['none', { token: 'x' }, 'keys.token', /does not go with kind none; remove it/],
    ['api_key', { header: 'Host', value: 'x' }, 'keys.header', /LabRelay itself/],
    ['api_key', { header: 'X-Key', value: 'a\r\nb' }, 'keys.value', /one line/],
    ['none', { signing_secret: 'whsec_c2hvcnQ=' }, 'keys.signing_secret', /24 to 64/],
    [
      'none',
      { signing_secret: randomBytes(32).toString('base64') },
      'keys.signing_secret',
      /whsec_/,
    ],
  ] as const)('%s with %j is refused, naming %s', async (kind, keys, field, reason) => {
    await expect(save({ labId: 1, name: 'Partner', kind, keys })).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      errors: [{ field, reason: expect.stringMatching(reason) }],
    });
    expect(room.configuration.lists.authentications()).toEqual([]);
  });

  test('every key at fault is named, and no refusal repeats a secret', async () => {
    const keys = { username: 'a:b', password: 'hunter2\n', signing_secret: 'hunter3' };
    const refusal = save({ ...basic, keys });
    await expect(refusal).rejects.toMatchObject({
      errors: [
        { field: 'keys.username' },
        { field: 'keys.password' },
        { field: 'keys.signing_secret' },
      ],
    });
    await expect(refusal.catch((error: unknown) => JSON.stringify(error))).resolves.not.toMatch(
      /hunter/,
    );
  });
});

describe('updates', () => {
  test('a secret that is left out or sent back as its mask stays', async () => {
    await save({
      ...basic,
      keys: { username: 'labx', password: 'first', signing_secret: signingSecret },
    });
    const renamed = await save({ developerAuthenticationId: 1, name: 'Partner AG' });
    expect(renamed).toMatchObject({ name: 'Partner AG', kind: 'basic', version: 2 });
    await save({
      developerAuthenticationId: 1,
      keys: { username: 'laby', password: SECRET_MASK, signing_secret: SECRET_MASK },
    });
    expect(secretsOf(1)).toEqual({ password: 'first', signing_secret: signingSecret });
    expect(room.configuration.authentication(1)?.publicKeys).toEqual({ username: 'laby' });
    await save({ developerAuthenticationId: 1, keys: { password: 'second' } });
    expect(secretsOf(1)).toEqual({ password: 'second', signing_secret: signingSecret });
  });

  test('a mask is never stored as if it were the secret', async () => {
    await expect(save({ ...bearer, keys: { token: SECRET_MASK } })).rejects.toMatchObject({
      errors: [{ field: 'keys.token', reason: expect.stringMatching(/give the secret/) }],
    });
  });

  test('another kind needs its own keys and drops the old ones', async () => {
    await save({ ...basic, keys: { username: 'labx', password: 'first' } });
    const change = { developerAuthenticationId: 1, kind: 'bearer' } as const;
    await expect(save(change)).rejects.toMatchObject({ errors: [{ field: 'keys.token' }] });
    await save({ ...change, keys: { token: 'tok' } });
    expect(secretsOf(1)).toEqual({ token: 'tok' });
  });

  test('a stale write is told the current version and changes nothing', async () => {
    await save({ ...bearer, keys: { token: 'a' } });
    await save({ developerAuthenticationId: 1, expectedVersion: 1, keys: { token: 'b' } });
    await expect(
      save({ developerAuthenticationId: 1, expectedVersion: 1, keys: { token: 'c' } }),
    ).rejects.toMatchObject({
      code: 'STALE_WRITE',
      status: 409,
      message: expect.stringContaining('current version is 2'),
    });
    expect(secretsOf(1)).toEqual({ token: 'b' });
  });

  test('an unknown id is refused', async () => {
    await expect(save({ developerAuthenticationId: 9, name: 'x' })).rejects.toMatchObject({
      code: 'NOT_FOUND',
      errors: [{ field: 'developer_authentication_id' }],
    });
  });

  test('a signing secret is removed by null, unless an integration signs with it', async () => {
    await save({ labId: 1, name: 'P', kind: 'none', keys: { signing_secret: signingSecret } });
    const { integration } = await room.configuration.saveLabIntegration(
      { ...RULE, labId: 1, developerAuthenticationId: 1, signing: true },
      'test',
    );
    const remove = { developerAuthenticationId: 1, keys: { signing_secret: null } };
    await expect(save(remove)).rejects.toMatchObject({
      errors: [
        { field: 'keys.signing_secret', reason: expect.stringMatching(/integrations 1 sign/) },
      ],
    });
    await room.configuration.saveLabIntegration(
      { labIntegrationId: integration.labIntegrationId, signing: false },
      'test',
    );
    await save(remove);
    expect(secretsOf(1)).toEqual({});
  });
});

describe('owners', () => {
  test.each([
    [{}, /either lab_id or organization_id/],
    [{ labId: 1, organizationId: 10 }, /only one/],
    [{ labId: 99 }, /no lab 99; add it first/],
    [{ organizationId: 99 }, /no organization 99; add it first/],
  ])('%j is refused', async (owner, reason) => {
    await expect(save({ ...owner, name: 'P', kind: 'none' })).rejects.toMatchObject({
      status: 422,
      message: expect.stringMatching(reason),
    });
  });

  test('the owner stays: a sealed secret does not open for another one', async () => {
    const row = await save({ ...bearer, keys: { token: 'a' } });
    await expect(save({ developerAuthenticationId: 1, labId: 2 })).rejects.toMatchObject({
      errors: [{ field: 'lab_id', reason: expect.stringMatching(/owner is fixed/) }],
    });
    expect(() => room.configuration.openSecrets({ ...row, labId: 2 })).toThrow(/cannot be opened/);
    expect(room.configuration.secretHints({ ...row, labId: 2 })).toBeNull();
  });
});

test('hints show four characters of long tokens, none of short ones or passwords', async () => {
  const long = await save({ ...bearer, keys: { token: '0123456789abWXYZ' } });
  const short = await save({ ...bearer, keys: { token: '0123456789abWXY' } });
  const password = await save({
    ...basic,
    keys: { username: 'u', password: '0123456789abcdefgh' },
  });
  expect(room.configuration.secretHints(long)).toEqual({ token: 'WXYZ' });
  expect(room.configuration.secretHints(short)).toEqual({});
  expect(room.configuration.secretHints(password)).toEqual({});
});

describe('kind oauth2', () => {
  const oauth = { labId: 1, name: 'Partner', kind: 'oauth2' } as const;
  const keys = {
    token_url: 'https://idp.example/token',
    client_id: 'lab-north',
    client_secret: 'client-secret-0123456789',
  };

  test('keeps all but the client secret in clear', async () => {
    const more = { scope: 'bills', audience: 'https://api', client_authentication: 'body' };
    const row = await save({ ...oauth, keys: { ...keys, ...more } });
    const { client_secret, ...open } = { ...keys, ...more };
    expect(row.publicKeys).toEqual(open);
    expect(secretsOf(1)).toEqual({ client_secret });
    expect(room.configuration.secretHints(row)).toEqual({ client_secret: '6789' });
  });

  test('keeps the secret that is sent back as its mask; null removes what is not needed', async () => {
    await save({ ...oauth, keys: { ...keys, scope: 'bills', audience: 'a' } });
    const sent = { client_secret: SECRET_MASK, client_id: 'lab-south', scope: null };
    const row = await save({ developerAuthenticationId: 1, keys: sent });
    expect(row.publicKeys).toEqual({
      token_url: keys.token_url,
      client_id: 'lab-south',
      audience: 'a',
    });
    expect(secretsOf(1)).toEqual({ client_secret: keys.client_secret });
  });

  test.each([
    [{ token_url: undefined }, 'keys.token_url', /is needed for kind oauth2/],
    [{ client_secret: undefined }, 'keys.client_secret', /is needed/],
    [{ client_id: null }, 'keys.client_id', /is needed/],
    [{ client_id: 'läb' }, 'keys.client_id', /ASCII/],
    [{ scope: 'two  spaces' }, 'keys.scope', /one space between/],
    [{ ca: 'no PEM' }, 'keys.ca', /PEM/],
    [{ certificate: 'x' }, 'keys.certificate', /does not go with kind oauth2/],
    [{ token_url: 'http://169.254.169.254/token' }, 'keys.token_url', /metadata address/],
    [{ token_url: 'http://2852039166/token' }, 'keys.token_url', /metadata address/],
  ])('%j is refused, naming %s', async (change, field, reason) => {
    await expect(save({ ...oauth, keys: { ...keys, ...change } })).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      errors: [{ field, reason: expect.stringMatching(reason) }],
    });
  });

  test('tells of a token_url that shows the secret to everybody on the way', async () => {
    const row = await save({ ...oauth, keys: { ...keys, token_url: 'http://10.0.0.5/token' } });
    expect(room.configuration.authenticationFacts(row).notices).toEqual([
      expect.stringMatching(/plain http/),
    ]);
  });
});

describe.skipIf(!hasOpenssl)('kind mtls', () => {
  const mtls = { labId: 1, name: 'Partner', kind: 'mtls' } as const;
  let north: ClientIdentity;
  let south: ClientIdentity;
  beforeAll(() => {
    north = clientIdentity('lab-north');
    south = clientIdentity('lab-south');
  });

  test('keeps the chain in clear and the key sealed, and tells whose it is and until when', async () => {
    const certificate = north.certificate + north.ca;
    const row = await save({ ...mtls, keys: { certificate, private_key: north.privateKey } });
    expect(row.publicKeys).toEqual({ certificate });
    expect(secretsOf(1)).toEqual({ private_key: north.privateKey });
    room.time.now = Date.now();
    const { certificate: shown, hints, notices } = room.configuration.authenticationFacts(row);
    expect(shown).toMatchObject({
      subject: 'O=Lab, CN=lab-north',
      issuer: 'CN=authority-of-lab-north',
    });
    expect(hints).toEqual({});
    // It lives for two days.
    expect(notices).toEqual([expect.stringMatching(/ends on .*Ask for a renewed one/)]);
    room.time.now = Date.now() + 3 * 24 * 3_600_000;
    expect(room.configuration.authenticationFacts(row).notices).toEqual([
      expect.stringMatching(/ended on .*partners will refuse it/),
    ]);
  });

  test('takes a key under a passphrase', async () => {
    const { certificate, encryptedKey } = north;
    const keys = { certificate, private_key: encryptedKey, passphrase: PASSPHRASE };
    await save({ ...mtls, keys });
    expect(secretsOf(1)).toEqual({ private_key: encryptedKey, passphrase: PASSPHRASE });
    // The key itself may follow without one.
    const { privateKey } = north;
    await save({
      developerAuthenticationId: 1,
      keys: { private_key: privateKey, passphrase: null },
    });
    expect(secretsOf(1)).toEqual({ private_key: privateKey });
  });

  test('a renewed certificate must fit the key that is stored', async () => {
    const { certificate, privateKey } = north;
    await save({ ...mtls, keys: { certificate, private_key: privateKey } });
    const change = { developerAuthenticationId: 1 };
    await expect(
      save({ ...change, keys: { certificate: south.certificate } }),
    ).rejects.toMatchObject({ errors: [{ field: 'keys.private_key' }] });
    await save({
      ...change,
      keys: { certificate: south.certificate, private_key: south.privateKey },
    });
    await save({ ...change, name: 'Partner AG', keys: { private_key: SECRET_MASK } });
    expect(secretsOf(1)).toEqual({ private_key: south.privateKey });
  });

  test('refuses what TLS could not show, naming what to mend', async () => {
    const { certificate, privateKey, encryptedKey } = north;
    const cases: [keys: AuthenticationChange['keys'], field: string, reason: RegExp][] = [
      [{ private_key: privateKey }, 'keys.certificate', /is needed for kind mtls/],
      [{ certificate }, 'keys.private_key', /is needed/],
      [{ certificate: 'x', private_key: privateKey }, 'keys.certificate', /PEM certificates/],
      [{ certificate, private_key: 'x' }, 'keys.private_key', /PEM private key/],
      [
        { certificate, private_key: privateKey.replace(/\n.{20}/, '\nAAAA') },
        'keys.private_key',
        /cannot be read; export it again/,
      ],
      [{ certificate, private_key: south.privateKey }, 'keys.private_key', /not the certificate's/],
      [
        { certificate: north.ca + certificate, private_key: privateKey },
        'keys.private_key',
        /begins with our own certificate/,
      ],
      [{ certificate, private_key: encryptedKey }, 'keys.passphrase', /is needed.*encrypted/],
      [
        { certificate, private_key: encryptedKey, passphrase: 'wrong' },
        'keys.passphrase',
        /does not open/,
      ],
    ];
    for (const [keys, field, reason] of cases) {
      await expect(save({ ...mtls, keys })).rejects.toMatchObject({
        code: 'INVALID_INPUT',
        errors: [{ field, reason: expect.stringMatching(reason) }],
      });
    }
    expect(room.configuration.lists.authentications()).toEqual([]);
  });

  test('goes with https end points only', async () => {
    const { certificate, privateKey } = north;
    await save({ ...mtls, keys: { certificate, private_key: privateKey } });
    const rule = { ...RULE, labId: 1, developerAuthenticationId: 1 };
    await expect(room.configuration.saveLabIntegration(rule, 'test')).rejects.toMatchObject({
      errors: [{ field: 'end_point', reason: expect.stringMatching(/must be https/) }],
    });
    await room.configuration.saveLabIntegration({ ...rule, endPoint: 'https://10.0.0.5/' }, 'test');
  });
});
