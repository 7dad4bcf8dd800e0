import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import type { Host } from '../../src/main/host.ts';
import type { CallInput } from '../../src/shared/contract/index.ts';
import { closedPort } from '../engine/dispatch/peers.ts';
import { adminToken, call, configureLab, host, partner, post } from './hosting.ts';
import { procedurePath } from '../../src/main/http/procedure-routes.ts';

const close: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const one of close.splice(0).toReversed()) await one();
});

/** A lab with bills that wait for a partner that nobody can reach. */
async function waitingBills(count: number) {
  const running = await host();
  close.push(() => running.close());
  const { rule, key } = await configureLab(running, `http://127.0.0.1:${await closedPort()}/`);
  const logIds: string[] = [];
  await Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const bill = { bill_id: index + 1, total: 100, patient: { patient_id: `P${index}` } };
      const headers = { authorization: `Bearer ${key}` };
      const answer = await post(running, '/billing/', { lab_id: 7, bill }, headers);
      const { log_ids: made } = (await answer.json()) as { log_ids: string[] };
      logIds.push(...made);
    }),
  );
  await tasksAre(running, { WAITING_FOR_ENDPOINT: count });
  return { running, rule, key, logIds, id: rule.lab_integration_id };
}

async function receiver() {
  const peer = await partner();
  close.push(() => peer.close());
  return peer;
}

/** Health is a second old at most. */
const tasksAre = (running: Host, tasks: Record<string, number>) =>
  vi.waitFor(
    async () => expect((await call(running, 'getHealth', {})).tasks_by_state).toEqual(tasks),
    { timeout: 15_000, interval: 50 },
  );

async function refusal(
  running: Host,
  name: 'setIntegrationEnabled',
  input: CallInput<typeof name>,
) {
  const headers = { authorization: `Bearer ${adminToken(running)}` };
  const answer = await post(running, procedurePath(name), input, headers);
  return { status: answer.status, problem: (await answer.json()) as Record<string, unknown> };
}

const applicationLog = (running: Host): string => {
  const folder = join(running.dataFolder, 'logs');
  return readdirSync(folder)
    .map((file) => readFileSync(join(folder, file), 'utf8'))
    .join('');
};

test('a URL that is mended reaches 500 that wait, at once', async () => {
  const { running, id, logIds } = await waitingBills(500);
  expect(applicationLog(running).match(/breaker_opened/g)).toHaveLength(1);
  const { checks, status } = await call(running, 'getHealth', {});
  // A partner that is down is told of, but LabRelay itself is well.
  expect(status).toBe('ok');
  expect(checks).toContainEqual({
    name: `integration ${id}`,
    ok: false,
    detail: expect.stringMatching(/cannot be reached since .*a probe goes every 15 s/) as string,
  });
  const metrics = await (await fetch(`${running.url}/metrics`)).text();
  expect(metrics).toContain('labrelay_open_breakers{reason="ENDPOINT_DOWN"} 1');

  const peer = await receiver();
  await call(running, 'addUpdateWebhookIntegration', {
    lab_integration_id: id,
    end_point: peer.url,
    headers: { 'x-mended': 'yes' },
  });
  await tasksAre(running, {});
  expect(new Set(peer.requests.map(({ headers }) => headers['webhook-id']))).toEqual(
    new Set(logIds),
  );
  expect(peer.requests.every(({ headers }) => headers['x-mended'] === 'yes')).toBe(true);
  expect(applicationLog(running)).toContain('breaker_closed');
  // Attempts name the version that they were made by.
  const log = await call(running, 'getLog', { log_id: logIds[0] ?? '' });
  expect(log.attempts.at(-1)).toMatchObject({ config_version: 2, status: 'SUCCESS' });
}, 60_000);

test('disabled with 500 waiting, none leaves; enabling asks, and each choice does as it says', async () => {
  const { running, id, logIds } = await waitingBills(500);
  await call(running, 'setIntegrationEnabled', { lab_integration_id: id, is_active: false });
  await tasksAre(running, { HELD: 500 });
  const preview = await call(running, 'previewHeld', { lab_integration_id: id });
  expect(preview.count).toBe(500);
  // Some were tried before, most were not.
  for (const group of preview.groups) {
    expect(group).toMatchObject({ lab_integration_id: id, held_reason: 'INTEGRATION_DISABLED' });
    expect([null, 'NOT_SENT']).toContain(group.certainty);
  }
  const peer = await receiver();
  // Mended, but still disabled.
  await call(running, 'addUpdateWebhookIntegration', {
    lab_integration_id: id,
    end_point: peer.url,
  });
  const asked = await refusal(running, 'setIntegrationEnabled', {
    lab_integration_id: id,
    is_active: true,
  });
  expect(asked).toMatchObject({
    status: 409,
    problem: {
      code: 'WAITING_CHOICE_NEEDED',
      detail: expect.stringMatching(
        /^500 deliveries are held, the oldest from .*Nothing was changed.*release.*rebuild.*drop/,
      ) as string,
      errors: [{ field: 'waiting' }],
    },
  });
  const { items } = await call(running, 'listLabIntegrations', {});
  expect(items[0]).toMatchObject({ is_active: false, version: 3 });
  expect(peer.requests).toEqual([]);

  await call(running, 'setIntegrationEnabled', {
    lab_integration_id: id,
    is_active: true,
    waiting: 'release',
  });
  await tasksAre(running, {});
  expect(peer.requests).toHaveLength(500);
  const log = await call(running, 'getLog', { log_id: logIds[0] ?? '' });
  expect(log).toMatchObject({ status: 'SUCCESS', revision: 1, held_reason: null });
}, 60_000);

