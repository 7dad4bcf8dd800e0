import { expect, test } from 'vitest';
import type { MappingResult } from '../../../src/main/engine/payload/evaluator.ts';
import { anyone, idOfCategory, intakeWith, rule } from './lab.ts';

const BILL = { lab_id: 7, bill: { bill_id: 17, ward: 'A', patient: { patient_id: 'P1' } } };

const KEYS: Record<string, MappingResult> = {
  ward: { ok: true, value: 'A' },
  number: { ok: true, value: 17 },
  nothing: { ok: true, value: undefined },
  broken: { ok: false, fault: 'RUNTIME', message: 'the mapping failed: no such thing' },
  mapped: { ok: true, value: { id: 17 } },
};

/** The deliveries that one bill makes of rules with these settings. */
async function deliveriesOf(rules: Parameters<typeof rule>[1][], body: object = BILL) {
  const category = idOfCategory('BILL_GENERATED');
  const numbered = rules.map((values, index) =>
    rule(category, { labIntegrationId: 41 + index, ...values }),
  );
  const { intake, store } = intakeWith(numbered, KEYS);
  const answer = await intake.accept('/billing/', body, anyone);
  expect(answer.status).toBe(201);
  return store.deliveries;
}

test('each rule’s expression makes the key of its delivery; nothing makes none', async () => {
  const deliveries = await deliveriesOf([
    { orderingKey: 'ward' },
    { orderingKey: 'number' },
    { orderingKey: 'nothing' },
    {},
  ]);
  expect(deliveries.map(({ log }) => log.orderingKey)).toEqual(['A', '17', null, null]);
  expect(deliveries.every(({ enqueue }) => enqueue)).toBe(true);
});

test('the key that an event brings wins over the rules’, which are not even evaluated', async () => {
  const deliveries = await deliveriesOf([{ orderingKey: 'broken' }, {}], {
    ...BILL,
    ordering_key: 'ACC-1',
  });
  expect(deliveries.map(({ log }) => log.orderingKey)).toEqual(['ACC-1', 'ACC-1']);
});

test('an expression that fails at an event gives a FAIL log, and loses neither event nor others', async () => {
  const [broken, mapped] = await deliveriesOf([
    { orderingKey: 'broken', mapping: 'mapped' },
    { orderingKey: 'ward', mapping: 'mapped' },
  ]);
  expect(broken).toMatchObject({
    enqueue: false,
    revision: null,
    log: {
      status: 'FAIL',
      certainty: 'NOT_SENT',
      errorKind: 'PAYLOAD',
      errorMessage: 'the ordering key failed: no such thing',
      orderingKey: null,
    },
  });
  expect(mapped).toMatchObject({ enqueue: true, log: { orderingKey: 'A' } });
});
