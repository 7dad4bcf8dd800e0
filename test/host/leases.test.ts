import { createServer } from 'node:http';
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { Host } from '../../src/main/host.ts';
import { procedurePath } from '../../src/main/http/procedure-routes.ts';
import type { CallInput, Output, ProcedureName } from '../../src/shared/contract/index.ts';
import { listen } from '../engine/dispatch/peers.ts';
import { adminToken, call, configureLab, host, newFolder, partner, post } from './hosting.ts';

const close: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const one of close.splice(0).toReversed()) await one();
});

async function open(data = newFolder()): Promise<Host> {
  const running = await host({ data });
  close.push(() => running.close());
  return running;
}

/** A lab whose bills are left to outside workers. */
async function lab(rule: Partial<CallInput<'addUpdateWebhookIntegration'>> = {}) {
  const running = await open();
  const configured = await configureLab(running, 'http://127.0.0.1:9/hook');
  const id = configured.rule.lab_integration_id;
  const change = (settings: Partial<CallInput<'addUpdateWebhookIntegration'>>) =>
    call(running, 'addUpdateWebhookIntegration', { lab_integration_id: id, ...settings });
  await change({ executor: 'external', ...rule });
  let bills = 0;
  const bill = async (): Promise<string> => {
    const body = { lab_id: 7, bill: { bill_id: ++bills, patient: { patient_id: 'P1' } } };
    const answer = await post(running, '/billing/', body, {
      authorization: `Bearer ${configured.key}`,
    });
    const { log_ids } = (await answer.json()) as { log_ids: string[] };
    return log_ids[0] ?? '';
  };
  return { running, id, change, bill };
}

type Task = Output<'leaseTasks'>['tasks'][number];

const ask = (running: Host, more: Partial<CallInput<'leaseTasks'>> = {}) =>
  call(running, 'leaseTasks', { worker: 'test', ...more });

async function leaseOne(running: Host): Promise<Task> {
  const [task] = (await ask(running)).tasks;
  if (!task) throw new Error('nothing was leased');
  return task;
}

async function refusal<N extends ProcedureName>(running: Host, name: N, input: CallInput<N>) {
  const headers = { authorization: `Bearer ${adminToken(running)}` };
  const answer = await post(running, procedurePath(name), input, headers);
  return { status: answer.status, ...((await answer.json()) as object) };
}

const LOST = { status: 409, code: 'LEASE_LOST', errors: [{ field: 'lease_id' }] };

const logOf = (running: Host, logId: string) => call(running, 'getLog', { log_id: logId });

