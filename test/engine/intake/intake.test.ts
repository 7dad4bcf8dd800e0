import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { newId } from '../../../src/main/engine/intake/new-id.ts';
import { categoriesAbout } from '../../../src/main/engine/triggers/index.ts';
import { LabRelayError } from '../../../src/shared/errors.ts';
import type { NewDelivery } from '../../../src/shared/model/delivery.ts';
import type { JsonObject } from '../../../src/shared/model/json.ts';
import { anyone, idOfCategory, intakeWith, NOW, rule } from './lab.ts';

const ruleFor = (code: string, values = {}) => rule(idOfCategory(code), values);
const UUID7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

const bill = (values: JsonObject = {}): JsonObject => ({
  lab_id: 7,
  bill: { bill_id: 17, total: 100, patient: { patient_id: 'P1', name: 'Asha' }, ...values },
});

const payloadOf = (delivery: NewDelivery | undefined) =>
  JSON.parse(delivery?.revision?.body ?? 'null') as JsonObject;

async function refusal(promise: Promise<unknown>) {
  const error = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (!(error instanceof LabRelayError)) throw new Error('was not refused');
  return { code: error.code, field: error.errors[0]?.field };
}

test('ids made one after another sort in that order and never repeat', () => {
  const ids = Array.from({ length: 5_000 }, newId);
  expect(ids.every((id) => UUID7.test(id))).toBe(true);
  expect(ids.every((id, n) => n === 0 || id > (ids[n - 1] ?? ''))).toBe(true);
});

describe('an accepted event', () => {
  test('has a log, a first revision and a task per rule, all told in the answer', async () => {
    const rules = [ruleFor('BILL_GENERATED'), ruleFor('BILL_GENERATED', { labIntegrationId: 42 })];
    const { intake, store, announced } = intakeWith(rules);
    const body = {
      ...bill(),
      priority: 'STAT',
      deliver_by: '2026-11-23T10:00:00+05:30',
      ordering_key: 'ACC-1',
    };
    const answer = await intake.accept('/billing/', body, anyone);

    const logIds = store.deliveries.map(({ log }) => log.logId);
    const eventId = store.events[0]?.eventId;
    expect(answer).toEqual({
      status: 201,
      body: { bill_id: 17, event_id: eventId, log_ids: logIds },
      repeated: false,
    });
    expect(announced).toEqual(logIds);
    expect(new Set(logIds).size).toBe(2);
    for (const id of [eventId, ...logIds]) expect(id).toMatch(UUID7);

    const references = [
      { kind: 'event', id: eventId },
      { kind: 'bill', id: '17' },
      { kind: 'patient', id: 'P1' },
    ];
    const [first] = store.deliveries;
    expect(first?.log).toEqual({
      logId: logIds[0],
      direction: 'OUTBOUND',
      status: 'PENDING',
      certainty: null,
      retryState: 'NONE',
      stage: 'ENQUEUED',
      priority: 'STAT',
      deliverBy: Date.parse('2026-11-23T04:30:00.000Z'),
      orderingKey: 'ACC-1',
      labId: 7,
      organizationId: 70,
      labIntegrationId: 41,
      configVersion: 3,
      actionCategoryListId: idOfCategory('BILL_GENERATED'),
      actionCategory: 'BILL_GENERATED',
      eventId,
      batchId: null,
      triggeredBy: null,
      references,
      transport: 'http',
      endPoint: 'http://partner.example/hook',
      requestMethod: 'POST',
      errorKind: null,
      errorMessage: null,
      integrationCallbackUrl: 'http://127.0.0.1:7420/integration_callback/',
      isRetryEnabled: true,
      retryContext: { actionCategory: 'BILL_GENERATED', references },
      createdAt: NOW,
    });
    expect(first?.enqueue).toBe(true);
    expect(first?.revision).toMatchObject({
      number: 1,
      configVersion: 3,
      reason: 'FIRST',
      contentType: 'application/json',
      sha256: createHash('sha256')
        .update(first?.revision?.body ?? '')
        .digest('hex'),
    });
    expect(payloadOf(first)).toEqual({
      log_id: logIds[0],
      event_id: eventId,
      action_category: 'BILL_GENERATED',
      lab_id: 7,
      data: {
        bill: {
          bill_id: 17,
          total: 100,
          patient_id: 'P1',
          patient: { patient_id: 'P1', name: 'Asha' },
        },
      },
    });
  });

  test('is kept also where no rule wants it', async () => {
    const { intake, store, announced } = intakeWith([]);
    const answer = await intake.accept('/billing/', bill(), anyone);
    expect(answer.body.log_ids).toEqual([]);
    expect(store.events[0]).toMatchObject({
      actionCategory: 'BILL_GENERATED',
      document: { bill: bill().bill },
      bodyHash: '',
    });
    expect(announced).toEqual([]);
  });

  test('survives a listener that throws', async () => {
    const { intake, store } = intakeWith(
      [ruleFor('BILL_GENERATED')],
      {},
      {
        onCommitted: () => {
          throw new Error('listener');
        },
      },
    );
    const warned = new Promise((resolve) => process.once('warning', resolve));
    await expect(intake.accept('/billing/', bill(), anyone)).resolves.toMatchObject({
      status: 201,
    });
    expect(store.deliveries).toHaveLength(1);
    await warned;
  });
});

