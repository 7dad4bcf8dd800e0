import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ServedEngine } from '../../src/main/http/server.ts';
import { TOKENS } from './fake-engine.ts';
import { problemOf, type Served, serve } from './serving.ts';

let served: Served;
let asked: Parameters<ServedEngine['appointments']['list']>[];
beforeAll(async () => {
  served = await serve();
  served.engine.appointments.list = async (...call) => {
    asked.push(call);
    return { items: [], next_cursor: null };
  };
});
afterAll(() => served.server.close());

function get(query: string, token: string = TOKENS.appointments): Promise<Response> {
  asked = [];
  const headers = { authorization: `Bearer ${token}` };
  return fetch(`${served.url}/appointment/${query}`, { headers });
}

describe('GET /appointment/', () => {
  it('asks for what its query says, for the labs of the key', async () => {
    const query =
      '?lab_id=7&status=BOOKED&from=2026-12-01T08:30:00%2B05:30&to=2026-12-02T00:00:00Z&cursor=1.2&limit=200';
    const response = await get(query);
    expect([response.status, await response.json()]).toEqual([
      200,
      { items: [], next_cursor: null },
    ]);
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(asked).toEqual([
      [
        {
          lab_id: 7,
          status: 'BOOKED',
          from: '2026-12-01T08:30:00+05:30',
          to: '2026-12-02T00:00:00Z',
          cursor: '1.2',
          limit: 200,
        },
        expect.objectContaining({ labIds: [7] }),
      ],
    ]);
    expect((await get('?lab_id=7')).status).toBe(200);
    expect(asked[0]?.[0]).toEqual({ lab_id: 7, limit: 50 });
  });

  it.each([
    ['lab_id', ''],
    ['lab_id', '?lab_id='],
    ['lab_id', '?lab_id=seven'],
    ['lab_id', '?lab_id=7&lab_id=8'],
    ['status', '?lab_id=7&status=booked'],
    ['from', '?lab_id=7&from=today'],
    ['to', '?lab_id=7&to=2026-12-01'],
    ['limit', '?lab_id=7&limit=0'],
    ['limit', '?lab_id=7&limit=201'],
    ['limit', '?lab_id=7&limit=ten'],
    ['patient', '?lab_id=7&patient=Asha'],
  ])('names what is wrong: %s in %j', async (field, query) => {
    const response = await get(query);
    expect(response.status).toBe(422);
    const problem = await problemOf(response);
    expect(problem.errors.map((error) => error.field)).toEqual([field]);
    expect(asked).toEqual([]);
  });

  it.each([
    ['appointments', 200],
    // It may post to every route, and was not made to read.
    ['inbound', 403],
    ['billingOnly', 403],
    ['viewer', 403],
    ['operator', 200],
    ['admin', 200],
    ['internal', 403],
  ] as const)('is for keys that name it, and for people who may act: %s', async (who, status) => {
    expect((await get('?lab_id=7', TOKENS[who])).status).toBe(status);
  });

  it('needs a key, and stands beside the POST in the OpenAPI document', async () => {
    expect((await fetch(`${served.url}/appointment/?lab_id=7`)).status).toBe(401);
    const document = (await (await fetch(`${served.url}/openapi.json`)).json()) as {
      paths: Record<string, Record<string, { parameters?: { name: string; in: string }[] }>>;
    };
    const path = document.paths['/appointment/'];
    expect(Object.keys(path ?? {}).sort()).toEqual(['get', 'post']);
    expect(path?.['get']?.parameters).toEqual(
      ['lab_id', 'status', 'from', 'to', 'cursor', 'limit'].map((name) =>
        expect.objectContaining({ name, in: 'query', schema: expect.any(Object) }),
      ),
    );
    const put = await fetch(`${served.url}/appointment/`, { method: 'PUT' });
    expect([put.status, put.headers.get('allow')]).toEqual([405, 'GET, HEAD, POST']);
  });
});
