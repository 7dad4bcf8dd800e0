import { expect, test } from 'vitest';
import { HoldAlertCounter, orderChecks } from '../../src/main/engine/order-alerts.ts';

const NOTHING = { heldKeys: { HEAD_UNKNOWN: 0, HEAD_REFUSED: 0, HEAD_RETRYING: 0 }, overdue: 0 };
const hold = { logId: 'head', labIntegrationId: 1, waiting: 3 };

test('where nothing is held, late or was released, there is nothing to tell', () => {
  expect(orderChecks(NOTHING, new HoldAlertCounter(), 0)).toEqual([]);
});

test('held keys are told by why their followers wait, without naming them', () => {
  const order = { heldKeys: { HEAD_UNKNOWN: 1, HEAD_REFUSED: 2, HEAD_RETRYING: 3 }, overdue: 0 };
  expect(orderChecks(order, new HoldAlertCounter(), 0)).toEqual([
    {
      name: 'order',
      ok: false,
      detail:
        '1 ordering key is held behind a delivery in doubt (30 minutes at most); ' +
        '3 ordering keys are held behind a delivery that is tried again (30 minutes at most); ' +
        '2 ordering keys are held behind a refused delivery until a person releases it',
    },
  ]);
});

test('holds that ran out are told for an hour', () => {
  const alerts = new HoldAlertCounter();
  alerts.add([hold, hold], 1_000);
  alerts.add([hold], 2_000);
  expect(alerts.count).toBe(3);
  expect(orderChecks(NOTHING, alerts, 2_000 + 3_599_999)).toMatchObject([
    { name: 'order', ok: false, detail: expect.stringMatching(/^3 since the start released/) },
  ]);
  expect(orderChecks(NOTHING, alerts, 2_000 + 3_600_000)).toEqual([]);
});

test.each([
  [1, '1 open delivery is past deliver_by'],
  [7, '7 open deliveries are past deliver_by'],
])('%i late ones are told', (overdue, detail) => {
  expect(orderChecks({ ...NOTHING, overdue }, new HoldAlertCounter(), 0)).toEqual([
    { name: 'deadlines', ok: false, detail },
  ]);
});
