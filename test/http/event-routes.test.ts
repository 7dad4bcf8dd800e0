import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TOKENS } from './fake-engine.ts';
import { BILL, type Served, serve, problemOf } from './serving.ts';

let served: Served;
beforeAll(async () => {
  served = await serve();
});
afterAll(() => served.server.close());

describe('event routes', () => {
  it('hand a posted event to intake and answer what it committed', async () => {
    const response = await served.post('/billing/', BILL, { 'idempotency-key': 'bill-17' });
    expect(response.status).toBe(201);
    expect(await response.json()).toMatchObject({ log_ids: [] });
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
    expect(served.engine.accepted.at(-1)).toEqual({
      route: '/billing/',
      body: BILL,
      caller: { accessKeyId: 1, labIds: null, idempotencyKey: 'bill-17' },
    });
  });

  it('take the path with and without a slash at its end, and the key in x-api-key', async () => {
    const response = await served.post('/billing', BILL, {
      authorization: '',
      'x-api-key': TOKENS.inbound,
    });
    // An empty Authorization header is a wrong one: it is not passed over for another.
    expect(response.status).toBe(401);
    const plain = await fetch(`${served.url}/billing`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-api-key': TOKENS.inbound },
      body: JSON.stringify(BILL),
    });
    expect(plain.status).toBe(201);
  });

  it('mark the answer to a repeat', async () => {
    const key = { 'idempotency-key': 'twice' };
    const first = await served.post('/billing/', BILL, key);
    const second = await served.post('/billing/', BILL, key);
    expect(first.headers.get('idempotent-replayed')).toBeNull();
    expect(second.headers.get('idempotent-replayed')).toBe('true');
  });

  it.each([
    ['lab_id', { ...BILL, lab_id: 'seven' }],
    ['bill', { lab_id: 7 }],
    ['bill.bill_id', { lab_id: 7, bill: { patient: { patient_id: 1 } } }],
    ['', []],
    ['', '"text"'],
  ])('refuse a wrong type and name the field: %s', async (field, body) => {
    const before = served.engine.accepted.length;
    const response = await served.post('/billing/', body);
    expect(response.status).toBe(422);
    expect(response.headers.get('content-type')).toContain('application/problem+json');
    const problem = await problemOf(response);
    expect(problem).toMatchObject({ code: 'INVALID_INPUT', status: 422 });
    expect(problem.errors[0]?.field).toBe(field);
    expect(problem.errors[0]?.reason).not.toBe('');
    expect(served.engine.accepted.length).toBe(before);
  });

  it('refuse an Idempotency-Key that is none', async () => {
    const response = await served.post('/billing/', BILL, { 'idempotency-key': 'x'.repeat(256) });
    expect(response.status).toBe(422);
    expect((await problemOf(response)).errors[0]?.field).toBe('Idempotency-Key');
  });

  it('let a limited key call its own routes only', async () => {
    const key = { authorization: `Bearer ${TOKENS.billingOnly}` };
    expect((await served.post('/billing/', BILL, key)).status).toBe(201);
    const other = await served.post('/patient/', { lab_id: 7, patient: { patient_id: 1 } }, key);
    expect(other.status).toBe(403);
    expect(await other.json()).toMatchObject({
      code: 'FORBIDDEN',
      errors: [{ field: 'Authorization', reason: expect.stringContaining('routes include it') }],
    });
  });

  it('hand the labs of a limited key to intake', async () => {
    const key = { authorization: `Bearer ${TOKENS.labSevenOnly}` };
    expect((await served.post('/billing/', BILL, key)).status).toBe(201);
    expect((await served.post('/billing/', { ...BILL, lab_id: 8 }, key)).status).toBe(403);
  });

  it.each([
    ['operator', 201],
    ['admin', 201],
    ['viewer', 403],
    ['internal', 403],
  ] as const)('take events of a person who may act: %s', async (who, status) => {
    const key = { authorization: `Bearer ${TOKENS[who]}` };
    expect((await served.post('/billing/', BILL, key)).status).toBe(status);
  });
});

describe('the limit of one key', () => {
  it('counts over all event routes and says when to try again', async () => {
    const limited = await serve();
    limited.engine.settings.eventRateLimit = 2;
    try {
      expect((await limited.post('/billing/', BILL)).status).toBe(201);
      const patient = { lab_id: 7, patient: { patient_id: 1 } };
      expect((await limited.post('/patient/', patient)).status).toBe(201);
      const third = await limited.post('/billing/', BILL);
      expect(third.status).toBe(429);
      expect(await third.json()).toMatchObject({ code: 'RATE_LIMITED' });
      expect(Number(third.headers.get('retry-after'))).toBeGreaterThan(0);
      // Another key is not touched.
      const other = { authorization: `Bearer ${TOKENS.billingOnly}` };
      expect((await limited.post('/billing/', BILL, other)).status).toBe(201);
    } finally {
      await limited.server.close();
    }
  });
});
