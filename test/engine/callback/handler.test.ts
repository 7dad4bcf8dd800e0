import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { CallbackHandler } from '../../../src/main/engine/callback/handler.ts';
import { type CallbackReport, callbackReport } from '../../../src/shared/contract/callback.ts';
import { parseInput } from '../../../src/shared/contract/common.ts';
import { attemptId, type AttemptReport, stampOf } from '../../../src/shared/model/delivery.ts';
import { type OpenStore, openLocalStore } from '../../store/local-store.ts';
import { configure, delivery, event, report as reportOf, stampNext } from '../../store/samples.ts';
import { authenticationOf, MemoryLookup, ruleOf } from '../dispatch/lookup.ts';

let store: OpenStore;
let rule: number;
const OURS = 'https://labrelay.lab/integration_callback/';

let handler: CallbackHandler;
let configuration: MemoryLookup;
let applied: AttemptReport[];
let now: number;

beforeEach(async () => {
  store = openLocalStore();
  rule = await configure(store);
  now = 5_000;
  applied = [];
  const retryPolicy = { ...ruleOf().retryPolicy, overrides: { '404': 'ACCEPTED' as const } };
  configuration = new MemoryLookup(
    ruleOf({ labIntegrationId: rule, retryPolicy, developerAuthenticationId: 5 }),
  );
  handler = new CallbackHandler({
    store,
    configuration,
    callbackUrl: () => OURS,
    clock: () => now,
    onApplied: (report) => applied.push(report),
  });
});
afterEach(() => store.close());

/** Posts a report, as the route hands it on. */
function post(
  body: Partial<CallbackReport> & { log_id: string },
  reporter: string | null = 'Mirth',
) {
  return handler.handle(parseInput(callbackReport, body), reporter);
}

async function queued(): Promise<string> {
  const one = delivery(rule);
  await store.acceptEvent(event([one]));
  return one.log.logId;
}

/** A log whose first attempt is under way. */
async function sent(): Promise<string> {
  const logId = await queued();
  await stampNext(store);
  return logId;
}

/** A log whose first attempt failed in doubt, and whose second is under way. */
async function sentTwice(): Promise<string> {
  const logId = await queued();
  const { task } = await stampNext(store);
  const death = { taskId: task.taskId, cause: 'EXCEPTION', stamped: true, at: 1_600 } as const;
  await store.bury({ ...death, errorMessage: 'it broke' });
  const [failed] = await store.listFailedTasks({
    beforeId: null,
    limit: 1,
    includeRequeued: false,
  });
  const failedTaskId = failed?.failedTaskId ?? 0;
  await store.requeueFailedTask({ failedTaskId, reason: 'asked', actor: 'Ada', now: 1_700 });
  await stampNext(store);
  return logId;
}

/** The log with all that belongs to it, as bytes. */
async function bytes(logId: string): Promise<string> {
  return JSON.stringify(await store.getLog(logId));
}

describe('a report that repeats integration_payload', () => {
  test('is taken with the address that LabRelay gave out, now or when the log was made', async () => {
    const logId = await sent();
    const given = (await store.getLog(logId))?.integrationCallbackUrl;
    for (const address of [OURS, given]) {
      const stage = { log_id: logId, stage: 'MIRTH', integration_callback_url: address } as const;
      expect(await post(stage)).toMatchObject({ log_id: logId });
    }
  });

  test('is refused with any other address, and changes nothing', async () => {
    const logId = await sent();
    const before = await bytes(logId);
    for (const id of [logId, 'nobody']) {
      const hostile = { log_id: id, integration_callback_url: 'http://169.254.169.254/' };
      await expect(post({ ...hostile, status: 'SUCCESS' })).rejects.toMatchObject({
        code: 'INVALID_INPUT',
        errors: [{ field: 'integration_callback_url' }],
      });
    }
    expect(await bytes(logId)).toBe(before);
  });
});

