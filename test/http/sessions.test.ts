import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TOKENS } from './fake-engine.ts';
import { problemOf, type Served, serve } from './serving.ts';

const SESSION = '/api/v1/session';

let served: Served;
beforeEach(async () => {
  served = await serve();
});
afterEach(() => served.server.close());

/** Headers as the console's page sends them. */
const own = (more: Record<string, string> = {}) => ({
  'content-type': 'application/json',
  'sec-fetch-site': 'same-origin',
  ...more,
});

function signIn(key: string, headers: Record<string, string> = {}): Promise<Response> {
  const body = JSON.stringify({ key });
  return fetch(served.url + SESSION, { method: 'POST', headers: own(headers), body });
}

/** The cookie that signing in sets, as a browser sends it back. */
async function cookieOf(key: string): Promise<string> {
  const response = await signIn(key);
  expect(response.status).toBe(200);
  return response.headers.get('set-cookie')?.split(';')[0] ?? '';
}

function call(path: string, headers: Record<string, string>, method = 'POST'): Promise<Response> {
  return fetch(served.url + path, {
    method,
    headers,
    ...(method === 'POST' ? { body: '{}' } : {}),
  });
}

describe('signing in', () => {
  it('tells who one is and sets a cookie that no script and no other site gets', async () => {
    const response = await signIn(TOKENS.operator);
    expect(await response.json()).toEqual({
      name: 'key 5',
      role: 'operator',
      session_id: 1,
      expires_at: '1970-01-01T12:00:00.000Z',
    });
    expect(response.headers.get('set-cookie')).toBe(
      `labrelay_session_${served.server.port}=value-1; Path=/; HttpOnly; SameSite=Strict; Max-Age=43200`,
    );
  });

  it('sets a cookie that stays within TLS where that is ended by a proxy', async () => {
    await served.server.close();
    const publicUrl = 'https://labrelay.lab';
    served = await serve({ policy: { listenHost: '127.0.0.1', allowHosts: [], publicUrl } });
    const { request } = await import('undici');
    const { headers } = await request(served.url + SESSION, {
      method: 'POST',
      headers: own({ host: 'labrelay.lab' }),
      body: JSON.stringify({ key: TOKENS.viewer }),
    });
    expect(headers['set-cookie']).toMatch(
      /^__Host-labrelay_session_\d+=value-1; Path=\/; HttpOnly; SameSite=Strict; Secure;/,
    );
  });

  it.each([
    ['an unknown key', 'wrong', 401, 'UNAUTHENTICATED'],
    ['a lab system’s key', TOKENS.inbound, 403, 'FORBIDDEN'],
    ['a worker’s key', TOKENS.internal, 403, 'FORBIDDEN'],
    ['nothing', '', 422, 'INVALID_INPUT'],
  ])('is refused with %s', async (_, key, status, code) => {
    const response = await signIn(key);
    expect(response.status).toBe(status);
    expect(response.headers.get('set-cookie')).toBeNull();
    const problem = await problemOf(response);
    expect(problem).toMatchObject({ code, errors: [{ field: 'key' }] });
    expect(served.engine.sessions.size).toBe(0);
    expect(served.engine.refusals).toHaveLength(key === '' ? 0 : 1);
  });

  it('is refused after too many tries, but not to a key that nobody can guess', async () => {
    await signIn(TOKENS.viewer);
    for (let tries = 0; tries < 30; tries++)
      expect((await signIn(`guess-${tries}`)).status).toBe(401);
    const refused = await signIn(TOKENS.chosen);
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    for (const made of [TOKENS.viewer, TOKENS.admin]) {
      expect((await signIn(made)).status).toBe(200);
    }
  });

  it('from another site is refused', async () => {
    const response = await signIn(TOKENS.viewer, { origin: 'http://evil.example' });
    expect([response.status, served.engine.sessions.size]).toEqual([403, 0]);
  });
});

