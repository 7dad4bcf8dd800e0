import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Host } from '../../src/main/host.ts';
import type { JsonObject } from '../../src/shared/model/json.ts';
import { call, host, partner, post } from './hosting.ts';

let receiver: Awaited<ReturnType<typeof partner>>;
let running: Host;
/** Keys: of the lab's own system, of a third party that may confirm alone, of another lab's system. */
let lis: Record<string, string>;
let thirdParty: Record<string, string>;
let elsewhere: Record<string, string>;

async function keyFor(
  name: string,
  lab_ids: number[],
  routes: ('/appointment/' | '/appointmentConfirmAPI/')[],
) {
  const made = await call(running, 'createAccessKey', {
    kind: 'inbound',
    name,
    lab_ids,
    routes,
  });
  return { authorization: `Bearer ${made.key}` };
}

beforeAll(async () => {
  receiver = await partner();
  running = await host();
  for (const lab_id of [7, 8]) {
    await call(running, 'addUpdateLab', { lab_id, name: `Lab ${lab_id}`, time_zone: 'UTC' });
  }
  const { items } = await call(running, 'getActionCategoryList', {});
  for (const { code, action_category_list_id } of items) {
    if (!code.startsWith('APPOINTMENT_')) continue;
    await call(running, 'addUpdateWebhookIntegration', {
      lab_id: 7,
      action_category_list_id,
      name: code,
      end_point: receiver.url,
    });
  }
  lis = await keyFor('LIS', [7], ['/appointment/']);
  thirdParty = await keyFor('Home visits', [7], ['/appointmentConfirmAPI/']);
  elsewhere = await keyFor('Other LIS', [8], ['/appointment/', '/appointmentConfirmAPI/']);
});
afterAll(async () => {
  await running.close();
  await receiver.close();
});

const book = async (appointment: JsonObject, more: JsonObject = {}) => {
  const response = await post(running, '/appointment/', { lab_id: 7, appointment, ...more }, lis);
  return { status: response.status, body: (await response.json()) as JsonObject };
};
const confirm = async (body: JsonObject, key = thirdParty, headers = {}) => {
  const response = await post(
    running,
    '/appointmentConfirmAPI/',
    { lab_id: 7, ...body },
    { ...key, ...headers },
  );
  return { status: response.status, body: (await response.json()) as JsonObject };
};
const list = async (query: string, key = lis) => {
  const response = await fetch(`${running.url}/appointment/?${query}`, { headers: key });
  return { status: response.status, body: (await response.json()) as JsonObject };
};
/** What the partner was sent about an appointment, by category. */
const sent = (id: string | number) =>
  receiver.requests
    .map(({ body }) => JSON.parse(body) as JsonObject & { data: { appointment: JsonObject } })
    .filter(({ data }) => data.appointment.appointment_id === id);

test('an appointment is made, listed and confirmed by a third party, and the rule of the lab fires', async () => {
  const made = await book({
    appointment_id: 'A1',
    scheduled_at: '2026-12-01T08:30:00+05:30',
    patient: { patient_id: 'P1', name: 'Asha Verma' },
    slot: 'morning',
  });
  expect(made).toEqual({
    status: 201,
    body: { appointment_id: 'A1', event_id: expect.any(String), log_ids: [expect.any(String)] },
  });

  const confirmed = await confirm({
    appointment_id: 'A1',
    confirmed_by: 'Swift Phlebotomy',
    confirmed_at: '2026-11-24T10:00:00+05:30',
    note: 'Team 4 comes',
    details: { ticket: 81 },
  });
  expect(confirmed).toEqual({
    status: 200,
    body: {
      appointment_id: 'A1',
      status: 'CONFIRMED',
      confirmed_at: '2026-11-24T04:30:00.000Z',
      already_confirmed: false,
      event_id: expect.any(String),
      log_ids: [expect.any(String)],
    },
  });
  await vi.waitFor(() => expect(sent('A1')).toHaveLength(2), { timeout: 10_000 });
  expect(new Set(sent('A1').map((one) => one.action_category))).toEqual(
    new Set(['APPOINTMENT_CREATED', 'APPOINTMENT_CONFIRMED']),
  );
  const fired = sent('A1').find((one) => one.action_category === 'APPOINTMENT_CONFIRMED');
  const { event_id, log_ids } = confirmed.body;
  expect(fired).toMatchObject({
    log_id: (log_ids as string[])[0],
    event_id,
    data: {
      appointment: {
        status: 'CONFIRMED',
        confirmed_by: 'Swift Phlebotomy',
        slot: 'morning',
        patient: { name: 'Asha Verma' },
        confirmation: { event_id, note: 'Team 4 comes', details: { ticket: 81 } },
      },
    },
  });

  const again = await confirm({ appointment_id: 'A1', confirmed_by: 'Somebody else' });
  expect(again).toEqual({ status: 200, body: { ...confirmed.body, already_confirmed: true } });

  const { body } = await list('lab_id=7&status=CONFIRMED');
  expect(body).toEqual({
    items: [
      {
        appointment_id: 'A1',
        status: 'CONFIRMED',
        scheduled_at: '2026-12-01T03:00:00.000Z',
        confirmed_at: '2026-11-24T04:30:00.000Z',
        confirmed_by: 'Swift Phlebotomy',
        updated_at: expect.any(String),
        appointment: expect.objectContaining({
          slot: 'morning',
          patient: expect.objectContaining({ name: 'Asha Verma' }),
        }),
      },
    ],
    next_cursor: null,
  });
});

