import { integrationPayloadOf } from '../../../src/shared/model/delivery.ts';
import type { ServerResponse } from 'node:http';
import { Agent } from 'undici';
import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { CallbackHandler } from '../../../src/main/engine/callback/handler.ts';
import {
  HttpReporter,
  type ReportTarget,
} from '../../../src/main/engine/callback/http-reporter.ts';
import { callbackReport } from '../../../src/shared/contract/callback.ts';
import { type OpenStore, openLocalStore } from '../../store/local-store.ts';
import { configure, delivery, event, report, stampNext } from '../../store/samples.ts';
import { closedPort, partner, type Partner, type Received } from '../dispatch/peers.ts';
import { MemoryLookup } from '../dispatch/lookup.ts';

let store: OpenStore;
let rule: number;
let reporters: HttpReporter[];
let troubles: string[];
let target: ReportTarget;
const dispatcher = new Agent();

beforeEach(async () => {
  store = openLocalStore();
  rule = await configure(store);
  reporters = [];
  troubles = [];
  target = { url: `http://127.0.0.1:${await closedPort()}/`, token: 'own', dispatcher };
});
afterEach(async () => {
  for (const reporter of reporters) await reporter.stop();
  await store.close();
});

afterAll(() => dispatcher.close());

/** A reporter as a start of the engine makes it. */
function start(): HttpReporter {
  const reporter = new HttpReporter({
    store,
    target: () => target,
    onKeyWentOn: () => {},
    onRetry: () => {},
    onTrouble: (message) => troubles.push(message),
    repeatAfterMs: 20,
  });
  reporters.push(reporter);
  reporter.start();
  return reporter;
}

/** Deliveries that have been sent, and whose outcomes wait to be reported. */
async function outcomes(count: number): Promise<string[]> {
  const logIds: string[] = [];
  for (let number = 0; number < count; number++) {
    const one = delivery(rule);
    await store.acceptEvent(event([one]));
    const { task } = await stampNext(store);
    const { logId } = one.log;
    await store.settle({
      taskId: task.taskId,
      report: report(logId),
      reportOverHttp: integrationPayloadOf(task),
    });
    logIds.push(logId);
  }
  return logIds;
}

/** The callback route, so far as a reporter meets it; `fault` may answer in its place. */
async function route(
  fault: (response: ServerResponse, request: Received) => boolean = () => false,
): Promise<Partner> {
  const handler = new CallbackHandler({
    store,
    configuration: new MemoryLookup(),
    callbackUrl: () => target.url,
    clock: Date.now,
    onApplied: () => {},
  });
  const peer = await partner((response, request) => {
    if (fault(response, request)) return;
    handler.handle(callbackReport.parse(JSON.parse(request.body)), null).then(
      (answer) => response.writeHead(200).end(JSON.stringify(answer)),
      () => response.writeHead(500).end(),
    );
  });
  target = { url: `${peer.origin}/integration_callback/`, token: 'own', dispatcher };
  return peer;
}

async function reported(logIds: string[]): Promise<void> {
  await vi.waitFor(async () => {
    expect((await store.figures()).tasksByState).toEqual({});
    for (const logId of logIds) {
      expect(await store.getLog(logId)).toMatchObject({ status: 'SUCCESS', responseBody: 'fine' });
    }
  });
}

