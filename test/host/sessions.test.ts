import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Host } from '../../src/main/host.ts';
import { adminToken, call, host, newFolder, post } from './hosting.ts';

const data = newFolder();
let running: Host;
beforeAll(async () => {
  running = await host({ data });
});
afterAll(() => running.close());

/** Signs in. @returns the headers by which a page of the console calls from then on */
async function signIn(key: string): Promise<Record<string, string>> {
  const response = await post(running, '/api/v1/session', { key }, {});
  expect(response.status).toBe(200);
  const cookie = response.headers.get('set-cookie')?.split(';')[0] ?? '';
  return { cookie, origin: running.url };
}

const statusOf = async (page: Record<string, string>) =>
  (await post(running, '/api/v1/list-labs', {}, page)).status;

it('a session outlives a restart of the engine', async () => {
  const page = await signIn(adminToken(running));
  const { port } = running;
  await running.close();
  running = await host({ data, port: String(port) });
  expect(await statusOf({ ...page, origin: running.url })).toBe(200);
});

it('a session ends with its key, and a person may end their own but nobody else’s', async () => {
  const make = (name: string) =>
    call(running, 'createAccessKey', { kind: 'user', name, role: 'viewer' });
  const [anna, ben] = [await make('Anna'), await make('Ben')];
  const [annas, bens] = [await signIn(anna.key), await signIn(ben.key)];
  const list = async (page: Record<string, string>) =>
    (await (await post(running, '/api/v1/list-sessions', {}, page)).json()) as {
      items: { session_id: number; name: string }[];
    };
  expect((await list(annas)).items).toMatchObject([{ name: 'Anna' }]);
  const bensId = (await list(bens)).items[0]?.session_id;
  const revoke = (page: Record<string, string>, session_id?: number) =>
    post(running, '/api/v1/revoke-session', { session_id }, page);
  expect((await revoke(annas, bensId)).status).toBe(404);
  expect(await statusOf(bens)).toBe(200);
  expect((await revoke(bens, bensId)).status).toBe(200);
  expect(await statusOf(bens)).toBe(401);

  await call(running, 'revokeAccessKey', { access_key_id: anna.access_key_id });
  expect(await statusOf(annas)).toBe(401);
});
