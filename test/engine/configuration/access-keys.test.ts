import { beforeEach, describe, expect, test } from 'vitest';
import { openRoom, type Room } from './room.ts';

let room: Room;

beforeEach(async () => {
  room = await openRoom();
});

describe('a new key', () => {
  test.each([
    ['inbound', /^lrk_in_[A-Za-z0-9_-]{43}$/, {}],
    ['user', /^lrk_us_[A-Za-z0-9_-]{43}$/, { role: 'operator' }],
    ['internal', /^lrk_int_[A-Za-z0-9_-]{43}$/, {}],
  ] as const)('of kind %s is recognised, and kept only as its hash', async (kind, form, more) => {
    const { accessKey, key } = await room.configuration.createAccessKey({
      kind,
      name: 'k',
      ...more,
    });
    expect(key).toMatch(form);
    expect(room.configuration.accessKeyOf(key)).toEqual(accessKey);
    expect((await room.restart()).accessKeyOf(key)).toEqual(accessKey);
    expect(accessKey.hint).toBe(key.slice(-4));
    expect(JSON.stringify(room.db.prepare('SELECT * FROM access_key').all())).not.toContain(key);
  });

  test.each([
    [{ kind: 'user' }, 'role', /is needed for a user key/],
    [{ kind: 'inbound', role: 'admin' }, 'role', /user keys only/],
    [{ kind: 'internal', labIds: [1] }, 'lab_ids', /inbound keys only/],
    [{ kind: 'user', role: 'admin', routes: ['/billing/'] }, 'routes', /inbound keys only/],
    [{ kind: 'inbound', labIds: [1, 99] }, 'lab_ids.1', /no lab 99/],
  ] as const)('%j is refused, naming %s', async (wish, field, reason) => {
    const labIds = 'labIds' in wish ? [...wish.labIds] : undefined;
    const routes = 'routes' in wish ? [...wish.routes] : undefined;
    await expect(
      room.configuration.createAccessKey({ name: 'k', ...wish, labIds, routes }),
    ).rejects.toMatchObject({ errors: [{ field, reason: expect.stringMatching(reason) }] });
    expect(room.configuration.lists.accessKeys({ includeRevoked: true })).toEqual([]);
  });

  test('of a person has a name that no other person has, until that one’s is revoked', async () => {
    const ben = { kind: 'user', name: 'Ben', role: 'viewer' } as const;
    const { accessKey } = await room.configuration.createAccessKey(ben);
    await expect(room.configuration.createAccessKey({ ...ben, name: 'BEN' })).rejects.toMatchObject(
      { code: 'NAME_TAKEN', errors: [{ field: 'name' }] },
    );
    // Systems may be called alike: nobody is told apart by that.
    await room.configuration.createAccessKey({ kind: 'inbound', name: 'Ben' });
    await room.configuration.revokeAccessKey(accessKey.accessKeyId);
    await expect(room.configuration.createAccessKey(ben)).resolves.toHaveProperty('key');
  });

  test('keeps the labs and routes that limit it', async () => {
    const { accessKey } = await room.configuration.createAccessKey({
      kind: 'inbound',
      name: 'LIS',
      labIds: [2, 1, 2],
      routes: ['/billing/'],
    });
    expect(accessKey).toMatchObject({ labIds: [2, 1], routes: ['/billing/'], role: null });
  });
});

test.each(['', 'lrk_in_wrong', 'x'.repeat(100_000)])(
  'a foreign token belongs to no key',
  (token) => {
    expect(room.configuration.accessKeyOf(token)).toBeUndefined();
  },
);

test('a revoked key is known no more, also after a restart', async () => {
  const { accessKey, key } = await room.configuration.createAccessKey({
    kind: 'internal',
    name: 'k',
  });
  await room.configuration.revokeAccessKey(accessKey.accessKeyId);
  expect(room.configuration.accessKeyOf(key)).toBeUndefined();
  expect((await room.restart()).accessKeyOf(key)).toBeUndefined();
  expect(room.configuration.lists.accessKeys({ includeRevoked: false })).toEqual([]);
  expect(room.configuration.lists.accessKeys({ includeRevoked: true })).toHaveLength(1);
  await expect(room.configuration.revokeAccessKey(77)).rejects.toMatchObject({ code: 'NOT_FOUND' });
});

describe('the admin key', () => {
  test('is made once, where there is none', async () => {
    const token = await room.configuration.ensureAdminKey();
    expect(token).toMatch(/^lrk_us_/);
    expect(room.configuration.accessKeyOf(token ?? '')).toMatchObject({
      kind: 'user',
      role: 'admin',
    });
    expect(await room.configuration.ensureAdminKey()).toBeNull();
    expect(await (await room.restart()).ensureAdminKey()).toBeNull();
  });

  test('is handed to its keeper before it counts, so that none is lost in a crash', async () => {
    const kept: string[] = [];
    const crash = room.configuration.ensureAdminKey(undefined, async (token) => {
      kept.push(token);
      throw new Error('disk full');
    });
    await expect(crash).rejects.toThrow('disk full');
    expect(room.configuration.accessKeyOf(kept[0] ?? '')).toBeUndefined();
    expect(await room.configuration.ensureAdminKey()).not.toBeNull();
  });

  test('is the given token, also where another one is there already', async () => {
    await room.configuration.ensureAdminKey();
    expect(await room.configuration.ensureAdminKey('my-admin-token')).toBeNull();
    expect(room.configuration.accessKeyOf('my-admin-token')).toMatchObject({
      role: 'admin',
      hint: '',
    });
    await room.configuration.ensureAdminKey('my-admin-token');
    expect(room.configuration.lists.accessKeys({ includeRevoked: true })).toHaveLength(2);
  });

  test('cannot be a token that is weak, revoked or someone else’s', async () => {
    await expect(room.configuration.ensureAdminKey('short')).rejects.toThrow(/8 to 512/);
    await expect(room.configuration.ensureAdminKey('two words here')).rejects.toThrow(
      /without spaces/,
    );
    const { key } = await room.configuration.createAccessKey({ kind: 'inbound', name: 'LIS' });
    await expect(room.configuration.ensureAdminKey(key)).rejects.toThrow(/choose another/);
    await room.configuration.ensureAdminKey('first-token');
    await room.configuration.ensureAdminKey('second-token');
    const id = room.configuration.accessKeyOf('first-token')?.accessKeyId ?? 0;
    await room.configuration.revokeAccessKey(id);
    // Another admin is there: a token that was revoked on purpose does not keep it from starting.
    await expect(room.configuration.ensureAdminKey('first-token')).resolves.toBeNull();
    expect(room.configuration.accessKeyOf('first-token')).toBeUndefined();
  });

  test('that is the last one cannot be revoked', async () => {
    const token = (await room.configuration.ensureAdminKey()) ?? '';
    const id = room.configuration.accessKeyOf(token)?.accessKeyId ?? 0;
    await expect(room.configuration.revokeAccessKey(id)).rejects.toMatchObject({
      errors: [{ field: 'access_key_id', reason: expect.stringMatching(/make another one first/) }],
    });
    await room.configuration.createAccessKey({ kind: 'user', name: 'Ben', role: 'admin' });
    await expect(room.configuration.revokeAccessKey(id)).resolves.toMatchObject({
      accessKeyId: id,
    });
  });
});