describe('a report that repeats integration_payload below other fields', () => {
  const withAddress = (integration_callback_url: unknown) => ({
    stage: 'MIRTH' as const,
    integration_payload: { integration_callback_url },
    args: [{ payload: { integration_payload: { integration_callback_url } } }],
  });

  test('is taken with our address, however often', async () => {
    const logId = await sent();
    expect(await post({ log_id: logId, ...withAddress(OURS) })).toMatchObject({ changed: true });
  });

  test.each([
    [
      'integration_payload.integration_callback_url',
      { integration_payload: { integration_callback_url: 'http://169.254.169.254/' } },
    ],
    [
      'args.0.payload.integration_payload.integration_callback_url',
      { args: [{ payload: { integration_payload: { integration_callback_url: ['http://x/'] } } }] },
    ],
  ])('is refused with another, by its whole path: %s', async (field, hostile) => {
    const logId = await sent();
    const before = await bytes(logId);
    await expect(post({ log_id: logId, stage: 'MIRTH', ...hostile })).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      errors: [{ field }],
    });
    expect(await bytes(logId)).toBe(before);
  });

  test('is refused however deep it nests, without harm', async () => {
    const deep = `${'['.repeat(50_000)}{"integration_callback_url":"http://x/"}${']'.repeat(50_000)}`;
    const report = { log_id: await sent(), stage: 'MIRTH' as const, deep: JSON.parse(deep) };
    await expect(post(report)).rejects.toMatchObject({ code: 'INVALID_INPUT' });
  });

  test('may have bodies that speak of such addresses: they are content', async () => {
    const logId = await sent();
    const body = { integration_callback_url: 'http://elsewhere/' };
    const report = { log_id: logId, response_status_code: 200, response_body: body };
    expect(await post({ ...report, request_body: body })).toMatchObject({ changed: true });
  });
});

