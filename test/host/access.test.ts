import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Host } from '../../src/main/host.ts';
import { procedurePath } from '../../src/main/http/procedure-routes.ts';
import { contract, type ProcedureName } from '../../src/shared/contract/index.ts';
import { ROLES, type Role } from '../../src/shared/model/vocabulary.ts';
import { adminToken, call, host, post } from './hosting.ts';

const names = Object.keys(contract) as ProcedureName[];

/** Everybody who may come, and as which role they count; null: none at all. */
const CALLERS: Record<string, Role | null> = {
  'no key': null,
  'an unknown key': null,
  'an inbound key': null,
  'an internal key': null,
  'a revoked key': null,
  'a session of a revoked key': null,
  'a revoked session': null,
  'a viewer’s key': 'viewer',
  'an operator’s key': 'operator',
  'an admin’s key': 'admin',
  'a viewer’s session': 'viewer',
  'an operator’s session': 'operator',
  'an admin’s session': 'admin',
};

let running: Host;
const headers: Record<string, Record<string, string>> = {};

async function sessionOf(key: string): Promise<Record<string, string>> {
  const response = await post(running, '/api/v1/session', { key }, {});
  expect(response.status).toBe(200);
  const cookie = response.headers.get('set-cookie')?.split(';')[0] ?? '';
  return { cookie, 'sec-fetch-site': 'same-origin' };
}

const bearer = (key: string) => ({ authorization: `Bearer ${key}` });

beforeAll(async () => {
  running = await host();
  const make = (kind: 'user' | 'inbound' | 'internal', name: string, role?: Role) =>
    call(running, 'createAccessKey', { kind, name, ...(role ? { role } : {}) });
  headers['no key'] = {};
  headers['an unknown key'] = bearer('lrk_us_unknown');
  headers['an inbound key'] = bearer((await make('inbound', 'LIS')).key);
  headers['an internal key'] = bearer((await make('internal', 'Mirth')).key);
  for (const role of ROLES) {
    const { key } = await make('user', `a ${role}`, role);
    const article = role === 'viewer' ? 'a' : 'an';
    headers[`${article} ${role}’s key`] = bearer(key);
    headers[`${article} ${role}’s session`] = await sessionOf(key);
  }
  const gone = await make('user', 'gone', 'admin');
  headers['a revoked key'] = bearer(gone.key);
  headers['a session of a revoked key'] = await sessionOf(gone.key);
  await call(running, 'revokeAccessKey', { access_key_id: gone.access_key_id });
  headers['a revoked session'] = await sessionOf(adminToken(running));
  const { items } = await call(running, 'listSessions', {});
  await call(running, 'revokeSession', { session_id: items.at(-1)?.session_id ?? 0 });
});
afterAll(() => running.close());

describe.each(Object.entries(CALLERS))('%s', (who, role) => {
  it.each(names)('%s: as the contract says', async (name) => {
    // Without input nothing is done where input is needed; and who may not call is told so first.
    const response = await post(running, procedurePath(name), {}, headers[who] ?? {});
    const isAllowed = role !== null && ROLES.indexOf(role) >= ROLES.indexOf(contract[name].role);
    // 429: keys that are not known are refused without a look after thirty tries.
    if (isAllowed) expect([200, 404, 422]).toContain(response.status);
    else expect([401, 403, 429]).toContain(response.status);
    if (role !== null && !isAllowed) expect(response.status).toBe(403);
  });
});
