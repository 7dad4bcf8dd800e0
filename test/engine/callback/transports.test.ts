import type { ServerResponse } from 'node:http';
import Database from 'better-sqlite3';
import { afterEach, expect, test, vi } from 'vitest';
import type { Host } from '../../../src/main/host.ts';
import { storeFile } from '../../../src/main/store/store.ts';
import { callbackReport } from '../../../src/shared/contract/callback.ts';
import type { CallInput } from '../../../src/shared/contract/index.ts';
import type { LogDocument } from '../../../src/shared/contract/log-document.ts';
import { temporaryFolder } from '../../helpers/folders.ts';
import { adminToken, call, host, post } from '../../host/hosting.ts';
import { closedPort, partner, rawPartner } from '../dispatch/peers.ts';

const hosts: Host[] = [];
afterEach(async () => {
  for (const one of hosts.splice(0)) await one.close();
});

type Rule = Partial<CallInput<'addUpdateWebhookIntegration'>>;

/** The API key that the partner is sent, in a header of its own naming. */
const CODE = 's3cret-of-the-partner';

/** What a partner answers, by path. */
const ANSWERS: Record<string, (response: ServerResponse) => void> = {
  '/ok': (response) => void response.end('fine'),
  '/created': (response) => {
    response.setHeader('set-cookie', 'sid=s3cret');
    response.setHeader('x-auth-token', 's3cret');
    response.writeHead(201, { 'content-type': 'application/json' }).end('{"id":"17","ok":true}');
  },
  '/empty': (response) => void response.writeHead(204).end(),
  '/209': (response) => void response.writeHead(209).end('kept to ourselves'),
  '/not-for-dashboard': (response) => void response.end('{"message":"#NOTFORDASHBOARD"}'),
  '/not-for-dashboard-500': (response) =>
    void response.writeHead(500).end('{"message":"#NOTFORDASHBOARD"}'),
  '/302': (response) => void response.writeHead(302, { location: '/ok' }).end(),
  '/400': (response) => void response.writeHead(400).end('{"error":"no \\"patient\\""}'),
  '/422': (response) => void response.writeHead(422).end(),
  '/429': (response) => void response.writeHead(429, { 'retry-after': '7' }).end('slow down'),
  '/503': (response) => void response.writeHead(503).end('later'),
  '/500': (response) => void response.writeHead(500).end('<h1>trace</h1>'),
  '/999': (response) => void response.writeHead(999).end('odd'),
  '/committed': (response) => void response.writeHead(202).end('queued'),
  '/overridden': (response) => void response.writeHead(404).end('had it before'),
  '/latin1': (response) =>
    void response
      .writeHead(200, { 'content-type': 'text/plain; charset=iso-8859-1' })
      .end(Buffer.from('Grün\u0000\u0007', 'latin1')),
  '/large': (response) => void response.end('é\n'.repeat(200_000)),
  '/slow': () => {},
  // As partners do that debug: what they were sent comes back.
  '/echo': (response) =>
    void response
      .setHeader('x-partner-code', CODE)
      .setHeader('x-debug', `code ${CODE}`)
      .end(`{"got":"${CODE}"}`),
};

const MORE: Record<string, Rule> = {
  '/slow': { timeout_ms: 150 },
  '/committed': { retry_policy: { overrides: { 202: 'COMMITTED' } } },
  '/overridden': { retry_policy: { overrides: { 404: 'ACCEPTED' } } },
  '/ok': { headers: { 'X-Site': 'north' } },
};

/** A LabRelay whose one lab has a rule for each of these end points. */
async function labRelay(transport: 'in_process' | 'http', rules: (Rule & { end_point: string })[]) {
  const running = await host({ data: temporaryFolder() });
  hosts.push(running);
  await call(running, 'updateSettings', { callback_transport: transport });
  await call(running, 'addUpdateLab', { lab_id: 7, name: 'City Lab', time_zone: 'Asia/Kolkata' });
  const { developer_authentication_id } = await call(running, 'addUpdateDeveloperAuthentication', {
    lab_id: 7,
    name: 'Partner',
    kind: 'api_key',
    keys: { header: 'X-Partner-Code', value: CODE },
  });
  for (const rule of rules) {
    await call(running, 'addUpdateWebhookIntegration', {
      lab_id: 7,
      action_category_list_id: 1,
      name: rule.end_point,
      developer_authentication_id,
      ...rule,
      // Each is tried once: what is told of a failure is the matter here.
      retry_policy: { ...rule.retry_policy, schedule: [] },
    });
  }
  return running;
}