describe('a report', () => {
  test('settles the latest attempt, where it names none', async () => {
    const logId = await sent();
    expect(await post({ log_id: logId, response_status_code: 201, response_body: 'made' })).toEqual(
      {
        log_id: logId,
        changed: true,
      },
    );
    expect(await store.getLog(logId)).toMatchObject({
      status: 'SUCCESS',
      certainty: 'ACCEPTED',
      stage: 'REPORTED',
      responseStatusCode: 201,
      responseBody: 'made',
      activityDate: 5_000,
      updatedAt: 5_000,
      attempts: [{ status: 'SUCCESS', endedAt: 5_000 }],
    });
    expect(applied).toHaveLength(1);
  });

  test('is judged by the overrides of the log’s rule', async () => {
    const logId = await sent();
    await post({ log_id: logId, response_status_code: 404 });
    expect(await store.getLog(logId)).toMatchObject({ status: 'SUCCESS', certainty: 'ACCEPTED' });
  });

  test('does not change where the attempt went', async () => {
    const logId = await sent();
    const elsewhere = { end_point: 'http://elsewhere.example/' };
    await post({ log_id: logId, response_status_code: 200, ...elsewhere });
    expect(await store.getLog(logId)).toMatchObject({
      status: 'SUCCESS',
      endPoint: 'http://127.0.0.1:9/',
      attempts: [{ endPoint: 'http://127.0.0.1:9/' }],
    });
  });

  test('tells where an attempt went that was stamped without an end point', async () => {
    const one = delivery(rule, { endPoint: null });
    await store.acceptEvent(event([one]));
    const [task] = await store.claim({ worker: 'w', limit: 1, leaseUntil: 60_000, now: 0 });
    if (!task) throw new Error('nothing to claim');
    const stamp = { configVersion: 1, endPoint: '', requestMethod: '', requestHeaders: {} };
    await store.stamp({ worker: 'w', stamp: stampOf(task, { ...stamp, startedAt: 1_500 }) });
    const end_point = 'mllp://analyser:2575';
    await post({ log_id: task.logId, response_status_code: 200, end_point });
    expect(await store.getLog(task.logId)).toMatchObject({
      endPoint: end_point,
      attempts: [{ endPoint: end_point }],
    });
  });

  test('keeps no credential that the rule sends in a header of the partner’s own naming', async () => {
    const publicKeys = { header: 'X-Partner-Code' };
    configuration.authentications.set(5, authenticationOf({ kind: 'api_key', publicKeys }));
    const logId = await sent();
    configuration.secrets = { value: 'open-sesame' };
    const headers = { 'X-Partner-Code': 'open-sesame', Vary: 'accept' };
    await post({
      log_id: logId,
      response_status_code: 200,
      request_headers: headers,
      response_headers: headers,
      response_body: 'the code open-sesame was taken',
    });
    expect(await bytes(logId)).not.toContain('open-sesame');
    expect(await store.getLog(logId)).toMatchObject({
      requestHeaders: { 'x-partner-code': '••••', vary: 'accept' },
      responseHeaders: { 'x-partner-code': '••••', vary: 'accept' },
    });
  });

  test.each([
    ['a success', { response_status_code: 200, response_body: 'ok', response_time: 4 }],
    ['a refusal', { response_status_code: 422, response_body: 'no' }],
    ['a failure without an answer', { error_kind: 'TIMEOUT' }],
    ['a suppression', { response_status_code: 209 }],
    ['a hand-over', { status: 'QUEUED' }],
    ['a stage', { stage: 'LIVEHEALTHAPI' }],
  ] as const)('of %s changes nothing the second time, not a byte', async (_, body) => {
    const logId = await sent();
    expect(await post({ log_id: logId, ...body })).toMatchObject({ changed: true });
    const before = await bytes(logId);
    for (const named of [{}, { attempt_id: attemptId(logId, 1) }]) {
      now += 1_000;
      expect(await post({ log_id: logId, ...body, ...named })).toMatchObject({ changed: false });
    }
    expect(await bytes(logId)).toBe(before);
    expect(applied).toHaveLength(1);
  });

  test('repeated out of its order takes back nothing', async () => {
    const logId = await sent();
    await post({ log_id: logId, error_kind: 'TIMEOUT' });
    await post({ log_id: logId, status: 'SUCCESS', response_body: 'confirmed' });
    const before = await bytes(logId);
    expect(await post({ log_id: logId, error_kind: 'TIMEOUT' })).toMatchObject({ changed: false });
    expect(await post({ log_id: logId, status: 'PENDING' })).toMatchObject({ changed: false });
    expect(await post({ log_id: logId, status: 'QUEUED' })).toMatchObject({ changed: false });
    expect(await bytes(logId)).toBe(before);
  });

  test('of a confirmation that comes later settles what was unknown, its body and error too', async () => {
    const logId = await sent();
    await post({ log_id: logId, error_kind: 'TIMEOUT', error_message: 'no answer in time' });
    await post({ log_id: logId, status: 'SUCCESS', response_body: 'confirmed' });
    const log = await store.getLog(logId);
    expect(log).toMatchObject({ status: 'SUCCESS', errorKind: null, responseBody: 'confirmed' });
    expect(log?.errorMessage).toBeNull();
    expect(log?.attempts[0]).toMatchObject({ errorKind: null, certainty: 'ACCEPTED' });
  });

  test('keeps its own time between the attempt’s start and its receipt; the log’s clock goes on', async () => {
    const logId = await sent();
    const activity_date = '1970-01-01T00:00:02.000Z';
    await post({ log_id: logId, response_status_code: 200, activity_date });
    expect(await store.getLog(logId)).toMatchObject({
      activityDate: 2_000,
      updatedAt: 5_000,
      attempts: [{ endedAt: 2_000 }],
    });
  });

  test.each(['1970-01-01T00:00:00.001Z', '1970-01-01T00:00:01.499Z', '2099-01-01T00:00:00.000Z'])(
    'of a clock that is wrong (%s) counts from its receipt',
    async (activity_date) => {
      const logId = await sent();
      await post({ log_id: logId, response_status_code: 200, activity_date });
      expect(await store.getLog(logId)).toMatchObject({
        activityDate: 5_000,
        updatedAt: 5_000,
        attempts: [{ endedAt: 5_000 }],
      });
    },
  );

  test('of a stage moves the log’s clock too, whatever its own says', async () => {
    const logId = await sent();
    await post({ log_id: logId, stage: 'MIRTH', activity_date: '1970-01-01T00:00:00.001Z' });
    expect(await store.getLog(logId)).toMatchObject({ stage: 'MIRTH', updatedAt: 5_000 });
  });
});