describe('leaseTasks', () => {
  test('gives out what the partner is to be sent, and apart from it what is the worker’s', async () => {
    const { running, id, bill } = await lab({ timeout_ms: 7_000 });
    const logId = await bill();
    const task = await leaseOne(running);
    expect(task).toMatchObject({
      attempt_id: `${logId}_a1`,
      priority: 'ROUTINE',
      deliver_by: null,
      timeout_ms: 7_000,
      request: {
        method: 'POST',
        url: 'http://127.0.0.1:9/hook',
        headers: { 'content-type': 'application/json', 'webhook-id': logId },
      },
      integration_payload: {
        log_id: logId,
        attempt_id: `${logId}_a1`,
        integration_callback_url: `${running.url}/integration_callback/`,
        lab_id: 7,
        lab_integration_id: id,
        action_category: 'BILL_GENERATED',
      },
    });
    expect(JSON.parse(task.request.body ?? '')).toMatchObject({ data: { bill: { bill_id: 1 } } });
  });

  test('is in the audit chain where it gave something out, and only there', async () => {
    const { running, bill } = await lab();
    await ask(running);
    const logIds = [await bill(), await bill()];
    await ask(running, { worker: 'fusion 7' });
    const { items } = await call(running, 'listAudit', { action: 'leaseTasks' });
    expect(items).toMatchObject([
      {
        subject: `log_id=${logIds.join(',')}`,
        role: 'admin',
        count: 2,
        worker: 'fusion 7',
      },
    ]);
  });

  test('needs an operator', async () => {
    const { running } = await lab();
    const made = await call(running, 'createAccessKey', {
      kind: 'user',
      name: 'Vera',
      role: 'viewer',
    });
    const headers = { authorization: `Bearer ${made.key}` };
    for (const [name, input] of [
      ['leaseTasks', { worker: 'x' }],
      ['startTask', { lease_id: 'x' }],
      ['extendLease', { lease_id: 'x' }],
      ['releaseTask', { lease_id: 'x' }],
      ['reportTask', { lease_id: 'x' }],
    ] as const) {
      expect((await post(running, procedurePath(name), input, headers)).status, name).toBe(403);
    }
  });

  test.each([
    [{ worker: '' }, 'worker'],
    [{ worker: 'two\nlines' }, 'worker'],
    [{ worker: 'x', limit: 101 }, 'limit'],
    [{ worker: 'x', lease_s: 4 }, 'lease_s'],
    [{ worker: 'x', lease_s: 601 }, 'lease_s'],
  ])('refuses %j, naming the field', async (input, field) => {
    const { running } = await lab();
    expect(await refusal(running, 'leaseTasks', input)).toMatchObject({
      status: 422,
      errors: [{ field }],
    });
  });

  test('says so where it is asked for what it never gives out', async () => {
    const { running, id, change } = await lab({ executor: 'local' });
    const asked = { worker: 'x', lab_integration_id: id };
    expect(await refusal(running, 'leaseTasks', asked)).toMatchObject({
      status: 422,
      errors: [{ field: 'lab_integration_id', reason: expect.stringContaining('external first') }],
    });
    expect(
      await refusal(running, 'leaseTasks', { ...asked, lab_integration_id: 999 }),
    ).toMatchObject({ status: 404 });
    await change({ executor: 'external' });
    expect(await call(running, 'leaseTasks', asked)).toMatchObject({ tasks: [] });
  });

  test('ends what cannot be made, as LabRelay itself would, and does not give it out', async () => {
    const { running, change, bill } = await lab();
    const { developer_authentication_id } = await call(
      running,
      'addUpdateDeveloperAuthentication',
      {
        lab_id: 7,
        name: 'partner',
        kind: 'bearer',
        keys: { token: 'a-token' },
      },
    );
    await change({ developer_authentication_id });
    await call(running, 'addUpdateDeveloperAuthentication', {
      developer_authentication_id,
      is_active: false,
    });
    const logId = await bill();
    expect((await ask(running)).tasks).toEqual([]);
    expect(await logOf(running, logId)).toMatchObject({
      status: 'FAIL',
      certainty: 'NOT_SENT',
      error_kind: 'CONFIGURATION',
      error_message: expect.stringContaining('switched off'),
      held_reason: 'RULE_UNFIT',
    });
    // Mended, the probe is due at once.
    await call(running, 'addUpdateDeveloperAuthentication', {
      developer_authentication_id,
      is_active: true,
    });
    const task = await leaseOne(running);
    expect(task.attempt_id).toBe(`${logId}_a2`);
    expect(task.request.headers['authorization']).toBe('Bearer a-token');
  });
});

describe('a rule', () => {
  test('that is external is not called by LabRelay, before and after it was changed', async () => {
    const peer = await partner();
    close.push(() => peer.close());
    const { running, change, bill } = await lab({ end_point: peer.url });
    const logId = await bill();
    const task = await leaseOne(running);
    await change({ executor: 'local' });
    // What was leased and not started is LabRelay's again at once.
    await vi.waitFor(async () =>
      expect(await logOf(running, logId)).toMatchObject({ status: 'SUCCESS' }),
    );
    expect(await refusal(running, 'startTask', { lease_id: task.lease_id })).toMatchObject(LOST);
    await change({ executor: 'external' });
    await bill();
    expect((await ask(running)).tasks).toHaveLength(1);
    expect(peer.requests).toHaveLength(1);
  });
});

describe('startTask', () => {
  test('tells what to send now, as the rule has it now, and leaves time for the call', async () => {
    const { running, change, bill } = await lab();
    const logId = await bill();
    const task = await leaseOne(running);
    await change({ end_point: 'http://127.0.0.1:9/mended', timeout_ms: 120_000 });
    const started = await call(running, 'startTask', { lease_id: task.lease_id });
    expect(started).toMatchObject({
      lease_id: task.lease_id,
      attempt_id: `${logId}_a1`,
      request: { url: 'http://127.0.0.1:9/mended', body: task.request.body },
    });
    const ms = Date.parse(started.lease_until) - Date.parse(started.started_at);
    expect(ms).toBe(130_000);
    expect(await logOf(running, logId)).toMatchObject({
      stage: 'DISPATCHED',
      attempts: [{ worker: 'test', config_version: 3, end_point: 'http://127.0.0.1:9/mended' }],
    });
    // Its answer may be lost: once more is the same attempt.
    const again = await call(running, 'startTask', { lease_id: task.lease_id });
    expect(again.started_at).toBe(started.started_at);
    expect((await logOf(running, logId)).attempts).toHaveLength(1);
  });

  test('is refused once deliveries are paused, and the task waits in its place', async () => {
    const { running, bill } = await lab();
    const logId = await bill();
    const task = await leaseOne(running);
    await call(running, 'setDeliveryPaused', { paused: true });
    expect(await refusal(running, 'startTask', { lease_id: task.lease_id })).toMatchObject(LOST);
    await call(running, 'setDeliveryPaused', { paused: false });
    expect((await leaseOne(running)).attempt_id).toBe(`${logId}_a1`);
  });

  test('is refused once the rule is switched off, and the task is held', async () => {
    const { running, id, bill } = await lab();
    const logId = await bill();
    const task = await leaseOne(running);
    await call(running, 'setIntegrationEnabled', { lab_integration_id: id, is_active: false });
    expect(await refusal(running, 'startTask', { lease_id: task.lease_id })).toMatchObject(LOST);
    expect(await logOf(running, logId)).toMatchObject({ held_reason: 'INTEGRATION_DISABLED' });
  });

  test.each(['', 'nonsense', `x_a1_${'0'.repeat(32)}`, 'x_a1_zz'])(
    'is refused for a lease that there is not: %j',
    async (lease) => {
      const { running } = await lab();
      const answer = await refusal(running, 'startTask', { lease_id: lease });
      expect(answer).toMatchObject(lease === '' ? { status: 422 } : LOST);
    },
  );
});