describe('the action category', () => {
  test('is BILL_GENERATED at first sight of a bill_id, then BILL_UPDATED; 17 and "17" are one', async () => {
    const { intake, store } = intakeWith([]);
    await intake.accept('/billing/', bill(), anyone);
    await intake.accept('/billing/', bill({ bill_id: '17' }), anyone);
    await intake.accept('/billing/', bill({ bill_id: 18 }), anyone);
    expect(store.events.map(({ actionCategory }) => actionCategory)).toEqual([
      'BILL_GENERATED',
      'BILL_UPDATED',
      'BILL_GENERATED',
    ]);
  });

  test('is PATIENT_REGISTERED, then PATIENT_UPDATED', async () => {
    const { intake, store } = intakeWith([]);
    const patient = { lab_id: 7, patient: { patient_id: 1 } };
    await intake.accept('/patient/', patient, anyone);
    await intake.accept('/patient/', patient, anyone);
    expect(store.events.map(({ actionCategory }) => actionCategory)).toEqual([
      'PATIENT_REGISTERED',
      'PATIENT_UPDATED',
    ]);
  });

  test('can be named by the caller, one of its own too', async () => {
    const { intake, store } = intakeWith([ruleFor('OWN')]);
    const payment = { ...bill(), action_category: 'PAYMENT_RECEIVED', payment: { amount: 5 } };
    await intake.accept('/billing/', payment, anyone);
    await intake.accept('/billing/', { ...bill(), action_category: 'OWN' }, anyone);
    expect(store.events.map(({ actionCategory }) => actionCategory)).toEqual([
      'PAYMENT_RECEIVED',
      'OWN',
    ]);
    expect(payloadOf(store.deliveries[0])).toMatchObject({
      action_category: 'OWN',
      data: { bill: { bill_id: 17, patient: { name: 'Asha' } } },
    });
  });

  test.each([
    ['is unknown', 'NOPE', 'UNKNOWN_ACTION_CATEGORY'],
    ['is switched off', 'OFF', 'UNKNOWN_ACTION_CATEGORY'],
    ['is about something else', 'REPORT_SIGNED', 'INVALID_INPUT'],
  ])('is refused where it %s', async (_why, code, expected) => {
    const { intake, store } = intakeWith([]);
    const call = intake.accept('/billing/', { ...bill(), action_category: code }, anyone);
    await expect(refusal(call)).resolves.toEqual({ code: expected, field: 'action_category' });
    expect(store.events).toEqual([]);
  });

  test('that does not fit the route is refused with those that do', async () => {
    const { intake } = intakeWith([]);
    const call = intake.accept(
      '/billing/',
      { ...bill(), action_category: 'REPORT_SIGNED' },
      anyone,
    );
    await expect(call).rejects.toThrow(categoriesAbout('bill').join(', '));
  });

  test('asks for its own data, in the words of the route', async () => {
    const { intake } = intakeWith([]);
    const unpaid = { ...bill(), action_category: 'PAYMENT_RECEIVED' };
    await expect(refusal(intake.accept('/billing/', unpaid, anyone))).resolves.toEqual({
      code: 'INVALID_INPUT',
      field: 'payment',
    });
    const generic = {
      lab_id: 7,
      action_category: 'SAMPLE_REJECTED',
      data: { sample: { sample_id: 1 } },
    };
    await expect(refusal(intake.accept('/api/v1/events', generic, anyone))).resolves.toEqual({
      code: 'INVALID_INPUT',
      field: 'data.sample.rejection_reason',
    });
  });
});