describe('an appointment', () => {
  test('is told of as created, then updated, then cancelled; BOOKED unless told otherwise', async () => {
    await book({ appointment_id: 21, scheduled_at: '2026-12-02T08:00:00Z' });
    await book({ appointment_id: '21', scheduled_at: '2026-12-02T09:00:00Z' });
    await book(
      { appointment_id: 21, cancellation_reason: 'moved away' },
      { action_category: 'APPOINTMENT_CANCELLED' },
    );
    await vi.waitFor(() => expect(sent(21).length + sent('21').length).toBe(3), {
      timeout: 10_000,
    });
    const byCategory = new Map(
      [...sent(21), ...sent('21')].map((one) => [one.action_category, one.data.appointment]),
    );
    expect(byCategory.get('APPOINTMENT_CREATED')).toMatchObject({ status: 'BOOKED' });
    expect(byCategory.get('APPOINTMENT_UPDATED')).toMatchObject({
      status: 'BOOKED',
      scheduled_at: '2026-12-02T09:00:00Z',
    });
    expect(byCategory.get('APPOINTMENT_CANCELLED')).toMatchObject({
      status: 'CANCELLED',
      cancellation_reason: 'moved away',
      scheduled_at: '2026-12-02T09:00:00Z',
    });
  });

  test('that is unknown cannot be confirmed, nor one of another lab', async () => {
    const unknown = await confirm({ appointment_id: 'nobody’s' });
    expect(unknown).toMatchObject({
      status: 404,
      body: {
        code: 'UNKNOWN_APPOINTMENT',
        errors: [{ field: 'appointment_id', reason: expect.stringContaining('/appointment/') }],
      },
    });
    await book({ appointment_id: 'A31' });
    const other = { lab_id: 8, appointment_id: 'A31' };
    expect(await confirm(other, elsewhere)).toMatchObject({ status: 404 });
    expect(await confirm(other)).toMatchObject({
      status: 403,
      body: { code: 'FORBIDDEN', errors: [{ field: 'lab_id' }] },
    });
    expect((await list('lab_id=7&status=CONFIRMED')).body.items).not.toContainEqual(
      expect.objectContaining({ appointment_id: 'A31' }),
    );
  });

  test('that was cancelled cannot be confirmed until it is booked anew', async () => {
    await book({ appointment_id: 'A41', status: 'CANCELLED' });
    const refused = await confirm({ appointment_id: 'A41' });
    expect(refused).toMatchObject({
      status: 409,
      body: { code: 'APPOINTMENT_CANCELLED', errors: [{ field: 'appointment_id' }] },
    });
    await book({ appointment_id: 'A41', status: 'BOOKED' });
    expect((await confirm({ appointment_id: 'A41' })).status).toBe(200);
  });

  test('is confirmed once by many at once: one event, one delivery, one answer for all', async () => {
    await book({ appointment_id: 'A51' });
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, n) =>
        confirm({ appointment_id: 'A51', confirmed_by: `caller ${n}` }),
      ),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    const first = answers.filter(({ body }) => body.already_confirmed === false);
    expect(first).toHaveLength(1);
    for (const { body } of answers) {
      expect({ ...body, already_confirmed: false }).toEqual(first[0]?.body);
    }
    const { items } = await call(running, 'searchLogs', {
      direction: 'OUTBOUND',
      action_category: 'APPOINTMENT_CONFIRMED',
      reference: { kind: 'appointment', id: 'A51' },
    });
    expect(items).toHaveLength(1);
  });

  test('is confirmed under an Idempotency-Key: the same call gets the same answer, another is refused', async () => {
    await book({ appointment_id: 'A61' });
    const key = { 'idempotency-key': 'confirm-A61' };
    const first = await confirm({ appointment_id: 'A61' }, thirdParty, key);
    const again = await confirm({ appointment_id: 'A61' }, thirdParty, key);
    expect(again).toEqual(first);
    const other = await confirm({ appointment_id: 'A61', note: 'x' }, thirdParty, key);
    expect(other).toMatchObject({ status: 422, body: { code: 'IDEMPOTENCY_KEY_REUSED' } });
  });
});

