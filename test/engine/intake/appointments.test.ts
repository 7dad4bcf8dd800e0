import { describe, expect, test } from 'vitest';
import { LabRelayError } from '../../../src/shared/errors.ts';
import type { JsonObject } from '../../../src/shared/model/json.ts';
import { anyone, idOfCategory, intakeWith, NOW, rule } from './lab.ts';

const CONFIRM = '/appointmentConfirmAPI/';
const appointment = (values: JsonObject = {}): JsonObject => ({
  lab_id: 7,
  appointment: { appointment_id: 17, ...values },
});
const confirmation = (values: JsonObject = {}): JsonObject => ({
  lab_id: 7,
  appointment_id: 17,
  ...values,
});

/** An intake with a rule for every kind of event about appointments. */
const withRules = () =>
  intakeWith(
    ['CREATED', 'UPDATED', 'CONFIRMED', 'CANCELLED'].map((what, index) =>
      rule(idOfCategory(`APPOINTMENT_${what}`), { labIntegrationId: 50 + index }),
    ),
  );

async function refusal(promise: Promise<unknown>) {
  const error = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (!(error instanceof LabRelayError)) throw new Error('was not refused');
  return { code: error.code, status: error.status, field: error.errors[0]?.field };
}

describe('an appointment', () => {
  test('is created, then updated; an event that says so cancels or confirms it', async () => {
    const { intake, store } = withRules();
    const answer = await intake.accept('/appointment/', appointment({ slot: 1 }), anyone);
    expect(answer).toMatchObject({ status: 201, body: { appointment_id: 17 } });
    await intake.accept('/appointment/', appointment({ slot: 2 }), anyone);
    const named = (action_category: string) =>
      intake.accept('/appointment/', { ...appointment(), action_category }, anyone);
    await named('APPOINTMENT_CONFIRMED');
    expect(store.object(7, 'appointment', '17')?.document).toMatchObject({
      status: 'CONFIRMED',
      confirmed_at: new Date(NOW).toISOString(),
      slot: 2,
    });
    await named('APPOINTMENT_CANCELLED');
    expect(store.object(7, 'appointment', '17')?.document).toMatchObject({ status: 'CANCELLED' });
    expect(store.events.map(({ actionCategory }) => actionCategory)).toEqual([
      'APPOINTMENT_CREATED',
      'APPOINTMENT_UPDATED',
      'APPOINTMENT_CONFIRMED',
      'APPOINTMENT_CANCELLED',
    ]);
    const statuses = store.deliveries.map(
      ({ revision }) =>
        (JSON.parse(revision?.body ?? '') as { data: { appointment: JsonObject } }).data.appointment
          .status,
    );
    expect(statuses).toEqual(['BOOKED', 'BOOKED', 'CONFIRMED', 'CANCELLED']);
  });

  test.each([
    ['APPOINTMENT_CANCELLED', 'CONFIRMED'],
    ['APPOINTMENT_CONFIRMED', 'BOOKED'],
  ])('is not taken with an event %s that calls it %s', async (action_category, status) => {
    const { intake, store } = withRules();
    const body = { ...appointment({ status }), action_category };
    await expect(refusal(intake.accept('/appointment/', body, anyone))).resolves.toMatchObject({
      code: 'INVALID_INPUT',
      field: 'appointment.status',
    });
    expect(store.events).toEqual([]);
  });

  test('has a status of three words, and times that are times', async () => {
    const { intake } = withRules();
    const wrong = { status: 'booked', scheduled_at: 'tomorrow', confirmed_at: 5 };
    const error: unknown = await intake
      .accept('/appointment/', appointment(wrong), anyone)
      .catch((reason: unknown) => reason);
    const fields = error instanceof LabRelayError ? error.errors.map(({ field }) => field) : [];
    expect(fields.toSorted((a, b) => a.localeCompare(b))).toEqual([
      'appointment.confirmed_at',
      'appointment.scheduled_at',
      'appointment.status',
    ]);
  });
});