describe('the caller', () => {
  test.each([
    ['a lab that does not exist', 99, null, 'UNKNOWN_LAB'],
    ['a lab that is switched off', 8, null, 'UNKNOWN_LAB'],
    ['a lab of another key', 7, [1, 2], 'FORBIDDEN'],
  ])('may not speak for %s', async (_which, labId, labIds, code) => {
    const { intake, store } = intakeWith([]);
    const call = intake.accept('/billing/', { ...bill(), lab_id: labId }, { ...anyone, labIds });
    await expect(refusal(call)).resolves.toEqual({ code, field: 'lab_id' });
    expect(store.events).toEqual([]);
  });

  test('may speak for the labs of its key', async () => {
    const { intake } = intakeWith([]);
    const answer = await intake.accept('/billing/', bill(), { ...anyone, labIds: [7] });
    expect(answer.status).toBe(201);
  });
});

const state = (time: string, total: number) =>
  bill({ source_updated_at: `2026-11-23T${time}:00Z`, total });

describe('domain objects', () => {
  test('are merged; the payload has the whole bill although the event brought a part', async () => {
    const { intake, store } = intakeWith([ruleFor('BILL_UPDATED')]);
    await intake.accept('/billing/', bill(), anyone);
    await intake.accept('/billing/', { lab_id: 7, bill: { bill_id: 17, paid: true } }, anyone);
    expect(store.object(7, 'bill', '17')).toMatchObject({
      version: 2,
      document: { bill_id: 17, total: 100, paid: true, patient_id: 'P1' },
    });
    expect(store.object(7, 'patient', 'P1')).toMatchObject({ version: 1 });
    expect(payloadOf(store.deliveries[0])).toMatchObject({
      data: { bill: { total: 100, paid: true, patient: { name: 'Asha' } } },
    });
    expect(store.deliveries[0]?.log.references.map(({ kind }) => kind)).toEqual([
      'event',
      'bill',
      'patient',
    ]);
  });

  test('are never set back by an older state, and the payload tells the newer one', async () => {
    const { intake, store } = intakeWith([ruleFor('BILL_UPDATED')]);
    await intake.accept('/billing/', state('09:00', 200), anyone);
    await intake.accept('/billing/', state('08:00', 100), anyone);
    expect(store.object(7, 'bill', '17')?.document).toMatchObject({ total: 200 });
    expect(payloadOf(store.deliveries[0])).toMatchObject({ data: { bill: { total: 200 } } });
  });

  test('have a patient that a late bill does not set back', async () => {
    const { intake, store } = intakeWith([]);
    const patient = { patient_id: 'P1', name: 'Asha Verma', mobile: '2' };
    const newer = { source_updated_at: '2026-11-23T09:00:00Z', ...patient };
    await intake.accept('/patient/', { lab_id: 7, patient: newer }, anyone);
    const late = { patient: { ...patient, mobile: '1' } };
    await intake.accept(
      '/billing/',
      bill({ source_updated_at: '2026-11-23T08:00:00Z', ...late }),
      anyone,
    );
    expect(store.object(7, 'patient', 'P1')?.document).toMatchObject({ mobile: '2' });
    await intake.accept(
      '/billing/',
      bill({ source_updated_at: '2026-11-23T10:00:00Z', ...late }),
      anyone,
    );
    expect(store.object(7, 'patient', 'P1')?.document).toMatchObject({ mobile: '1' });
  });

  test('that an event does not change get no new version', async () => {
    const { intake, store } = intakeWith([]);
    await intake.accept('/billing/', bill(), anyone);
    await intake.accept('/billing/', bill(), anyone);
    expect(store.object(7, 'bill', '17')?.version).toBe(1);
    expect(store.events).toHaveLength(2);
  });

  test('that are linked join the payload and the references: report, sample, bill, patient', async () => {
    const { intake, store } = intakeWith([ruleFor('REPORT_SUBMITTED')]);
    await intake.accept('/billing/', bill(), anyone);
    const sample = { lab_id: 7, sample: { sample_id: 'S1', bill_id: 17 } };
    await intake.accept('/sample/receive/', sample, anyone);
    const report = { lab_id: 7, report: { report_id: 'R1', sample_id: 'S1' } };
    const answer = await intake.accept('/report/submit/', report, anyone);
    expect(answer.body.report_id).toBe('R1');
    expect(store.deliveries[0]?.log.references.slice(1)).toEqual([
      { kind: 'report', id: 'R1' },
      { kind: 'sample', id: 'S1' },
      { kind: 'bill', id: '17' },
      { kind: 'patient', id: 'P1' },
    ]);
    expect(payloadOf(store.deliveries[0])).toMatchObject({
      data: {
        report: { report_id: 'R1' },
        sample: { sample_id: 'S1' },
        bill: { bill_id: 17, patient: { name: 'Asha' } },
      },
    });
  });

  test('are taken for new at first sight, and read once per event after that', async () => {
    const { intake, store } = intakeWith([ruleFor('BILL_GENERATED')]);
    await intake.accept('/billing/', bill(), anyone);
    expect(store.questions).toHaveLength(0);
    await intake.accept('/billing/', bill({ total: 120 }), anyone);
    expect(store.questions).toHaveLength(1);
  });

  test('that were known before this start are merged all the same', async () => {
    const rules = [ruleFor('BILL_GENERATED'), ruleFor('BILL_UPDATED', { labIntegrationId: 42 })];
    const { intake, store } = intakeWith(rules);
    await intake.accept('/billing/', bill(), anyone);
    // As after a restart: the store knows the bill, this intake has not seen it.
    const restarted = intakeWith(rules, {}, { store }).intake;
    await restarted.accept('/billing/', { lab_id: 7, bill: { bill_id: 17, paid: true } }, anyone);
    expect(store.events.map(({ actionCategory }) => actionCategory)).toEqual([
      'BILL_GENERATED',
      'BILL_UPDATED',
    ]);
    expect(payloadOf(store.deliveries[1])).toMatchObject({
      data: { bill: { bill_id: 17, total: 100, paid: true, patient: { name: 'Asha' } } },
    });
  });

  test('come with any event: references of the caller join the payload', async () => {
    const { intake, store } = intakeWith([ruleFor('OWN')]);
    await intake.accept('/billing/', bill(), anyone);
    const event = {
      lab_id: 7,
      action_category: 'OWN',
      data: { note: 'hello' },
      references: [{ kind: 'bill', id: 17 }],
    };
    const answer = await intake.accept('/api/v1/events', event, anyone);
    expect(answer).toMatchObject({ status: 202, body: { log_ids: [expect.any(String)] } });
    expect(answer.body).not.toHaveProperty('bill_id');
    expect(payloadOf(store.deliveries[0])).toMatchObject({
      data: { note: 'hello', bill: { total: 100, patient: { name: 'Asha' } } },
    });
  });
});

