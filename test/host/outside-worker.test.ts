import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { Webhook } from 'standardwebhooks';
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { Host } from '../../src/main/host.ts';
import type { CallInput } from '../../src/shared/contract/index.ts';
import { closedPort } from '../engine/dispatch/peers.ts';
import { call, configureLab, host, post } from './hosting.ts';

const PROGRAM = fileURLToPath(new URL('../peers/fusion-worker.mjs', import.meta.url));

const close: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const one of close.splice(0).toReversed()) await one();
});

interface Taken {
  headers: IncomingMessage['headers'];
  body: string;
  /** How many calls were open with it, itself among them. */
  open: number;
}

/** What a bill of these tests says to the partner. */
interface Wish {
  total: number;
  wait?: boolean;
}

/** A partner that answers by what a bill says: its `total` is the status code, `wait` holds it. */
async function partner() {
  const taken: Taken[] = [];
  const held: (() => void)[] = [];
  let open = 0;
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    open += 1;
    const body = await text(request);
    taken.push({ headers: request.headers, body, open });
    const { bill } = (JSON.parse(body) as { data: { bill: Wish } }).data;
    if (bill.wait) await new Promise<void>((resolve) => held.push(resolve));
    open -= 1;
    response.writeHead(bill.total, { 'content-type': 'application/json' }).end('{"ok":true}');
  };
  const server = createServer((request, response) => {
    void answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  const go = () => {
    for (const one of held.splice(0)) one();
  };
  close.push(async () => {
    go();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return { url: `http://127.0.0.1:${port}/hook`, taken, held, go };
}

/** LabRelay with a lab whose rule for bills is left to outside workers. */
async function lab(
  endPoint: string,
  rule: Partial<CallInput<'addUpdateWebhookIntegration'>> = {},
): Promise<{
  running: Host;
  id: number;
  key: string;
  internal: string;
  bill: (total: number, more?: object) => Promise<string>;
}> {
  const running = await host();
  close.push(() => running.close());
  const configured = await configureLab(running, endPoint);
  const id = configured.rule.lab_integration_id;
  await call(running, 'addUpdateWebhookIntegration', {
    lab_integration_id: id,
    executor: 'external',
    ...rule,
  });
  const user = { kind: 'user', name: 'Fusion', role: 'operator' } as const;
  const { key } = await call(running, 'createAccessKey', user);
  const { key: internal } = await call(running, 'createAccessKey', {
    kind: 'internal',
    name: 'Fusion reports',
  });
  let bills = 0;
  const bill = async (total: number, more: object = {}): Promise<string> => {
    const document = { bill_id: ++bills, total, patient: { patient_id: 'P1' }, ...more };
    const headers = { authorization: `Bearer ${configured.key}` };
    const answer = await post(running, '/billing/', { lab_id: 7, bill: document }, headers);
    const { log_ids } = (await answer.json()) as { log_ids: string[] };
    return log_ids[0] ?? '';
  };
  return { running, id, key, internal, bill };
}

/** The worker in a process of its own. */
function worker(
  { running, key, internal }: { running: Host; key: string; internal: string },
  environment: Record<string, string> = {},
): ChildProcess & { lines: string[] } {
  const child = spawn(process.execPath, [PROGRAM], {
    env: {
      LABRELAY_URL: running.url,
      LABRELAY_KEY: key,
      INTERNAL_TOKEN: internal,
      ...environment,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines: string[] = [];
  child.stdout.on('data', (chunk) => lines.push(...String(chunk).split('\n').filter(Boolean)));
  close.push(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  });
  return Object.assign(child, { lines });
}

const WAIT = { timeout: 15_000, interval: 50 };

const logIs = (running: Host, logId: string, facts: object) =>
  vi.waitFor(
    async () => expect(await call(running, 'getLog', { log_id: logId })).toMatchObject(facts),
    WAIT,
  );

const ended = (child: ChildProcess) =>
  vi.waitFor(() => expect(child.exitCode ?? child.signalCode).not.toBeNull(), WAIT);

describe.each(['lease', 'callback'])('a worker in another process that reports by %s', (by) => {
  test('makes the calls and has their outcomes kept, suppressed ones as suppressed', async () => {
    const peer = await partner();
    const here = await lab(peer.url);
    const [fine, refused, hidden] = [
      await here.bill(200),
      await here.bill(422),
      await here.bill(209),
    ];
    worker(here, { REPORT_BY: by });
    await logIs(here.running, fine, {
      status: 'SUCCESS',
      certainty: 'ACCEPTED',
      stage: 'REPORTED',
      end_point: peer.url,
      response_status_code: 200,
      attempts: [{ attempt_id: `${fine}_a1`, kind: 'FIRST', status: 'SUCCESS' }],
    });
    await logIs(here.running, refused, { status: 'FAIL', certainty: 'REFUSED' });
    await logIs(here.running, hidden, { status: 'SUPPRESSED', certainty: 'ACCEPTED' });
    // Each was sent once, under its own key, and the partner saw nothing but the request.
    expect(peer.taken).toHaveLength(3);
    expect(new Set(peer.taken.map(({ headers }) => headers['webhook-id']))).toEqual(
      new Set([fine, refused, hidden]),
    );
    expect(JSON.stringify(peer.taken)).not.toContain('integration_callback_url');
    const { tasks_by_state: left } = await call(here.running, 'getHealth', {});
    expect(left).toEqual({});
  });
});

describe('a worker in another process', () => {
  test('is given the credentials and signs, as LabRelay itself would', async () => {
    const peer = await partner();
    const here = await lab(peer.url);
    const secret = `whsec_${Buffer.from('a signing secret of a test').toString('base64')}`;
    const { developer_authentication_id } = await call(
      here.running,
      'addUpdateDeveloperAuthentication',
      {
        lab_id: 7,
        name: 'partner',
        kind: 'bearer',
        keys: { token: 'token-of-the-partner', signing_secret: secret },
      },
    );
    await call(here.running, 'addUpdateWebhookIntegration', {
      lab_integration_id: here.id,
      developer_authentication_id,
      signing: true,
    });
    const logId = await here.bill(200);
    worker(here);
    await logIs(here.running, logId, { status: 'SUCCESS' });
    const [call1] = peer.taken;
    expect(call1?.headers.authorization).toBe('Bearer token-of-the-partner');
    const headers = call1?.headers as Record<string, string>;
    expect(() => new Webhook(secret).verify(call1?.body ?? '', headers)).not.toThrow();
    // What it repeats of them is kept by nobody.
    expect(JSON.stringify(await call(here.running, 'revealLog', { log_id: logId }))).not.toContain(
      'token-of-the-partner',
    );
  });

  test('that dies before it starts leaves its task to the next one', async () => {
    const peer = await partner();
    const here = await lab(peer.url);
    const logId = await here.bill(200);
    const first = worker(here, { DIE: 'before-start', LEASE_S: '5', WORKER: 'first' });
    await ended(first);
    worker(here, { WORKER: 'second' });
    await logIs(here.running, logId, { status: 'SUCCESS' });
    expect(peer.taken).toHaveLength(1);
  });

  test('that dies after it started leaves the delivery in doubt, and nobody sends it again', async () => {
    const peer = await partner();
    const here = await lab(peer.url, { timeout_ms: 100 });
    const logId = await here.bill(200);
    const first = worker(here, { DIE: 'after-send', LEASE_S: '5' });
    await ended(first);
    worker(here);
    await logIs(here.running, logId, {
      status: 'FAIL',
      certainty: 'UNKNOWN',
      error_kind: 'LEASE_EXPIRED',
    });
    expect(peer.taken).toHaveLength(1);
    // Whoever finds out afterwards what came of it may still say so.
    const report = { log_id: logId, attempt_id: `${logId}_a1`, response_status_code: 200 };
    const headers = { 'x-internal-token': here.internal };
    const late = await post(here.running, '/integration_callback/', report, headers);
    expect(await late.json()).toEqual({ log_id: logId, changed: true });
    await logIs(here.running, logId, { status: 'SUCCESS' });
  });

  test('keeps within the concurrency, and to the order of each key', async () => {
    const peer = await partner();
    const here = await lab(peer.url, { max_concurrency: 2, ordering_key: 'bill.accession' });
    const inOrder: string[] = [];
    for (const accession of ['A', 'B', 'C']) {
      for (let n = 0; n < 3; n++) inOrder.push(await here.bill(200, { accession }));
    }
    worker(here, { WORKER: 'one' });
    worker(here, { WORKER: 'two' });
    for (const logId of inOrder) {
      await logIs(here.running, logId, { status: 'SUCCESS', ordering_key: '••••' });
    }
    expect(Math.max(...peer.taken.map(({ open }) => open))).toBeLessThanOrEqual(2);
    const seen = peer.taken.map(({ headers }) => String(headers['webhook-id']));
    for (const key of [inOrder.slice(0, 3), inOrder.slice(3, 6), inOrder.slice(6)]) {
      expect(seen.filter((logId) => key.includes(logId))).toEqual(key);
    }
  });

  test('whose partner cannot be reached says so, and the delivery waits for it', async () => {
    const here = await lab(`http://127.0.0.1:${await closedPort()}/`);
    const logId = await here.bill(200);
    worker(here);
    await logIs(here.running, logId, {
      status: 'FAIL',
      certainty: 'NOT_SENT',
      error_kind: 'CONNECT',
      held_reason: 'ENDPOINT_DOWN',
    });
  });

  test('that is asked to end gives back what it has not started', async () => {
    const peer = await partner();
    const here = await lab(peer.url);
    const logId = await here.bill(200, { wait: true });
    const child = worker(here);
    await vi.waitFor(() => expect(peer.held).toHaveLength(1), WAIT);
    child.kill('SIGTERM');
    peer.go();
    await ended(child);
    expect(child.exitCode).toBe(0);
    await logIs(here.running, logId, { status: 'SUCCESS' });
  });

  test('is given nothing while the rule is off or deliveries are paused', async () => {
    const peer = await partner();
    const here = await lab(peer.url);
    await call(here.running, 'setDeliveryPaused', { paused: true });
    const logId = await here.bill(200);
    const child = worker(here);
    const asked = { worker: 'test', limit: 1 };
    expect(await call(here.running, 'leaseTasks', asked)).toEqual({
      tasks: [],
      delivery_paused: true,
    });
    await call(here.running, 'setIntegrationEnabled', {
      lab_integration_id: here.id,
      is_active: false,
    });
    await call(here.running, 'setDeliveryPaused', { paused: false });
    await logIs(here.running, logId, { held_reason: 'INTEGRATION_DISABLED' });
    expect(await call(here.running, 'leaseTasks', asked)).toEqual({
      tasks: [],
      delivery_paused: false,
    });
    expect(child.lines).toEqual([]);
    await call(here.running, 'setIntegrationEnabled', {
      lab_integration_id: here.id,
      is_active: true,
      waiting: 'release',
    });
    await logIs(here.running, logId, { status: 'SUCCESS' });
  });
});