async function sendBill(running: Host, bill_id = 17, ordering_key?: string): Promise<string[]> {
  const bill = { bill_id, patient: { patient_id: 'P1', name: 'Asha Verma' } };
  const body = { lab_id: 7, bill, ordering_key };
  const key = { authorization: `Bearer ${adminToken(running)}` };
  const response = await post(running, '/billing/', body, key);
  expect(response.status).toBe(201);
  return ((await response.json()) as { log_ids: string[] }).log_ids;
}

/**
 * Until every task is done, or has been tried and waits for its endpoint; with the log documents in
 * the order of the rules.
 */
async function documents(
  running: Host,
  logIds: string[],
  waiting: Record<string, number> = {},
): Promise<LogDocument[]> {
  await vi.waitFor(
    async () => expect((await call(running, 'getHealth', {})).tasks_by_state).toEqual(waiting),
    10_000,
  );
  return Promise.all(logIds.map((log_id) => call(running, 'revealLog', { log_id })));
}

/** A document without what differs between any two deliveries: ids, times, and our own address. */
function comparable(document: LogDocument): unknown {
  const volatile =
    /^(log_id|event_id|attempt_id|key|date|webhook-id|response_time|sha256|activity_date|.*_at)$/;
  return JSON.parse(
    JSON.stringify(document, (name, value: unknown) =>
      volatile.test(name) && value !== null ? typeof value : value,
    )
      .replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}/g, 'ID')
      .replace(/127\.0\.0\.1:\d+\/integration_callback/, 'HOST/integration_callback'),
  );
}

test('our own worker’s reports give the same log documents in process and over HTTP', async () => {
  const peer = await partner((response, { url }) => ANSWERS[url?.split('?')[0] ?? '']?.(response));
  const cut = await rawPartner((socket) =>
    socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\nhalf')),
  );
  const rules = [
    ...Object.keys(ANSWERS).map((path) => ({ ...MORE[path], end_point: peer.origin + path })),
    { end_point: `${cut.origin}/cut` },
    { end_point: `http://127.0.0.1:${await closedPort()}/refused` },
    { end_point: 'http://partner.invalid/unknown-name' },
    { end_point: `https://127.0.0.1:${peer.port}/no-tls` },
    { end_point: `${peer.origin}/ok`, method: 'GET' as const, mapping: '{"id": bill.bill_id}' },
    {
      end_point: `${peer.origin}/ok`,
      method: 'GET' as const,
      mapping: '{"names": bill.patient.[name]}',
      check_data: { bill: { bill_id: 1 } },
    },
  ];
  const [inProcess = [], overHttp = []] = await Promise.all(
    (['in_process', 'http'] as const).map(async (transport) => {
      const running = await labRelay(transport, rules);
      return documents(running, await sendBill(running), { WAITING_FOR_ENDPOINT: 3 });
    }),
  );
  expect(inProcess).toHaveLength(rules.length);
  inProcess.forEach((document, index) => {
    const other = overHttp[index];
    if (!other) throw new Error('a log is missing');
    expect(comparable(other)).toEqual(comparable(document));
  });
  expect(JSON.stringify([inProcess, overHttp])).not.toContain('s3cret');

  const echo = inProcess.find(({ end_point }) => end_point?.endsWith('/echo'));
  expect(echo?.response_body).toBe('{"got":"••••"}');
  expect(echo?.response_headers).toMatchObject({
    'x-partner-code': '••••',
    'x-debug': 'code ••••',
  });

  // The comparison would also hold of documents that are wrong alike, so each is told here.
  const told = inProcess.map((log) => [
    new URL(log.end_point ?? '').pathname,
    log.status,
    log.certainty,
    log.error_kind,
    ...(log.held_reason === null ? [] : [log.held_reason]),
  ]);
  expect(told).toEqual([
    ['/ok', 'SUCCESS', 'ACCEPTED', null],
    ['/created', 'SUCCESS', 'ACCEPTED', null],
    ['/empty', 'SUCCESS', 'ACCEPTED', null],
    ['/209', 'SUPPRESSED', 'ACCEPTED', null],
    ['/not-for-dashboard', 'SUPPRESSED', 'ACCEPTED', null],
    ['/not-for-dashboard-500', 'SUPPRESSED', 'UNKNOWN', 'HTTP_STATUS'],
    ['/302', 'FAIL', 'REFUSED', 'HTTP_STATUS'],
    ['/400', 'FAIL', 'REFUSED', 'HTTP_STATUS'],
    ['/422', 'FAIL', 'REFUSED', 'HTTP_STATUS'],
    ['/429', 'FAIL', 'REFUSED_RETRYABLE', 'HTTP_STATUS'],
    ['/503', 'FAIL', 'REFUSED_RETRYABLE', 'HTTP_STATUS'],
    ['/500', 'FAIL', 'UNKNOWN', 'HTTP_STATUS'],
    ['/999', 'FAIL', 'UNKNOWN', 'HTTP_STATUS'],
    ['/committed', 'QUEUED', 'COMMITTED', null],
    ['/overridden', 'SUCCESS', 'ACCEPTED', null],
    ['/latin1', 'SUCCESS', 'ACCEPTED', null],
    ['/large', 'SUCCESS', 'ACCEPTED', null],
    ['/slow', 'FAIL', 'UNKNOWN', 'TIMEOUT'],
    ['/echo', 'SUCCESS', 'ACCEPTED', null],
    ['/cut', 'FAIL', 'UNKNOWN', 'CONNECTION_LOST'],
    ['/refused', 'FAIL', 'NOT_SENT', 'CONNECT', 'ENDPOINT_DOWN'],
    ['/unknown-name', 'FAIL', 'NOT_SENT', 'DNS', 'ENDPOINT_DOWN'],
    ['/no-tls', 'FAIL', 'NOT_SENT', 'TLS', 'ENDPOINT_DOWN'],
    ['/ok', 'SUCCESS', 'ACCEPTED', null],
    // What does not fit into a query is not sent in part.
    ['/ok', 'FAIL', 'NOT_SENT', 'PAYLOAD'],
  ]);
});