describe('reportTask', () => {
  async function started(rule: Partial<CallInput<'addUpdateWebhookIntegration'>> = {}) {
    const at = await lab(rule);
    const logId = await at.bill();
    const task = await leaseOne(at.running);
    await call(at.running, 'startTask', { lease_id: task.lease_id });
    return { ...at, logId, task };
  }

  test('takes the integration_payload with the outcome, once', async () => {
    const { running, logId, task } = await started();
    const report = {
      ...task.integration_payload,
      lease_id: task.lease_id,
      response_status_code: 201,
      response_body: { ok: true },
      response_time: 12,
    };
    expect(await call(running, 'reportTask', report)).toEqual({ log_id: logId, changed: true });
    expect(await call(running, 'reportTask', report)).toEqual({ log_id: logId, changed: false });
    expect(await logOf(running, logId)).toMatchObject({
      status: 'SUCCESS',
      response_status_code: 201,
      response_body: '{"ok":true}',
    });
  });

  test('judges a report as any other: one that contradicts itself is refused', async () => {
    const { running, logId, task } = await started();
    const report = {
      lease_id: task.lease_id,
      status: 'SUCCESS',
      response_status_code: 500,
    } as const;
    expect(await refusal(running, 'reportTask', report)).toMatchObject({
      status: 422,
      errors: [{ field: 'response_status_code' }],
    });
    expect(await refusal(running, 'reportTask', { lease_id: task.lease_id })).toMatchObject({
      status: 422,
    });
    const foreign = { lease_id: task.lease_id, response_status_code: 200, log_id: 'another' };
    expect(await refusal(running, 'reportTask', foreign)).toMatchObject({
      status: 422,
      errors: [{ field: 'log_id' }],
    });
    expect(await logOf(running, logId)).toMatchObject({ status: 'PENDING' });
  });

  test('suppresses what the partner wants suppressed, whatever status is told', async () => {
    const { running, logId, task } = await started();
    await call(running, 'reportTask', {
      lease_id: task.lease_id,
      status: 'FAIL',
      response_status_code: 200,
      response_body: '{"message":"#NOTFORDASHBOARD"}',
    });
    expect(await logOf(running, logId)).toMatchObject({ status: 'SUPPRESSED' });
  });

  test('of a stage leaves the attempt under way', async () => {
    const { running, logId, task } = await started();
    const lease_id = task.lease_id;
    expect(await call(running, 'reportTask', { lease_id, stage: 'MIRTH' })).toMatchObject({
      changed: true,
    });
    expect(await call(running, 'reportTask', { lease_id, status: 'QUEUED' })).toMatchObject({
      changed: true,
    });
    expect(await logOf(running, logId)).toMatchObject({ status: 'QUEUED', stage: 'MIRTH' });
  });

  test('before the start takes only that nothing was sent', async () => {
    const { running, bill } = await lab();
    const logId = await bill();
    const { lease_id } = await leaseOne(running);
    for (const report of [
      { response_status_code: 200 },
      { error_kind: 'TIMEOUT' as const },
      { stage: 'MIRTH' as const },
    ]) {
      expect(await refusal(running, 'reportTask', { lease_id, ...report })).toMatchObject({
        status: 409,
        code: 'NOT_STARTED',
        errors: [
          { field: 'lease_id', reason: expect.stringContaining('call startTask before sending') },
        ],
      });
    }
    const outcome = { lease_id, error_kind: 'DNS', error_message: 'no such name' } as const;
    expect(await call(running, 'reportTask', outcome)).toMatchObject({ changed: true });
    expect(await logOf(running, logId)).toMatchObject({
      certainty: 'NOT_SENT',
      held_reason: 'ENDPOINT_DOWN',
    });
  });

  test('of 410 switches the rule off, and of an endpoint that is down opens its breaker', async () => {
    const { running, id, logId, task } = await started();
    await call(running, 'reportTask', { lease_id: task.lease_id, response_status_code: 410 });
    await vi.waitFor(async () => {
      const { items } = await call(running, 'listLabIntegrations', { lab_id: 7 });
      expect(items.find((rule) => rule.lab_integration_id === id)?.is_active).toBe(false);
    });
    expect(await logOf(running, logId)).toMatchObject({ status: 'FAIL', certainty: 'REFUSED' });
  });

  test('of 401 has LabRelay get another token, since a worker cannot', async () => {
    let tokens = 0;
    const issuer = createServer((request, response) => {
      request.resume();
      request.on('end', () => {
        const body = {
          access_token: `token-number-${++tokens}`,
          token_type: 'Bearer',
          expires_in: 3600,
        };
        response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
      });
    });
    const { port } = await listen(issuer);
    const { running, change, bill } = await lab();
    const { developer_authentication_id } = await call(
      running,
      'addUpdateDeveloperAuthentication',
      {
        lab_id: 7,
        name: 'partner',
        kind: 'oauth2',
        keys: {
          token_url: `http://127.0.0.1:${port}/token`,
          client_id: 'lab',
          client_secret: 'a secret of the lab',
        },
      },
    );
    await change({ developer_authentication_id });
    await bill();
    const task = await leaseOne(running);
    expect(task.request.headers['authorization']).toBe('Bearer token-number-1');
    await call(running, 'startTask', { lease_id: task.lease_id });
    await call(running, 'reportTask', { lease_id: task.lease_id, response_status_code: 401 });
    await vi.waitFor(() => expect(tokens).toBe(2));
    await bill();
    const next = await leaseOne(running);
    expect(next.request.headers['authorization']).toBe('Bearer token-number-2');
  });

  test('keeps no credential of the partner’s that the worker repeats', async () => {
    const { running, change, bill } = await lab();
    const { developer_authentication_id } = await call(
      running,
      'addUpdateDeveloperAuthentication',
      {
        lab_id: 7,
        name: 'partner',
        kind: 'api_key',
        keys: { header: 'x-site', value: 'key-of-the-partner' },
      },
    );
    await change({ developer_authentication_id });
    const logId = await bill();
    const task = await leaseOne(running);
    const { request } = await call(running, 'startTask', { lease_id: task.lease_id });
    expect(request.headers['x-site']).toBe('key-of-the-partner');
    await call(running, 'reportTask', {
      lease_id: task.lease_id,
      request_headers: request.headers,
      response_status_code: 400,
      response_body: 'your key key-of-the-partner is old',
    });
    const shown = await call(running, 'revealLog', { log_id: logId });
    expect(JSON.stringify(shown)).not.toContain('key-of-the-partner');
  });
});