test('rebuilt, each is sent as its objects and the mapping are now, under a new key', async () => {
  const { running, id, key, logIds } = await waitingBills(20);
  const peer = await receiver();
  await call(running, 'setIntegrationEnabled', { lab_integration_id: id, is_active: false });
  // The first bill is corrected meanwhile. That is a BILL_UPDATED, for which there is no rule.
  await post(
    running,
    '/billing/',
    { lab_id: 7, bill: { bill_id: 1, total: 250 } },
    { authorization: `Bearer ${key}` },
  );
  await call(running, 'addUpdateWebhookIntegration', {
    lab_integration_id: id,
    end_point: peer.url,
    mapping: '{ "bill": bill.bill_id, "total": bill.bill_id = 2 ? $error("no") : bill.total }',
    is_active: true,
    waiting: 'rebuild',
  });
  await tasksAre(running, {});

  const bodies = peer.requests.map(
    ({ body }) => JSON.parse(body) as { bill: number; total: number },
  );
  expect(bodies).toHaveLength(19);
  expect(bodies.find(({ bill }) => bill === 1)).toEqual({ bill: 1, total: 250 });
  expect(
    new Set(peer.requests.map(({ headers }) => String(headers['webhook-id']).slice(-3))),
  ).toEqual(new Set(['_r2']));
  const logs = await Promise.all(logIds.map((log_id) => call(running, 'getLog', { log_id })));
  const failed = logs.filter(({ status }) => status === 'FAIL');
  expect(failed).toHaveLength(1);
  expect(failed[0]).toMatchObject({
    error_kind: 'PAYLOAD',
    certainty: 'NOT_SENT',
    references: expect.arrayContaining([{ kind: 'bill', id: '2' }]) as unknown,
    activity: [{ kind: 'REBUILD_FAILED' }],
  });
  const sent = logs.find(({ status }) => status === 'SUCCESS');
  expect(sent).toMatchObject({ revision: 2, activity: [{ kind: 'REBUILT' }] });
  expect(sent?.revisions.at(-1)).toMatchObject({
    revision: 2,
    reason: 'REBUILT',
    objects_from: 'LOCAL',
    config_version: 3,
  });
}, 60_000);

test('a partner that answers 410 is asked no more: the rule is disabled, with a note', async () => {
  const gone = await partner({ status: 410, body: '' });
  close.push(() => gone.close());
  const running = await host();
  close.push(() => running.close());
  const { rule, key } = await configureLab(running, gone.url);
  const answer = await post(
    running,
    '/billing/',
    { lab_id: 7, bill: { bill_id: 17, patient: { patient_id: 'P1' } } },
    { authorization: `Bearer ${key}` },
  );
  const { log_ids: logIds } = (await answer.json()) as { log_ids: string[] };
  const { lab_integration_id: id } = rule;
  await vi.waitFor(async () => {
    const log = await call(running, 'getLog', { log_id: logIds[0] ?? '' });
    expect(log).toMatchObject({
      status: 'FAIL',
      certainty: 'REFUSED',
      activity: [{ actor: 'LabRelay', kind: 'INTEGRATION_DISABLED' }],
    });
  });
  const { items } = await call(running, 'listIntegrationVersions', { lab_integration_id: id });
  expect(items[0]).toMatchObject({
    version: 2,
    changed_by: 'LabRelay',
    reason: 'the partner answered 410 Gone',
    differences: [{ path: 'is_active', from: true, to: false }],
  });
});

test('versions and rollback over HTTP: who, what, and back again', async () => {
  const peer = await receiver();
  const running = await host();
  close.push(() => running.close());
  const { rule } = await configureLab(running, peer.url);
  const { lab_integration_id: id } = rule;
  await call(running, 'addUpdateWebhookIntegration', {
    lab_integration_id: id,
    timeout_ms: 9_000,
    retry_policy: { schedule: [5_000] },
  });
  const back = await call(running, 'rollbackIntegration', { lab_integration_id: id, version: 1 });
  expect(back).toMatchObject({ version: 3, timeout_ms: rule.timeout_ms });
  const first = await call(running, 'listIntegrationVersions', {
    lab_integration_id: id,
    limit: 2,
  });
  expect(first.items.map(({ version, changed_by }) => [version, changed_by])).toEqual([
    [3, 'first admin'],
    [2, 'first admin'],
  ]);
  expect(first.items[1]?.differences).toEqual([
    {
      path: 'retry_policy.schedule',
      from: rule.retry_policy.schedule,
      to: [5_000],
    },
    { path: 'timeout_ms', from: rule.timeout_ms, to: 9_000 },
  ]);
  const rest = await call(running, 'listIntegrationVersions', {
    lab_integration_id: id,
    limit: 2,
    cursor: first.next_cursor ?? '',
  });
  expect(rest).toMatchObject({ items: [{ version: 1, differences: [] }], next_cursor: null });
});
