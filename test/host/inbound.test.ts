import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Host } from '../../src/main/host.ts';
import { procedurePath } from '../../src/main/http/procedure-routes.ts';
import { adminToken, call, configureLab, host, partner, post } from './hosting.ts';
import '../support/properties.ts';

let running: Host;
let receiver: Awaited<ReturnType<typeof partner>>;
let key: Record<string, string>;

beforeAll(async () => {
  receiver = await partner();
  running = await host();
  key = { authorization: `Bearer ${(await configureLab(running, receiver.url)).key}` };
});
afterAll(async () => {
  await running.close();
  await receiver.close();
});

let bills = 0;

function bill(billId = `B-${++bills}`, more: object = {}) {
  return { lab_id: 7, bill: { bill_id: billId, ...more } };
}

/** The log of a call that was answered so. */
async function logOf(response: Response) {
  const log_id = response.headers.get('labrelay-log-id') ?? '';
  return call(running, 'revealLog', { log_id });
}

/** How many calls have a log. */
async function calls(): Promise<number> {
  const search = { direction: 'INBOUND', limit: 1 } as const;
  return (await call(running, 'searchLogs', search)).total_estimate;
}

describe('a call into the lab and what it has fired', () => {
  it('are linked both ways, and either is found by the other', async () => {
    const asked = bill('B-linked', { patient: { patient_id: 'P1', name: 'Asha Verma' } });
    const response = await post(running, '/billing/', asked, key);
    const answer = await response.text();
    const { event_id, log_ids: logIds } = JSON.parse(answer) as {
      event_id: string;
      log_ids: string[];
    };
    expect(logIds).toHaveLength(1);
    const inbound = await logOf(response);
    expect(inbound).toMatchObject({
      direction: 'INBOUND',
      status: 'SUCCESS',
      triggered: logIds,
      triggered_by: null,
      token_owner: 'LIS',
      token_hint: key['authorization']?.slice(-4),
      ip: '127.0.0.1',
      lab_id: 7,
      lab_integration_id: null,
      action_category: 'BILL_GENERATED',
      event_id,
      request_body: JSON.stringify(asked),
      response_status_code: 201,
      response_body: answer,
      retry_context: null,
      attempts: [],
    });
    const [logId = ''] = logIds;
    const outbound = await call(running, 'getLog', { log_id: logId });
    expect(outbound).toMatchObject({ direction: 'OUTBOUND', triggered_by: inbound.log_id });
    // Both tell of the same objects.
    expect(inbound.references.map(({ kind }) => kind)).toEqual(['event', 'bill', 'patient']);

    const found = await call(running, 'searchLogs', { triggered_by: inbound.log_id });
    expect(found.items.map(({ log_id }) => log_id)).toEqual(logIds);
    const together = await call(running, 'searchLogs', { event_id });
    expect(together.items.map(({ log_id }) => log_id).sort()).toEqual(
      [inbound.log_id, logId].sort(),
    );
    const byWord = await call(running, 'searchLogs', { text: 'verma', direction: 'INBOUND' });
    expect(byWord.items.map(({ log_id }) => log_id)).toEqual([inbound.log_id]);
  });

  it('that is repeated has a log of its own, which has fired nothing', async () => {
    const headers = { ...key, 'idempotency-key': 'twice' };
    const asked = bill();
    const first = await logOf(await post(running, '/billing/', asked, headers));
    const second = await logOf(await post(running, '/billing/', asked, headers));
    expect(second.log_id).not.toBe(first.log_id);
    expect(second).toMatchObject({
      status: 'SUCCESS',
      event_id: first.event_id,
      response_body: first.response_body,
      response_headers: { 'idempotent-replayed': 'true' },
      lab_id: 7,
      triggered: [],
    });
    expect(first.triggered).toHaveLength(1);
  });

  it('that is no event over HTTP has none', async () => {
    const before = await calls();
    const caller = { accessKeyId: null, labIds: null, idempotencyKey: null };
    const { body } = await running.engine.intake.accept('/billing/', bill(), caller);
    const [logId = ''] = body['log_ids'] as string[];
    expect(await call(running, 'getLog', { log_id: logId })).toMatchObject({ triggered_by: null });
    expect(await calls()).toBe(before);
  });
});

describe('a call that is refused', () => {
  it.each([
    ['an unknown category', { ...bill(), action_category: 'NO_SUCH' }, 7],
    ['an unknown lab', { ...bill(), lab_id: 8 }, null],
    ['a wrong type', { lab_id: 7, bill: 'paid' }, 7],
  ])('for %s is FAIL, with the lab if there is one', async (_, body, lab_id) => {
    expect(await logOf(await post(running, '/billing/', body, key))).toMatchObject({
      direction: 'INBOUND',
      status: 'FAIL',
      error_kind: 'CALL_REFUSED',
      response_status_code: 422,
      lab_id,
      event_id: null,
      triggered: [],
    });
  });

  it('names no lab that its key may not speak for', async () => {
    const made = await call(running, 'createAccessKey', {
      kind: 'inbound',
      name: 'other lab',
      lab_ids: [7],
    });
    await call(running, 'addUpdateLab', { lab_id: 9, name: 'Other', time_zone: 'UTC' });
    const other = { authorization: `Bearer ${made.key}` };
    const response = await post(running, '/billing/', { ...bill(), lab_id: 9 }, other);
    expect(await logOf(response)).toMatchObject({ lab_id: null, token_owner: 'other lab' });
  });

  it('is counted apart from deliveries', async () => {
    const count = async () => {
      const metrics = await (await fetch(`${running.url}/metrics`)).text();
      const of = (name: string) => Number(new RegExp(`${name} (\\d+)`).exec(metrics)?.[1] ?? 0);
      return [
        of('labrelay_inbound_calls\\{status="FAIL"\\}'),
        of('labrelay_logs\\{status="FAIL"\\}'),
      ];
    };
    const [calledBefore = 0, failedBefore] = await count();
    await post(running, '/billing/', 'rubbish', key);
    // Counts are kept for a second.
    await vi.waitFor(async () => {
      expect(await count()).toEqual([calledBefore + 1, failedBefore]);
    }, 5_000);
  });
});