describe('a lease', () => {
  test('can be extended and given back', async () => {
    const { running, bill } = await lab();
    await bill();
    const { lease_id, lease_until } = await leaseOne(running);
    const extended = await call(running, 'extendLease', { lease_id, lease_s: 600 });
    expect(Date.parse(extended.lease_until)).toBeGreaterThan(Date.parse(lease_until) + 500_000);
    expect(await call(running, 'releaseTask', { lease_id })).toEqual({ lease_id });
    expect(await refusal(running, 'releaseTask', { lease_id })).toMatchObject(LOST);
    expect(await refusal(running, 'extendLease', { lease_id })).toMatchObject(LOST);
    const again = await leaseOne(running);
    expect(again.lease_id).not.toBe(lease_id);
    await call(running, 'startTask', { lease_id: again.lease_id });
    expect(await refusal(running, 'releaseTask', { lease_id: again.lease_id })).toMatchObject({
      status: 409,
      code: 'ALREADY_DONE',
      detail: expect.stringContaining('reportTask'),
    });
  });

  test('outlives a restart of LabRelay, started or not', async () => {
    const { running, bill } = await lab();
    const [first, second] = [await bill(), await bill()];
    const { tasks } = await ask(running);
    const [started, waiting] = tasks;
    if (!started || !waiting) throw new Error('two were to be leased');
    await call(running, 'startTask', { lease_id: started.lease_id });
    await running.close();
    const again = await open(running.dataFolder);
    const report = { lease_id: started.lease_id, response_status_code: 200 };
    expect(await call(again, 'reportTask', report)).toEqual({ log_id: first, changed: true });
    expect((await ask(again)).tasks).toEqual([]);
    await call(again, 'startTask', { lease_id: waiting.lease_id });
    await call(again, 'reportTask', { ...report, lease_id: waiting.lease_id });
    expect(await logOf(again, second)).toMatchObject({ status: 'SUCCESS' });
  });
});
