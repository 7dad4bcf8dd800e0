import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Sessions } from '../../../src/main/engine/people/sessions.ts';
import type { AccessKey } from '../../../src/shared/model/configuration.ts';
import { openLocalStore } from '../../store/local-store.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

let store: ReturnType<typeof openLocalStore>;
let now: number;
let settings: { sessionHours: number; sessionIdleMinutes: number };
let keys: Map<number, AccessKey>;

beforeEach(() => {
  store = openLocalStore();
  now = 1_000_000;
  settings = { sessionHours: 12, sessionIdleMinutes: 60 };
  keys = new Map();
});
afterEach(() => store.close());

/** A person's key, in the store as well: sessions refer to it. */
async function person(name: string): Promise<AccessKey> {
  const key = await store.configuration.saveAccessKey({
    kind: 'user',
    name,
    role: 'viewer',
    labIds: null,
    routes: null,
    hash: name,
    hint: '',
    createdAt: now,
  });
  keys.set(key.accessKeyId, key);
  return key;
}

/** The room as it is after a start. */
async function start(port: Partial<typeof store> = {}): Promise<Sessions> {
  const sessions = new Sessions({
    store: new Proxy(store, {
      get: (real, name) => Reflect.get(port, name) ?? Reflect.get(real, name),
    }),
    keys: { accessKeyById: (id) => keys.get(id), settings },
    clock: () => now,
    onTrouble: (error) => {
      throw error;
    },
  });
  await sessions.load();
  return sessions;
}

describe('a session', () => {
  test('is known by its value alone, which is not kept', async () => {
    const sessions = await start();
    const { session, value } = await sessions.open(await person('Anna'), '127.0.0.1');
    expect(value).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(sessions.find(value, true)).toMatchObject({ key: { name: 'Anna' } });
    expect(sessions.find(`${value}x`, true)).toBeNull();
    expect(JSON.stringify(session)).not.toContain(value);
  });

  test('outlives the engine', async () => {
    const { value } = await (await start()).open(await person('Anna'), null);
    expect((await start()).find(value, true)).toMatchObject({ key: { name: 'Anna' } });
  });

  test('ends after its hours, however much it is used', async () => {
    const sessions = await start();
    const { value } = await sessions.open(await person('Anna'), null);
    for (let used = 0; used < 23; used++) {
      now += 30 * MINUTE;
      expect(sessions.find(value, true)).not.toBeNull();
    }
    now += 30 * MINUTE;
    expect(sessions.find(value, true)).toBeNull();
    expect((await start()).find(value, true)).toBeNull();
  });

  test('ends after a time without use; what a page asks by itself is none', async () => {
    const sessions = await start();
    const { value } = await sessions.open(await person('Anna'), null);
    now += 40 * MINUTE;
    expect(sessions.find(value, false)).not.toBeNull();
    now += 20 * MINUTE;
    expect(sessions.find(value, false)).toBeNull();
    // For good, also if the time is made longer later.
    settings.sessionIdleMinutes = 600;
    expect((await start()).find(value, true)).toBeNull();
  });

  test('ends with its key, at once', async () => {
    const sessions = await start();
    const anna = await person('Anna');
    const { value } = await sessions.open(anna, null);
    keys.delete(anna.accessKeyId);
    expect(sessions.find(value, true)).toBeNull();
    keys.set(anna.accessKeyId, anna);
    expect((await start()).find(value, true)).toBeNull();
  });

  test('ends where it is revoked, also after a restart', async () => {
    const sessions = await start();
    const { session, value } = await sessions.open(await person('Anna'), null);
    await sessions.revoke(session.sessionId);
    expect(sessions.find(value, true)).toBeNull();
    expect((await start()).find(value, true)).toBeNull();
    await expect(sessions.revoke(session.sessionId)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  test('has its last use written at most once a minute', async () => {
    const touchSession = vi.fn(async () => {});
    const sessions = await start({ touchSession });
    const { value } = await sessions.open(await person('Anna'), null);
    for (let second = 0; second < 130; second++) {
      now += 1_000;
      sessions.find(value, true);
    }
    expect(touchSession).toHaveBeenCalledTimes(2);
  });

  test('is one of twenty of its key at most; the one used longest ago gives way', async () => {
    const sessions = await start();
    const anna = await person('Anna');
    const values: string[] = [];
    for (let opened = 0; opened < 21; opened++) {
      now += 1_000;
      values.push((await sessions.open(anna, null)).value);
      // The first is used all the time.
      sessions.find(values[0] ?? '', true);
    }
    expect(sessions.list()).toHaveLength(20);
    expect(sessions.find(values[0] ?? '', true)).not.toBeNull();
    expect(sessions.find(values[1] ?? '', true)).toBeNull();
  });

  test('that has expired is forgotten by the store at the next start', async () => {
    await (await start()).open(await person('Anna'), null);
    now += 12 * HOUR;
    await start();
    expect(await store.loadSessions()).toEqual([]);
  });
});
