import { beforeEach, describe, expect, test } from 'vitest';
import type { AttemptReport, ClaimedTask } from '../../src/shared/model/delivery.ts';
import { openLocalStore } from './local-store.ts';
import { configure, delivery, event, settleAs, stampNext, statesIn, UNREACHED } from './samples.ts';

let store: ReturnType<typeof openLocalStore>;
let rule: number;

beforeEach(async () => {
  store = openLocalStore();
  rule = await configure(store);
});

const claim = (now: number) => store.claim({ worker: 'w', limit: 10, leaseUntil: 9e12, now });
const settle = (task: ClaimedTask, outcome: Partial<AttemptReport>) =>
  settleAs(store, task, outcome);
const states = () => statesIn(store.file);

describe('a clock that was set back by a day', () => {
  const NOW = 1_800_000_000_000;
  const YESTERDAY = NOW - 24 * 3_600_000;

  test('does not keep an endpoint from being probed', async () => {
    await store.acceptEvent(event([delivery(rule)]));
    const { task } = await stampNext(store, 'w', NOW);
    await settle(task, { ...UNREACHED, activityDate: NOW });
    expect(await claim(NOW + 14_999)).toEqual([]);
    expect(await claim(YESTERDAY)).toHaveLength(1);
  });

  test('does not hold the followers of a head in doubt until it has caught up', async () => {
    await store.acceptEvent(event([delivery(rule, { orderingKey: 'K' })]));
    await store.acceptEvent(event([delivery(rule, { orderingKey: 'K' })]));
    const { task } = await stampNext(store, 'w', NOW);
    await settle(task, {
      status: 'FAIL',
      certainty: 'UNKNOWN',
      errorKind: 'TIMEOUT',
      responseStatusCode: null,
      activityDate: NOW,
    });
    expect((await store.tendOrder({ now: NOW })).expired).toEqual([]);
    expect((await store.tendOrder({ now: YESTERDAY })).expired).toHaveLength(1);
    expect(states()).toEqual(['READY']);
  });
});
