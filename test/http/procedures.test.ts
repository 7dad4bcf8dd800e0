import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { contract, type ProcedureName } from '../../src/shared/contract/index.ts';
import { ROLES } from '../../src/shared/model/vocabulary.ts';
import { procedurePath } from '../../src/main/http/procedure-routes.ts';
import { TOKENS } from './fake-engine.ts';
import { type Served, serve, problemOf } from './serving.ts';

const names = Object.keys(contract) as ProcedureName[];

let served: Served;
beforeAll(async () => {
  served = await serve();
});
afterAll(() => served.server.close());

function call(name: ProcedureName, input: unknown, token?: string): Promise<Response> {
  return served.post(procedurePath(name), input, {
    authorization: token === undefined ? '' : `Bearer ${token}`,
  });
}

describe.each(names)('%s', (name) => {
  const { role } = contract[name];
  const tooWeak = ROLES.slice(0, ROLES.indexOf(role));

  it('is refused without a key', async () => {
    const response = await call(name, {});
    expect(response.status).toBe(401);
    expect(await problemOf(response)).toMatchObject({ code: 'UNAUTHENTICATED' });
  });

  it('is refused to keys that are no person’s, and to weaker roles', async () => {
    for (const token of [TOKENS.inbound, TOKENS.internal, ...tooWeak.map((weak) => TOKENS[weak])]) {
      const response = await call(name, {}, token);
      expect(response.status).toBe(403);
      expect(await problemOf(response)).toMatchObject({
        code: 'FORBIDDEN',
        errors: [{ field: 'Authorization', reason: expect.stringMatching(/[Uu]se|called with/) }],
      });
    }
    expect(served.engine.calls.filter((made) => made.name === name)).toEqual([]);
  });

  it('refuses a field that it does not know, before anything is done', async () => {
    const response = await call(name, { no_such_field: 1 }, TOKENS.admin);
    expect(response.status).toBe(422);
    expect((await problemOf(response)).errors).toContainEqual({
      field: 'no_such_field',
      reason: 'is not a field of this call; remove it',
    });
    expect(served.engine.calls.filter((made) => made.name === name)).toEqual([]);
  });
});

describe('a procedure over HTTP', () => {
  it('gets its input with defaults, and who calls it', async () => {
    const response = await call('searchLogs', { status: ['FAIL'] }, TOKENS.viewer);
    expect([response.status, await response.json()]).toEqual([
      200,
      { items: [], next_cursor: null, total_estimate: 0 },
    ]);
    expect(served.engine.calls.at(-1)).toEqual({
      name: 'searchLogs',
      input: { status: ['FAIL'], include_suppressed: false, limit: 50 },
      role: 'viewer',
    });
  });

  it('needs no body where it needs no input', async () => {
    const response = await fetch(served.url + procedurePath('listLabs'), {
      method: 'POST',
      headers: { authorization: `Bearer ${TOKENS.viewer}` },
    });
    expect([response.status, await response.json()]).toEqual([200, { items: [] }]);
  });

  it('answers nothing that its output does not have', async () => {
    served.engine.answers.listLabs = { items: [], secret: 'kept' };
    const response = await call('listLabs', {}, TOKENS.viewer);
    expect(await response.json()).toEqual({ items: [] });
  });

  it('is a fault of ours where its answer is not what the contract says', async () => {
    served.engine.answers.listLabs = { items: 'none' };
    const response = await call('listLabs', {}, TOKENS.viewer);
    expect(response.status).toBe(500);
    expect(await problemOf(response)).toMatchObject({ code: 'INTERNAL' });
    delete served.engine.answers.listLabs;
  });

  it('has a limit of its own for each key', async () => {
    const limited = await serve();
    limited.engine.settings.consoleRateLimit = 1;
    const viewer = { authorization: `Bearer ${TOKENS.viewer}` };
    try {
      expect((await limited.post('/api/v1/list-labs', {}, viewer)).status).toBe(200);
      expect((await limited.post('/api/v1/search-logs', {}, viewer)).status).toBe(429);
    } finally {
      await limited.server.close();
    }
  });
});