describe('a late report', () => {
  const at = (ms: number) => ({ activity_date: new Date(ms).toISOString() });

  test('does not replace a definite outcome that happened after it', async () => {
    const logId = await sent();
    await post({ log_id: logId, response_status_code: 422, ...at(3_000) });
    const before = await bytes(logId);
    const late = { log_id: logId, response_status_code: 200 };
    expect(await post({ ...late, ...at(2_999) })).toMatchObject({ changed: false });
    expect(await bytes(logId)).toBe(before);
    expect(await post({ ...late, ...at(3_001) })).toMatchObject({ changed: true });
    expect((await store.getLog(logId))?.status).toBe('SUCCESS');
  });

  test.each([
    ['an unknown outcome', { error_kind: 'TIMEOUT' }],
    ['a hand-over', { status: 'QUEUED' }],
  ] as const)('settles %s that was noted after it', async (_, held) => {
    const logId = await sent();
    await post({ log_id: logId, ...held, ...at(3_000) });
    await post({ log_id: logId, response_status_code: 200, ...at(2_000) });
    expect(await store.getLog(logId)).toMatchObject({ status: 'SUCCESS', activityDate: 2_000 });
  });

  test.each([
    ['success', { response_status_code: 200 }, 'SUCCESS'],
    ['suppression', { response_status_code: 209 }, 'SUPPRESSED'],
  ] as const)(
    'of %s of attempt 1 is the log’s too, since attempt 2 has the same body; that ends by itself',
    async (...row) => {
      const [, body, status] = row;
      const logId = await sentTwice();
      const before = await store.getLog(logId);
      await post({ log_id: logId, attempt_id: attemptId(logId, 1), ...body });
      const after = await store.getLog(logId);
      expect(after?.attempts[0]).toMatchObject({ attempt: 1, status });
      expect(after?.attempts[1]).toEqual(before?.attempts[1]);
      expect(after).toMatchObject({ status, certainty: 'ACCEPTED', updatedAt: 5_000 });
      await post({ log_id: logId, attempt_id: attemptId(logId, 2), error_kind: 'TIMEOUT' });
      expect(await store.getLog(logId)).toMatchObject({ status, certainty: 'ACCEPTED' });
    },
  );

  test('of attempt 1 does not touch what attempt 2 has brought', async () => {
    const logId = await sentTwice();
    await post({ log_id: logId, response_status_code: 200, response_body: 'second' });
    await post({ log_id: logId, attempt_id: attemptId(logId, 1), response_status_code: 400 });
    const log = await store.getLog(logId);
    expect(log).toMatchObject({
      status: 'SUCCESS',
      responseStatusCode: 200,
      responseBody: 'second',
    });
    expect(log?.attempts.map(({ status }) => status)).toEqual(['FAIL', 'SUCCESS']);
  });

  test('of a failed re-send does not take SUCCESS back', async () => {
    const logId = await sentTwice();
    await store.report(reportOf(logId, { attempt: 2 }));
    const failed = await store.getLog(logId);
    expect(failed?.status).toBe('SUCCESS');
    expect(await post({ log_id: logId, status: 'FAIL', response_status_code: 500 })).toMatchObject({
      changed: false,
    });
    expect(await bytes(logId)).toBe(JSON.stringify(failed));
  });
});

