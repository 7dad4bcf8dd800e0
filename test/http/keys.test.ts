import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GuessLimiter } from '../../src/main/http/guess-limiter.ts';
import { KNOWN_LOG, TOKENS } from './fake-engine.ts';
import { BILL, OWN_TOKEN, type Served, serve, problemOf } from './serving.ts';

let served: Served;
beforeAll(async () => {
  served = await serve();
});
afterAll(() => served.server.close());

describe('access keys', () => {
  it.each([
    ['none at all', ''],
    ['an unknown one', 'Bearer lrk_in_wrong'],
    ['another scheme', 'Basic dXNlcjpwYXNz'],
    ['two words', 'Bearer a b'],
  ])('are needed: %s', async (_what, authorization) => {
    const response = await served.post('/billing/', BILL, { authorization });
    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toBe('Bearer realm="LabRelay"');
    const problem = await problemOf(response);
    expect(problem).toMatchObject({ code: 'UNAUTHENTICATED' });
    expect(problem.errors).toEqual([
      { field: 'Authorization', reason: expect.stringContaining('Bearer') },
    ]);
  });
});

describe('the internal token', () => {
  const report = { log_id: KNOWN_LOG, status: 'SUCCESS', response_status_code: 200 };
  const callback = (headers: Record<string, string>, body: unknown = report) =>
    served.post('/integration_callback/', body, { authorization: '', ...headers });

  it.each([
    ['missing', {}],
    ['wrong', { 'x-internal-token': 'wrong' }],
    ['an inbound key', { 'x-internal-token': TOKENS.inbound }],
    ['an admin key', { 'x-internal-token': TOKENS.admin }],
    ['in the wrong header', { authorization: `Bearer ${TOKENS.internal}` }],
  ])('refuses a report: %s', async (_what, headers) => {
    const response = await callback(headers);
    expect(response.status).toBe(401);
    expect((await problemOf(response)).errors[0]?.field).toBe('x-internal-token');
    expect(served.engine.reports).toEqual([]);
  });

  it("takes this start's own token and an internal key, and repeats change nothing", async () => {
    const first = await callback({ 'x-internal-token': OWN_TOKEN });
    expect([first.status, await first.json()]).toEqual([200, { log_id: KNOWN_LOG, changed: true }]);
    const again = await callback({ 'x-internal-token': TOKENS.internal });
    expect([again.status, await again.json()]).toEqual([
      200,
      { log_id: KNOWN_LOG, changed: false },
    ]);
    expect(served.engine.reporters).toEqual([null, 'key 7']);
  });

  it('answers 404 for an unknown log_id', async () => {
    const response = await callback(
      { 'x-internal-token': OWN_TOKEN },
      { ...report, log_id: 'nobody' },
    );
    expect(response.status).toBe(404);
    expect(await problemOf(response)).toMatchObject({ code: 'UNKNOWN_LOG' });
  });

  it.each([
    ['status', { ...report, status: 'DONE' }],
    ['response_status_code', { ...report, response_status_code: '200' }],
    ['response_time', { ...report, response_time: -1 }],
    ['log_id', { status: 'SUCCESS' }],
  ])('refuses a wrong type and names the field: %s', async (field, body) => {
    const response = await callback({ 'x-internal-token': OWN_TOKEN }, body);
    expect(response.status).toBe(422);
    expect((await problemOf(response)).errors[0]?.field).toBe(field);
  });
});

describe('reports', () => {
  it('are limited by key; our own worker’s, which its deliveries limit, are not', async () => {
    const limited = await serve();
    limited.engine.settings.callbackRateLimit = 2;
    const report = { log_id: KNOWN_LOG, stage: 'MIRTH' };
    const send = async (token: string) =>
      limited.post('/integration_callback/', report, {
        authorization: '',
        'x-internal-token': token,
      });
    try {
      for (const status of [200, 200, 429, 429]) {
        expect((await send(TOKENS.internal)).status).toBe(status);
      }
      const refused = await send(TOKENS.internal);
      expect(await problemOf(refused)).toMatchObject({ code: 'RATE_LIMITED' });
      expect(refused.headers.get('retry-after')).not.toBeNull();
      for (let count = 0; count < 5; count++) expect((await send(OWN_TOKEN)).status).toBe(200);
      expect((await send('wrong')).status).toBe(401);
    } finally {
      await limited.server.close();
    }
  });
});

describe('guessing at keys', () => {
  it('is stopped after 30 wrong keys a minute, but no made key is shut out', async () => {
    const guessed = await serve();
    try {
      expect((await guessed.post('/billing/', BILL)).status).toBe(201);
      for (let tries = 0; tries < 30; tries++) {
        const wrong = { authorization: `Bearer wrong-${tries}` };
        expect((await guessed.post('/billing/', BILL, wrong)).status).toBe(401);
      }
      const wrong = { authorization: 'Bearer wrong' };
      const refused = await guessed.post('/billing/', BILL, wrong);
      expect(refused.status).toBe(429);
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
      // A right guess at what a person chose is not told apart from a wrong one…
      const chosen = { authorization: `Bearer ${TOKENS.chosen}` };
      expect((await guessed.post('/billing/', BILL, chosen)).status).toBe(429);
      // …but a key that was made here, tried for the first time even, is nobody's guess.
      const made = { authorization: `Bearer ${TOKENS.admin}` };
      expect((await guessed.post('/billing/', BILL, made)).status).toBe(201);
      // Our own worker's reports are never in the way of it.
      const own = { 'x-internal-token': OWN_TOKEN };
      const report = { log_id: KNOWN_LOG, stage: 'MIRTH' };
      expect((await guessed.post('/integration_callback/', report, own)).status).toBe(200);
    } finally {
      await guessed.server.close();
    }
  });

  it('is not what a program does that repeats one wrong key, so it shuts out nobody', async () => {
    const shared = await serve();
    try {
      for (let calls = 0; calls < 40; calls++) {
        const revoked = { authorization: 'Bearer revoked' };
        expect((await shared.post('/billing/', BILL, revoked)).status).toBe(401);
        expect((await shared.post('/billing/', BILL, { authorization: '' })).status).toBe(401);
      }
      expect((await shared.post('/billing/', BILL)).status).toBe(201);
    } finally {
      await shared.server.close();
    }
  });

  it('is forgotten after its window', () => {
    let now = 0;
    const limiter = new GuessLimiter({ limit: 2, windowMs: 1_000, now: () => now });
    limiter.failed('a', 'one');
    limiter.failed('a', 'one');
    expect(limiter.waitOf('a')).toBe(0);
    limiter.failed('a', 'two');
    expect(limiter.waitOf('a')).toBe(1);
    expect(limiter.waitOf('b')).toBe(0);
    now = 1_000;
    expect(limiter.waitOf('a')).toBe(0);
  });
});