describe('a call is no delivery:', () => {
  it('it is not closed by hand, released, or reported on', async () => {
    const { log_id } = await logOf(await post(running, '/billing/', 'rubbish', key));
    const admin = { authorization: `Bearer ${adminToken(running)}` };
    const { key: token } = await call(running, 'createAccessKey', {
      kind: 'internal',
      name: 'worker',
    });
    const refusals = await Promise.all([
      post(
        running,
        procedurePath('resolveLog'),
        { log_id, resolution: 'delivered', reason: 'asked' },
        admin,
      ),
      post(running, procedurePath('releaseOrderingKey'), { log_id, reason: 'asked' }, admin),
      ...[{ status: 'SUCCESS' }, { stage: 'CONFIRMED' }].map((report) =>
        post(
          running,
          '/integration_callback/',
          { log_id, ...report },
          { 'x-internal-token': token },
        ),
      ),
    ]);
    const told = await Promise.all(
      refusals.map(async (response) => ({ status: response.status, text: await response.text() })),
    );
    expect(told.map(({ status }) => status)).toEqual([422, 409, 422, 422]);
    for (const { text } of [told[0], told[2], told[3]].filter((one) => one !== undefined)) {
      expect(text).toContain('is a call into the lab');
    }
    expect(await call(running, 'getLog', { log_id })).toMatchObject({
      status: 'FAIL',
      resolution: null,
    });
  });
});

/** A connection over which the head of a call has gone, and so much of its body. */
async function sending(fields: string, body: string): Promise<Socket> {
  const socket = connect(running.port, '127.0.0.1');
  socket.on('error', () => {}).resume();
  const head = `POST /billing/ HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: ${key['authorization']}\r\ncontent-type: application/json\r\n${fields}\r\n\r\n`;
  await once(socket, 'connect');
  socket.write(head + body);
  await vi.waitFor(() => expect(socket.bytesWritten).toBe(Buffer.byteLength(head + body)));
  return socket;
}

/** Ways in which a call can go; each answers how many there were. */
const WAYS: Record<string, () => Promise<(Response | null)[]>> = {
  taken: async () => [await post(running, '/billing/', bill(), key)],
  'taken, all about one bill': () =>
    Promise.all([1, 2, 3].map((paid) => post(running, '/billing/', bill('B-same', { paid }), key))),
  'taken once, asked for twice': async () => {
    const headers = { ...key, 'idempotency-key': `key-${++bills}` };
    const asked = bill();
    return Promise.all([1, 2].map(() => post(running, '/billing/', asked, headers)));
  },
  rubbish: async () => [await post(running, '/billing/', '{"lab_id"', key)],
  'of no lab': async () => [await post(running, '/billing/', { ...bill(), lab_id: 8 }, key)],
  'with a wrong key': async () => [
    await post(running, '/billing/', bill(), { authorization: 'Bearer wrong' }),
  ],
  'no JSON': async () => [
    await post(running, '/billing/', 'a=b', { ...key, 'content-type': 'text/plain' }),
  ],
  'announced too large': async () => {
    const socket = await sending('connection: close\r\ncontent-length: 20000000', '');
    await once(socket, 'close');
    return [null];
  },
  'broken off in its body': async () => {
    (await sending('content-length: 1000', '{"lab_id":7')).destroy();
    return [null];
  },
  'broken off behind its body': async () => {
    const body = JSON.stringify(bill());
    (await sending(`content-length: ${body.length}`, body)).resetAndDestroy();
    return [null];
  },
};

describe('whatever becomes of calls', () => {
  it('each has exactly one log, and whoever is answered is told which', async () => {
    const ways = fc.array(fc.constantFrom(...Object.entries(WAYS)), {
      minLength: 1,
      maxLength: 12,
    });
    let sent = await calls();
    await fc.assert(
      fc.asyncProperty(ways, async (some) => {
        const answers = (await Promise.all(some.map(([, go]) => go()))).flat();
        sent += answers.length;
        await vi.waitFor(async () => {
          expect((await calls()) + running.engine.inbound.unkept.flood).toBe(sent);
        }, 10_000);
        const told = answers.filter((answer) => answer !== null);
        const ids = told.flatMap(({ headers }) => headers.get('labrelay-log-id') ?? []);
        expect(new Set(ids).size).toBe(ids.length);
        for (const response of told) {
          if (!response.headers.has('labrelay-log-id')) continue;
          const log = await logOf(response);
          expect(log.response_status_code).toBe(response.status);
          expect(log.status).toBe(response.status < 400 ? 'SUCCESS' : 'FAIL');
          if (response.status !== 201) continue;
          const { log_ids: logIds } = (await response.json()) as { log_ids: string[] };
          const isRepeat = response.headers.has('idempotent-replayed');
          expect(log.triggered).toEqual(isRepeat ? [] : logIds);
        }
      }),
      { numRuns: 15 },
    );
    expect(running.engine.inbound.unkept.store).toBe(0);
  }, 60_000);
});