describe('an outcome that was known and is changed', () => {
  test('is noted with who changed it, what it was and what it became; its body is not', async () => {
    const logId = await sent();
    await post({
      log_id: logId,
      response_status_code: 422,
      response_body: 'Asha Verma is unknown',
    });
    expect((await store.getLog(logId))?.activity).toEqual([]);
    now = 6_000;
    await post({ log_id: logId, response_status_code: 200 }, 'Pathology Mirth');
    const log = await store.getLog(logId);
    expect(log?.activity).toEqual([
      {
        at: 6_000,
        actor: 'Pathology Mirth',
        kind: 'OUTCOME_CHANGED',
        note: 'The outcome of attempt 1 was FAIL (REFUSED, 422) and is now SUCCESS (ACCEPTED, 200).',
        detail: {
          attempt: 1,
          from: {
            status: 'FAIL',
            certainty: 'REFUSED',
            response_status_code: 422,
            error_kind: 'HTTP_STATUS',
          },
          to: {
            status: 'SUCCESS',
            certainty: 'ACCEPTED',
            response_status_code: 200,
            error_kind: null,
          },
        },
      },
    ]);
    expect(await bytes(logId)).not.toContain('Asha Verma is unknown');
  });

  test('is noted of an older attempt too, and of our own worker', async () => {
    const logId = await sentTwice();
    const attempt_id = attemptId(logId, 1);
    await post({ log_id: logId, attempt_id, response_status_code: 200 }, null);
    const notes = (await store.getLog(logId))?.activity.filter(
      ({ kind }) => kind === 'OUTCOME_CHANGED',
    );
    expect(notes).toMatchObject([
      {
        actor: 'LabRelay',
        note: 'The outcome of attempt 1 was FAIL (UNKNOWN, HANDLER) and is now SUCCESS (ACCEPTED, 200).',
      },
    ]);
  });
});

describe('stages', () => {
  test('are told one after the other and never go back', async () => {
    const logId = await queued();
    for (const stage of ['LIVEHEALTHAPI', 'MIRTH', 'MIRTH', 'DISPATCHED', 'DOWNSTREAM'] as const) {
      await post({ log_id: logId, stage });
    }
    expect(applied.map(({ stage }) => stage)).toEqual(['LIVEHEALTHAPI', 'MIRTH', 'DOWNSTREAM']);
    expect(await store.getLog(logId)).toMatchObject({
      status: 'PENDING',
      certainty: null,
      stage: 'DOWNSTREAM',
      responseStatusCode: null,
      activityDate: null,
    });
  });

  test('go on after a hand-over', async () => {
    const logId = await sent();
    await post({ log_id: logId, status: 'QUEUED' });
    await post({ log_id: logId, stage: 'MIRTH' });
    await post({ log_id: logId, stage: 'CONFIRMED', status: 'SUCCESS' });
    expect(await store.getLog(logId)).toMatchObject({
      status: 'SUCCESS',
      stage: 'CONFIRMED',
      attempts: [{ status: 'SUCCESS', stage: 'CONFIRMED' }],
    });
  });
});

describe('refused, with nothing changed, is', () => {
  test('a report of a log that nobody knows', async () => {
    await expect(post({ log_id: 'nobody', response_status_code: 200 })).rejects.toMatchObject({
      code: 'UNKNOWN_LOG',
      status: 404,
      errors: [{ field: 'log_id' }],
    });
  });

  test.each([
    ['that was never made', 1, { response_status_code: 200 }],
    ['beyond the last', 2, { stage: 'MIRTH' }],
  ] as const)('a report of an attempt %s', async (_, number, body) => {
    const logId = number === 1 ? await queued() : await sent();
    const before = await bytes(logId);
    const attempt_id = attemptId(logId, number);
    await expect(post({ log_id: logId, attempt_id, ...body })).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      status: 422,
      errors: [{ field: 'attempt_id' }],
    });
    expect(await bytes(logId)).toBe(before);
  });

  test('an outcome of a log that nothing was sent of', async () => {
    const logId = await queued();
    await expect(post({ log_id: logId, response_status_code: 200 })).rejects.toMatchObject({
      code: 'INVALID_INPUT',
    });
  });

  test('a report of another log’s attempt', async () => {
    const [one, other] = [await sent(), await sent()];
    await expect(
      post({ log_id: one, attempt_id: attemptId(other, 1), response_status_code: 200 }),
    ).rejects.toMatchObject({ code: 'INVALID_INPUT', errors: [{ field: 'attempt_id' }] });
    expect((await store.getLog(other))?.status).toBe('PENDING');
  });
});