test('an outcome that could not be reported before the end is reported after the next start', async () => {
  const peer = await partner((response) => void setTimeout(() => response.end('fine'), 150));
  const first = await labRelay('http', [{ end_point: `${peer.origin}/ok` }]);
  const [logId = ''] = await sendBill(first);
  await vi.waitFor(() => expect(peer.received).toHaveLength(1));
  // The server closes first, so the outcome of what is under way finds no route any more.
  await first.close();
  const db = new Database(storeFile(first.dataFolder), { readonly: true });
  expect(db.prepare('SELECT state FROM task').pluck().all()).toEqual(['REPORTING']);
  db.close();

  const second = await host({ data: first.dataFolder });
  hosts.push(second);
  const [log] = await documents(second, [logId]);
  expect(log).toMatchObject({ status: 'SUCCESS', response_body: 'fine', stage: 'REPORTED' });
  expect(log?.attempts).toHaveLength(1);
  expect(peer.received).toHaveLength(1);
});

test.each(['in_process', 'http'] as const)(
  'deliveries of one ordering key follow each other without waiting for a poll (%s)',
  async (transport) => {
    const peer = await partner((response) => void response.end('fine'));
    const running = await labRelay(transport, [{ end_point: `${peer.origin}/ok` }]);
    const startedAt = Date.now();
    for (let bill = 0; bill < 12; bill++) await sendBill(running, bill, 'A');
    await documents(running, []);
    expect(peer.received).toHaveLength(12);
    // By the poll of one second alone they would take at least eleven.
    expect(Date.now() - startedAt).toBeLessThan(8_000);
  },
);

test('an outside report on a head in doubt wakes the dispatcher for what waits behind it', async () => {
  let calls = 0;
  const peer = await partner((response) =>
    calls++ === 0 ? void response.destroy() : void response.end('fine'),
  );
  const running = await labRelay('in_process', [{ end_point: `${peer.origin}/ok` }]);
  const [head = ''] = await sendBill(running, 17, 'A');
  await documents(running, []);
  await sendBill(running, 18, 'A');
  await documents(running, [], { WAITING: 1 });
  const { callback, dispatcher } = running.engine;
  const told = vi.spyOn(dispatcher, 'keyWentOn');
  await callback.handle(callbackReport.parse({ log_id: head, status: 'SUCCESS' }), 'worker');
  expect(told).toHaveBeenCalledOnce();
  await documents(running, []);
  expect(peer.received).toHaveLength(2);
});