const keyed = (idempotencyKey: string, accessKeyId = 1) => ({
  ...anyone,
  accessKeyId,
  idempotencyKey,
});

describe('a repeated request', () => {
  test('with the same Idempotency-Key and body has the first answer again', async () => {
    const { intake, store } = intakeWith([ruleFor('BILL_GENERATED')]);
    const first = await intake.accept('/billing/', bill(), keyed('k1'));
    const reordered = { bill: bill().bill ?? null, lab_id: 7 };
    const second = await intake.accept('/billing/', reordered, keyed('k1'));
    expect(second).toEqual({ ...first, repeated: true });
    expect(store.events).toHaveLength(1);
    expect(store.deliveries).toHaveLength(1);
    expect(store.expiries).toEqual([NOW + 7 * 24 * 3_600_000]);
  });

  test('with the same key and another body is refused', async () => {
    const { intake } = intakeWith([]);
    await intake.accept('/billing/', bill(), keyed('k1'));
    const call = intake.accept('/billing/', bill({ total: 5 }), keyed('k1'));
    await expect(refusal(call)).resolves.toEqual({
      code: 'IDEMPOTENCY_KEY_REUSED',
      field: 'Idempotency-Key',
    });
  });

  test('keys of two callers, or of two routes, never meet', async () => {
    const { intake, store } = intakeWith([]);
    await intake.accept('/billing/', bill(), keyed('k1', 1));
    await intake.accept('/billing/', bill({ total: 5 }), keyed('k1', 2));
    await intake.accept('/patient/', { lab_id: 7, patient: { patient_id: 1 } }, keyed('k1', 1));
    expect(store.events).toHaveLength(3);
  });

  test.each(['', 'a b', 'ü', 'x'.repeat(256)])('refuses %j as a key', async (key) => {
    const { intake } = intakeWith([]);
    await expect(refusal(intake.accept('/billing/', bill(), keyed(key)))).resolves.toEqual({
      code: 'INVALID_INPUT',
      field: 'Idempotency-Key',
    });
  });

  test('with the same event_id is one event; with another body it is refused', async () => {
    const { intake, store } = intakeWith([ruleFor('BILL_GENERATED')]);
    const event = { ...bill(), event_id: 'my-1' };
    const first = await intake.accept('/billing/', event, anyone);
    expect(first.body.event_id).toBe('my-1');
    expect(await intake.accept('/billing/', event, anyone)).toEqual({ ...first, repeated: true });
    expect(store.deliveries).toHaveLength(1);
    const other = intake.accept('/billing/', { ...bill({ total: 5 }), event_id: 'my-1' }, anyone);
    await expect(refusal(other)).resolves.toEqual({ code: 'EVENT_ID_REUSED', field: 'event_id' });
  });

  test('sent twice at once is taken once', async () => {
    const { intake, store } = intakeWith([ruleFor('BILL_GENERATED')]);
    const event = { ...bill(), event_id: 'my-1' };
    const answers = await Promise.all(
      [1, 2, 3].map(() => intake.accept('/billing/', event, anyone)),
    );
    expect(answers.filter(({ repeated }) => !repeated)).toHaveLength(1);
    expect(new Set(answers.map(({ body }) => JSON.stringify(body))).size).toBe(1);
    expect(store.deliveries).toHaveLength(1);
  });
});