describe('a session', () => {
  it('calls procedures as its person, with their role', async () => {
    const cookie = await cookieOf(TOKENS.viewer);
    expect((await call('/api/v1/search-logs', own({ cookie }))).status).toBe(200);
    expect(served.engine.calls.at(-1)).toMatchObject({ name: 'searchLogs', role: 'viewer' });
    const refused = await call('/api/v1/update-settings', own({ cookie }));
    expect(await problemOf(refused)).toMatchObject({ code: 'FORBIDDEN' });
  });

  it('says who it is', async () => {
    const cookie = await cookieOf(TOKENS.admin);
    const response = await call(SESSION, { cookie }, 'GET');
    expect(await response.json()).toMatchObject({ name: 'key 6', role: 'admin', session_id: 1 });
    const byKey = await call(SESSION, { authorization: `Bearer ${TOKENS.viewer}` }, 'GET');
    expect(await byKey.json()).toMatchObject({ role: 'viewer', session_id: null });
    expect((await call(SESSION, {}, 'GET')).status).toBe(401);
  });

  it('opens no event route: those take a key', async () => {
    const cookie = await cookieOf(TOKENS.admin);
    expect((await call('/billing/', own({ cookie }))).status).toBe(401);
  });

  it('ends by signing out, and its cookie with it', async () => {
    const cookie = await cookieOf(TOKENS.viewer);
    const out = await call(SESSION, { cookie, 'sec-fetch-site': 'same-origin' }, 'DELETE');
    expect(out.status).toBe(204);
    expect(out.headers.get('set-cookie')).toContain('Max-Age=0');
    const response = await call('/api/v1/search-logs', own({ cookie }));
    expect(response.status).toBe(401);
    expect(await problemOf(response)).toMatchObject({
      code: 'UNAUTHENTICATED',
      detail: 'Your session has ended. Sign in again.',
    });
  });

  it('tells a page’s own questions from use', async () => {
    const cookie = await cookieOf(TOKENS.viewer);
    await call('/api/v1/search-logs', own({ cookie, 'x-labrelay-idle': '1' }));
    await call('/api/v1/search-logs', own({ cookie }));
    expect(served.engine.uses).toEqual([false, true]);
  });

  it('gives way to a key that is sent beside it', async () => {
    const cookie = await cookieOf(TOKENS.admin);
    const authorization = `Bearer ${TOKENS.viewer}`;
    await call('/api/v1/list-labs', own({ cookie, authorization }));
    expect(served.engine.calls.at(-1)).toMatchObject({ role: 'viewer' });
    const wrong = await call('/api/v1/list-labs', own({ cookie, authorization: 'Bearer wrong' }));
    expect(wrong.status).toBe(401);
  });
});

describe('a foreign page with the session’s cookie', () => {
  it.each([
    ['of another site', { 'sec-fetch-site': 'cross-site' }],
    ['of another port', { 'sec-fetch-site': 'same-site' }],
    ['typed by nobody', { 'sec-fetch-site': 'none' }],
    ['that hides where it is', {}],
    ['of another port, in an old browser', { origin: 'http://localhost:1' }],
    ['in a sandbox', { origin: 'null' }],
  ])('%s is refused', async (_, headers) => {
    const cookie = await cookieOf(TOKENS.admin);
    const given = { 'content-type': 'application/json', cookie, ...headers };
    const response = await call('/api/v1/list-labs', given);
    expect(await problemOf(response)).toMatchObject({ status: 403, code: 'FOREIGN_ORIGIN' });
    const out = await call(SESSION, { cookie, ...headers }, 'DELETE');
    expect([out.status, served.engine.sessions.size]).toEqual([403, 1]);
  });

  it('cannot call by a form', async () => {
    const cookie = await cookieOf(TOKENS.admin);
    const response = await fetch(`${served.url}/api/v1/list-labs`, {
      method: 'POST',
      headers: { cookie, 'sec-fetch-site': 'same-origin' },
    });
    expect(response.status).toBe(415);
  });

  it('is told from our own page by its origin, where a browser tells no more', async () => {
    const cookie = await cookieOf(TOKENS.admin);
    const origin = served.url;
    const given = { 'content-type': 'application/json', cookie, origin };
    expect((await call('/api/v1/list-labs', given)).status).toBe(200);
  });
});