describe('the list', () => {
  const DAY = 'from=2027-01-05T00:00:00Z&to=2027-01-06T00:00:00Z';

  test('is paged, soonest first, within the times asked for', async () => {
    for (const hour of ['12', '09', '10', '11', '08']) {
      await book({ appointment_id: `T${hour}`, scheduled_at: `2027-01-05T${hour}:00:00Z` });
    }
    await book({ appointment_id: 'T-next', scheduled_at: '2027-01-06T00:00:00Z' });
    const ids: unknown[] = [];
    let cursor = '';
    do {
      const { status, body } = await list(`lab_id=7&limit=2&${DAY}${cursor}`);
      expect(status).toBe(200);
      const page = body as { items: JsonObject[]; next_cursor: string | null };
      ids.push(...page.items.map(({ appointment_id }) => appointment_id));
      cursor = page.next_cursor === null ? '' : `&cursor=${page.next_cursor}`;
    } while (cursor !== '');
    expect(ids).toEqual(['T08', 'T09', 'T10', 'T11', 'T12']);
  });

  test('is of the caller’s own labs, for keys that may call its route', async () => {
    expect((await list('lab_id=8', lis)).status).toBe(403);
    expect((await list('lab_id=7', thirdParty)).status).toBe(403);
    expect((await list('lab_id=99', lis)).body).toMatchObject({ code: 'UNKNOWN_LAB' });
    expect((await list('lab_id=8', elsewhere)).body).toEqual({ items: [], next_cursor: null });
    const viewer = await call(running, 'createAccessKey', {
      kind: 'user',
      name: 'Vera',
      role: 'viewer',
    });
    expect((await list('lab_id=7', { authorization: `Bearer ${viewer.key}` })).status).toBe(403);
  });

  test('shows people no patient', async () => {
    const patient = { patient_id: 'P7', name: 'Ravi Kulkarni', mobile: '9999900000' };
    await book({ appointment_id: 'M1', scheduled_at: '2027-03-01T08:00:00Z', patient });
    const operator = await call(running, 'createAccessKey', {
      kind: 'user',
      name: 'Olga',
      role: 'operator',
    });
    const from = 'lab_id=7&from=2027-03-01T00:00:00Z&to=2027-03-02T00:00:00Z';
    const shown = await list(from, { authorization: `Bearer ${operator.key}` });
    expect(shown.body).toMatchObject({ items: [{ appointment_id: 'M1', status: 'BOOKED' }] });
    expect(JSON.stringify(shown.body)).not.toMatch(/Ravi|Kulkarni|99999|P7/);
    expect(JSON.stringify((await list(from)).body)).toContain('Ravi Kulkarni');
  });
});

describe('a third party’s call', () => {
  /** The INBOUND log of the call that got this answer. */
  const captured = async (path: string, init: RequestInit) => {
    const response = await fetch(running.url + path, init);
    const log_id = response.headers.get('labrelay-log-id') ?? '';
    return {
      answer: (await response.json()) as JsonObject,
      log: await call(running, 'getLog', { log_id }),
    };
  };
  const confirming = (appointment_id: string) =>
    captured('/appointmentConfirmAPI/', {
      method: 'POST',
      headers: { ...thirdParty, 'content-type': 'application/json' },
      body: JSON.stringify({ lab_id: 7, appointment_id }),
    });

  test('is kept and linked with what it has fired, both ways; again, it has fired nothing', async () => {
    await book({ appointment_id: 'C1' });
    const first = await confirming('C1');
    const [logId = ''] = first.answer.log_ids as string[];
    expect(first.log).toMatchObject({
      direction: 'INBOUND',
      status: 'SUCCESS',
      token_owner: 'Home visits',
      lab_id: 7,
      action_category: 'APPOINTMENT_CONFIRMED',
      event_id: first.answer.event_id,
      references: expect.arrayContaining([{ kind: 'appointment', id: 'C1' }]),
      triggered: [logId],
      response_status_code: 200,
    });
    const fired = await call(running, 'getLog', { log_id: logId });
    expect(fired).toMatchObject({ direction: 'OUTBOUND', triggered_by: first.log.log_id });

    const again = await confirming('C1');
    expect(again.answer.already_confirmed).toBe(true);
    expect(again.log).toMatchObject({
      status: 'SUCCESS',
      event_id: first.answer.event_id,
      triggered: [],
      response_status_code: 200,
    });
  });

  test('that is refused is kept as FAIL with its code, and found by the appointment that it named', async () => {
    await book({ appointment_id: 'C2', status: 'CANCELLED' });
    for (const [id, code, status] of [
      ['C2', 'APPOINTMENT_CANCELLED', 409],
      ['C3-unknown', 'UNKNOWN_APPOINTMENT', 404],
    ] as const) {
      const { log } = await confirming(id);
      expect(log).toMatchObject({
        direction: 'INBOUND',
        status: 'FAIL',
        error_kind: 'CALL_REFUSED',
        error_message: expect.stringContaining(code),
        lab_id: 7,
        response_status_code: status,
      });
      const found = await call(running, 'searchLogs', {
        direction: 'INBOUND',
        status: ['FAIL'],
        reference: { kind: 'appointment', id },
      });
      expect(found.items.map(({ log_id }) => log_id)).toEqual([log.log_id]);
    }
  });

  test('that reads the list is kept too, without a copy of what it was shown', async () => {
    const { log } = await captured('/appointment/?lab_id=7&limit=3', { headers: lis });
    expect(log).toMatchObject({
      direction: 'INBOUND',
      status: 'SUCCESS',
      lab_id: 7,
      request_method: 'GET',
      response_status_code: 200,
    });
    expect(log).toMatchObject({ response_body: null, response_body_cut: true });
  });
});