describe('events that meet on one object', () => {
  test('are all merged, none over another; one is the first', async () => {
    const { intake, store } = intakeWith([ruleFor('BILL_GENERATED'), ruleFor('BILL_UPDATED')]);
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, n) =>
        intake.accept('/billing/', { lab_id: 7, bill: { bill_id: 1, [`field_${n}`]: n } }, anyone),
      ),
    );
    expect(answers.every(({ status }) => status === 201)).toBe(true);
    const document = store.object(7, 'bill', '1')?.document ?? {};
    expect(Object.keys(document).filter((key) => key.startsWith('field_'))).toHaveLength(100);
    const categories = store.events.map(({ actionCategory }) => actionCategory);
    expect(categories.filter((code) => code === 'BILL_GENERATED')).toHaveLength(1);
    expect(store.deliveries).toHaveLength(100);
  });

  test('give up with CONTENDED where others never let them in, and nothing is kept', async () => {
    const { intake, store } = intakeWith([ruleFor('BILL_UPDATED')]);
    await intake.accept('/billing/', bill(), anyone);
    let commits = 0;
    store.beforeAccept = () => {
      commits++;
      const other = store.object(7, 'bill', '17');
      if (other) other.version++;
    };
    const call = intake.accept('/billing/', bill({ total: 5 }), anyone);
    await expect(refusal(call)).resolves.toMatchObject({ code: 'CONTENDED' });
    expect(commits).toBeGreaterThan(7);
    expect(store.events).toHaveLength(1);
    expect(store.deliveries).toEqual([]);
  });
});

describe('a mapping that fails at an event', () => {
  test('gives a FAIL log that says why; the event and other rules go on', async () => {
    const rules = [
      ruleFor('BILL_GENERATED', { mapping: 'bad' }),
      ruleFor('BILL_GENERATED', { mapping: 'good', labIntegrationId: 42 }),
    ];
    const { intake, store } = intakeWith(rules, {
      bad: { ok: false, fault: 'LIMIT', message: 'the mapping needs too much time' },
      good: { ok: true, value: { ok: 1 } },
    });
    const answer = await intake.accept('/billing/', bill(), anyone);
    expect(answer.body.log_ids).toHaveLength(2);
    expect(store.deliveries[0]).toMatchObject({
      log: {
        status: 'FAIL',
        certainty: 'NOT_SENT',
        stage: 'CREATED',
        errorKind: 'PAYLOAD',
        errorMessage: 'the mapping needs too much time',
      },
      revision: null,
      enqueue: false,
    });
    expect(store.deliveries[1]).toMatchObject({
      log: { status: 'PENDING', stage: 'ENQUEUED' },
      revision: { body: '{"ok":1}' },
      enqueue: true,
    });
  });

  test('is no lost event where mappings cannot be evaluated at all: nothing is acknowledged', async () => {
    const { intake, store } = intakeWith([ruleFor('BILL_GENERATED', { mapping: 'unknown' })]);
    await expect(intake.accept('/billing/', bill(), anyone)).rejects.toThrow('no such mapping');
    expect(store.events).toEqual([]);
  });
});