describe('a confirmation', () => {
  test('is one event with its deliveries, about the appointment and its patient', async () => {
    const { intake, store, announced } = withRules();
    const patient = { patient_id: 'P1', name: 'Asha' };
    await intake.accept('/appointment/', appointment({ patient, slot: 1 }), anyone);
    const told = { confirmed_by: 'Swift', note: 'soon', details: { team: 4 }, priority: 'STAT' };
    const answer = await intake.accept(CONFIRM, confirmation(told), anyone);
    const delivery = store.deliveries.at(-1);
    const event = store.events.at(-1);
    expect(answer).toEqual({
      status: 200,
      body: {
        appointment_id: 17,
        status: 'CONFIRMED',
        confirmed_at: new Date(NOW).toISOString(),
        already_confirmed: false,
        event_id: event?.eventId,
        log_ids: [delivery?.log.logId],
      },
      repeated: false,
    });
    expect(announced).toContain(delivery?.log.logId);
    expect(delivery?.log).toMatchObject({
      actionCategory: 'APPOINTMENT_CONFIRMED',
      priority: 'STAT',
      references: [
        { kind: 'event', id: event?.eventId },
        { kind: 'appointment', id: '17' },
        { kind: 'patient', id: 'P1' },
      ],
    });
    expect(JSON.parse(delivery?.revision?.body ?? '')).toMatchObject({
      data: {
        appointment: {
          appointment_id: 17,
          slot: 1,
          status: 'CONFIRMED',
          confirmed_by: 'Swift',
          confirmation: { event_id: event?.eventId, note: 'soon', details: { team: 4 } },
          patient: { name: 'Asha' },
        },
      },
    });
    // Its own document is enough to build the payload again, and tells what was said.
    expect(event?.document).toMatchObject({
      appointment: { appointment_id: 17, confirmation: { note: 'soon' } },
    });
  });

  test('of an appointment that is confirmed changes nothing and answers the first one', async () => {
    const { intake, store } = withRules();
    await intake.accept('/appointment/', appointment(), anyone);
    const first = await intake.accept(CONFIRM, confirmation({ confirmed_by: 'A' }), anyone);
    const [events, deliveries] = [store.events.length, store.deliveries.length];
    const again = await intake.accept(
      CONFIRM,
      confirmation({ appointment_id: '17', confirmed_at: '2020-01-01T00:00:00Z' }),
      { ...anyone, accessKeyId: 2 },
    );
    expect(again).toEqual({
      status: 200,
      body: { ...first.body, appointment_id: '17', already_confirmed: true },
      repeated: true,
    });
    expect([store.events.length, store.deliveries.length]).toEqual([events, deliveries]);
    expect(store.object(7, 'appointment', '17')?.version).toBe(2);
  });

  test('that another one overtakes fires nothing', async () => {
    const { intake, store } = withRules();
    await intake.accept('/appointment/', appointment(), anyone);
    const before = store.deliveries.length;
    let other: Promise<unknown> | null = null;
    store.beforeAccept = () => {
      store.beforeAccept = () => undefined;
      const stored = store.object(7, 'appointment', '17');
      if (!stored) throw new Error('no appointment');
      other = intake.accept(CONFIRM, confirmation({ confirmed_by: 'second' }), anyone);
      // What the other one writes, before this one's commit.
      const document = { ...stored.document, status: 'CONFIRMED', confirmed_by: 'first' };
      store.objects.set('7 appointment 17', { ...stored, version: 2, document });
    };
    const answer = await intake.accept(CONFIRM, confirmation({ confirmed_by: 'late' }), anyone);
    expect(answer.body).toMatchObject({ already_confirmed: true, event_id: null, log_ids: [] });
    await expect(other).resolves.toMatchObject({ body: { already_confirmed: true } });
    expect(store.deliveries).toHaveLength(before);
    expect(store.object(7, 'appointment', '17')?.document.confirmed_by).toBe('first');
  });

  test('of many at once takes effect once', async () => {
    const { intake, store } = withRules();
    await intake.accept('/appointment/', appointment(), anyone);
    const answers = await Promise.all(
      Array.from({ length: 25 }, (_, n) =>
        intake.accept(CONFIRM, confirmation({ confirmed_by: `${n}` }), anyone),
      ),
    );
    expect(answers.filter(({ body }) => body.already_confirmed === false)).toHaveLength(1);
    expect(new Set(answers.map(({ body }) => body.event_id))).toHaveLength(1);
    expect(store.events).toHaveLength(2);
  });

  test.each([
    ['of nothing that is known', null, 'UNKNOWN_APPOINTMENT', 404],
    ['of a cancelled one', { status: 'CANCELLED' }, 'APPOINTMENT_CANCELLED', 409],
  ])('%s is refused and keeps nothing', async (_what, stored, code, status) => {
    const { intake, store } = withRules();
    if (stored) await intake.accept('/appointment/', appointment(stored), anyone);
    const before = store.events.length;
    await expect(refusal(intake.accept(CONFIRM, confirmation(), anyone))).resolves.toEqual({
      code,
      status,
      field: 'appointment_id',
    });
    expect(store.events).toHaveLength(before);
  });

  test('from a clock that is far ahead is refused; a little is forgiven', async () => {
    const { intake } = withRules();
    await intake.accept('/appointment/', appointment(), anyone);
    const at = (ms: number) =>
      intake.accept(
        CONFIRM,
        confirmation({ confirmed_at: new Date(NOW + ms).toISOString() }),
        anyone,
      );
    await expect(refusal(at(6 * 60_000))).resolves.toMatchObject({ field: 'confirmed_at' });
    await expect(at(4 * 60_000)).resolves.toMatchObject({ status: 200 });
  });

  test.each([
    ['lab_id', { lab_id: '7' }],
    ['appointment_id', { appointment_id: '' }],
    ['appointment_id', { appointment_id: { $ne: 1 } }],
    ['confirmed_at', { confirmed_at: 'now' }],
    ['confirmed_by', { confirmed_by: '  ' }],
    ['details', { details: [] }],
    ['status', { status: 'CONFIRMED' }],
    ['action_category', { action_category: 'BILL_GENERATED' }],
    ['details.a.integration_callback_url', { details: { a: { integration_callback_url: 'x' } } }],
  ])('with a wrong %s is refused by name', async (field, wrong) => {
    const { intake } = withRules();
    await intake.accept('/appointment/', appointment(), anyone);
    const call = intake.accept(CONFIRM, { ...confirmation(), ...wrong }, anyone);
    await expect(refusal(call)).resolves.toEqual({ code: 'INVALID_INPUT', status: 422, field });
  });
});