describe('an outcome', () => {
  test('is posted as the enriched payload, with our own token, and then forgotten', async () => {
    const peer = await route();
    const [logId = ''] = await outcomes(1);
    start();
    await reported([logId]);
    expect(peer.received).toHaveLength(1);
    expect(peer.received[0]).toMatchObject({
      method: 'POST',
      url: '/integration_callback/',
      headers: { 'x-internal-token': 'own', 'content-type': 'application/json' },
    });
    expect(JSON.parse(peer.received[0]?.body ?? '')).toMatchObject({
      log_id: logId,
      attempt_id: `${logId}_a1`,
      status: 'SUCCESS',
      request_body: '{"a":1}',
      response_body: 'fine',
    });
  });

  test('is reported however many there are', async () => {
    await route();
    const logIds = await outcomes(150);
    start();
    await reported(logIds);
    expect(troubles).toEqual([]);
  });

  test.each([401, 404, 413, 422, 429, 500, 503, 302, 204])(
    'that the route answers with %i is posted again until it is taken',
    async (status) => {
      let refused = 0;
      const peer = await route((response) => {
        if (refused++ >= 3) return false;
        response.writeHead(status, { location: '/elsewhere' }).end();
        return true;
      });
      const logIds = await outcomes(1);
      start();
      await reported(logIds);
      expect(peer.received).toHaveLength(4);
      expect(troubles).toEqual(Array(3).fill(`the callback route answered ${status}`));
    },
  );

  test('is posted again while nobody listens, or the route hangs up', async () => {
    const logIds = await outcomes(2);
    start();
    await vi.waitFor(() => expect(troubles.length).toBeGreaterThan(3));
    expect(troubles[0]).toBe('the callback route could not be reached (ECONNREFUSED)');
    let asked = 0;
    await route((response) => {
      if (asked++ >= 3) return false;
      response.destroy();
      return true;
    });
    await reported(logIds);
  });

  test('that was taken, but whose answer was lost, is posted again and changes nothing', async () => {
    let answers = 0;
    const handler = new CallbackHandler({
      store,
      configuration: new MemoryLookup(),
      callbackUrl: () => target.url,
      clock: Date.now,
      onApplied: () => {},
    });
    let first = '';
    const [logId = ''] = await outcomes(1);
    const loseAnswer = async (body: string, response: ServerResponse) => {
      await handler.handle(callbackReport.parse(JSON.parse(body)), null);
      first = JSON.stringify(await store.getLog(logId));
      response.destroy();
    };
    const peer = await route((response, { body }) => {
      if (answers++ > 0) return false;
      void loseAnswer(body, response);
      return true;
    });
    start();
    await reported([logId]);
    expect(peer.received).toHaveLength(2);
    expect(JSON.stringify(await store.getLog(logId))).toBe(first);
  });

  test('survives the end of the engine', async () => {
    const logIds = await outcomes(3);
    const former = start();
    await vi.waitFor(() => expect(troubles.length).toBeGreaterThan(0));
    await former.stop();
    expect((await store.figures()).tasksByState).toEqual({ REPORTING: 3 });
    await route();
    former.notify();
    start();
    await reported(logIds);
  });

  test('that one of many cannot report does not keep the others from it', async () => {
    const [poison = '', ...logIds] = await outcomes(80);
    const peer = await route((response, { body }) => {
      if (!body.includes(poison)) return false;
      response.writeHead(422).end();
      return true;
    });
    start();
    await vi.waitFor(async () =>
      expect((await store.figures()).tasksByState).toEqual({ REPORTING: 1 }),
    );
    expect(await store.getLog(poison)).toMatchObject({ status: 'PENDING' });
    expect(new Set(peer.received.map(({ body }) => JSON.parse(body).log_id)).size).toBe(80);
    for (const logId of logIds) expect((await store.getLog(logId))?.status).toBe('SUCCESS');
  });
});

test('stopping waits for the posts under way, and may be asked for twice', async () => {
  let answer: (() => void) | null = null;
  await route((response) => {
    answer = () => void response.writeHead(503).end();
    return true;
  });
  await outcomes(1);
  const reporter = start();
  await vi.waitFor(() => expect(answer).not.toBeNull());
  let stopped = false;
  const stops = Promise.all([reporter.stop(), reporter.stop()]).then(() => (stopped = true));
  await store.figures();
  expect(stopped).toBe(false);
  (answer as (() => void) | null)?.();
  await stops;
  expect((await store.figures()).tasksByState).toEqual({ REPORTING: 1 });
});

test('a store that cannot be read or written just then loses no report', async () => {
  await route();
  const logIds = await outcomes(2);
  let faults = 0;
  const refusing =
    <A extends unknown[], R>(command: (...input: A) => Promise<R>) =>
    (...input: A): Promise<R> =>
      faults++ < 4 ? Promise.reject(new Error('SQLITE_BUSY')) : command(...input);
  const reporter = new HttpReporter({
    store: {
      pendingReports: refusing((request: { afterTaskId: number; limit: number }) =>
        store.pendingReports(request),
      ),
      reportTaken: refusing((request: { taskId: number }) => store.reportTaken(request)),
    },
    target: () => target,
    onKeyWentOn: () => {},
    onRetry: () => {},
    onTrouble: (message) => troubles.push(message),
    repeatAfterMs: 5,
  });
  reporters.push(reporter);
  reporter.start();
  await reported(logIds);
  expect(faults).toBeGreaterThan(4);
});
