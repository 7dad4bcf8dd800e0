import { afterEach, beforeEach, expect, test } from 'vitest';
import { breakerHandlers } from '../../src/main/bridge/procedures/breakers.ts';
import { Breakers } from '../../src/main/engine/queue/breakers.ts';
import { type OpenStore, openLocalStore } from '../store/local-store.ts';
import { configure, delivery, event, settleAs, stampNext, UNREACHED } from '../store/samples.ts';
import { caller } from './calling.ts';

const AT = '1970-01-01T00:00:04.000Z';

let store: OpenStore;
let rule: number;
let call: ReturnType<typeof handlers>;

function handlers() {
  const deps = { store, clock: () => 4_000, onChange: () => {}, giveBack: async () => {} };
  return caller(breakerHandlers(new Breakers(deps)));
}

beforeEach(async () => {
  store = openLocalStore();
  call = handlers();
  rule = await configure(store);
});
afterEach(() => store.close());

test('none is listed of what fares well', async () => {
  expect(await call('listBreakers', {})).toEqual({ items: [] });
});

test('what is open by itself tells why, when it is tried next and how many wait', async () => {
  await store.acceptEvent(event([delivery(rule), delivery(rule)]));
  const { task } = await stampNext(store);
  await settleAs(store, task, UNREACHED);
  expect((await call('listBreakers', {})).items).toEqual([
    {
      lab_integration_id: rule,
      name: 'rule',
      state: 'open',
      reason: 'ENDPOINT_DOWN',
      since: '1970-01-01T00:00:02.000Z',
      opened_by: null,
      note: null,
      failures: 1,
      next_probe_at: '1970-01-01T00:00:17.000Z',
      waiting: 2,
    },
  ]);
});

test('is opened and closed by whoever gives a reason; a repeat changes nothing', async () => {
  const input = { lab_integration_id: rule, state: 'open', reason: ' partner moves ' } as const;
  const opened = {
    lab_integration_id: rule,
    name: 'rule',
    state: 'open',
    reason: 'BY_HAND',
    since: AT,
    opened_by: 'Anna',
    note: 'partner moves',
    failures: 0,
    next_probe_at: null,
    waiting: 0,
  };
  expect(await call('setBreaker', input)).toEqual({ ...opened, changed: true });
  expect(await call('setBreaker', { ...input, reason: 'again' })).toEqual({
    ...opened,
    changed: false,
  });
  expect((await call('listBreakers', {})).items).toEqual([opened]);
  expect(await call('setBreaker', { ...input, state: 'closed' })).toMatchObject({
    state: 'closed',
    reason: null,
    opened_by: null,
    note: null,
    changed: true,
  });
  expect((await call('listBreakers', {})).items).toEqual([]);
});

test.each([
  [{ reason: 'x' }, 'INVALID_INPUT', 'reason'],
  [{ state: 'ajar' }, 'INVALID_INPUT', 'state'],
  [{ lab_integration_id: 404 }, 'NOT_FOUND', 'lab_integration_id'],
])('is refused with %o', async (fault, code, field) => {
  const input = { lab_integration_id: rule, state: 'open', reason: 'partner moves', ...fault };
  await expect(call('setBreaker', input as never)).rejects.toMatchObject({
    code,
    errors: [{ field }],
  });
});
