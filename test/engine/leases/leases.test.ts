import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { CallbackHandler } from '../../../src/main/engine/callback/handler.ts';
import { CredentialSource } from '../../../src/main/engine/dispatch/credentials.ts';
import { Leases } from '../../../src/main/engine/leases/leases.ts';
import type { LeasesDeps } from '../../../src/main/engine/leases/parts.ts';
import type { BreakerChange } from '../../../src/shared/model/breaker.ts';
import type { KeyWentOn } from '../../../src/shared/model/ordering.ts';
import { type OpenStore, openLocalStore } from '../../store/local-store.ts';
import { configure, delivery, event } from '../../store/samples.ts';
import { MemoryLookup, ruleOf } from '../dispatch/lookup.ts';
import { ScriptedTransport } from '../dispatch/scripted-transport.ts';

const PAUSE = { since: 1, by: 'Anna', reason: null };

let store: OpenStore & { file: string };
let lookup: MemoryLookup;
let rule: number;
let now: number;
let breakers: BreakerChange[];
let wentOn: KeyWentOn[];
let troubles: string[];
/** Integrations that a person has stopped. */
let stopped: Set<number>;

beforeEach(async () => {
  store = openLocalStore();
  rule = await configure(store, { executor: 'external' });
  lookup = new MemoryLookup(ruleOf({ labIntegrationId: rule, executor: 'external' }));
  now = 10_000;
  breakers = [];
  wentOn = [];
  troubles = [];
  stopped = new Set();
});
afterEach(() => store.close());

/** @param wrap stands between the room and the store, where a test needs a moment of its own */
function roomOver(wrap: Partial<LeasesDeps['store']> = {}): Leases {
  const transport = new ScriptedTransport();
  const clock = () => now;
  const port: LeasesDeps['store'] = {
    lease: (wish) => store.lease(wish),
    leasedTask: (lease) => store.leasedTask(lease),
    startLease: (start) => store.startLease(start),
    extendLease: (request) => store.extendLease(request),
    settleLease: (settlement) => store.settleLease(settlement),
    releaseLease: (request) => store.releaseLease(request),
    takeBackLeases: (request) => store.takeBackLeases(request),
    leaseFigures: () => store.leaseFigures(),
    bury: (death) => store.bury(death),
  };
  return new Leases({
    store: { ...port, ...wrap },
    configuration: lookup,
    credentials: new CredentialSource({ configuration: lookup, transport, clock }),
    stops: stopped,
    callback: new CallbackHandler({
      store,
      configuration: lookup,
      callbackUrl: () => '',
      clock,
      onApplied: () => {},
    }),
    clock,
    onSettled: () => {},
    onBreaker: (change) => breakers.push(change),
    onGone: () => {},
    onKeyWentOn: (next) => wentOn.push(next),
    onRetry: () => {},
    onTakenBack: () => {},
    onTrouble: (what, message) => troubles.push(`${what}: ${message}`),
  });
}

async function queue(count = 1, log = {}): Promise<string[]> {
  const deliveries = Array.from({ length: count }, () => delivery(rule, log));
  await store.acceptEvent(event(deliveries));
  return deliveries.map((one) => one.log.logId);
}

const wish = { worker: 'w', labIntegrationId: null, limit: 10, leaseMs: 60_000 };
const setPaused = (paused: boolean) => {
  lookup.settings = { ...lookup.settings, deliveryPaused: paused ? PAUSE : null };
};
const states = async () => (await store.figures()).tasksByState;

describe('a pause', () => {
  test('that comes while an attempt is being started lets nothing leave', async () => {
    const [logId = ''] = await queue();
    const room = roomOver({
      startLease: async (start) => {
        const until = await store.startLease(start);
        setPaused(true);
        return until;
      },
    });
    const [task] = await room.lease(wish);
    await expect(room.start(task?.leaseId ?? '')).rejects.toMatchObject({
      code: 'LEASE_LOST',
      message: expect.stringContaining('paused'),
    });
    expect(await states()).toEqual({ READY: 1 });
    expect(await store.getLog(logId)).toMatchObject({
      attempts: [{ certainty: 'NOT_SENT', errorMessage: expect.stringContaining('paused') }],
    });
    setPaused(false);
    const [again] = await room.lease(wish);
    expect(again?.task.attempt).toBe(2);
    expect(breakers).toEqual([]);
  });

  test('that comes while tasks are given out takes them back', async () => {
    await queue(2);
    const room = roomOver({
      lease: async (asked) => {
        const tasks = await store.lease(asked);
        setPaused(true);
        return tasks;
      },
    });
    expect(await room.lease(wish)).toEqual([]);
    expect(await states()).toEqual({ READY: 2 });
  });
});

describe('an attempt that is started once more', () => {
  const developerAuthenticationId = 5;
  const faults = {
    'since deliveries were paused': () => setPaused(true),
    'since its credentials are gone': () =>
      void lookup.rules.set(
        rule,
        ruleOf({ labIntegrationId: rule, executor: 'external', developerAuthenticationId }),
      ),
  };

  test.each(Object.entries(faults))(
    'and may not, %s, is not taken for unsent',
    async (_, fault) => {
      const [logId = ''] = await queue();
      const room = roomOver();
      const [task] = await room.lease(wish);
      const leaseId = task?.leaseId ?? '';
      await room.start(leaseId);
      // The first answer may have come through, and what it told may be on its way.
      fault();
      await expect(room.start(leaseId)).rejects.toMatchObject({ code: 'LEASE_LOST' });
      expect(await states()).toEqual({ CLAIMED: 1 });
      await room.report(leaseId, { response_status_code: 200 }, 'worker');
      expect(await store.getLog(logId)).toMatchObject({ status: 'SUCCESS', attempts: [{}] });
    },
  );

  test('while deliveries are being paused is not taken for unsent either', async () => {
    await queue();
    let pauses = false;
    const room = roomOver({
      startLease: async (start) => {
        const until = await store.startLease(start);
        setPaused(pauses);
        return until;
      },
    });
    const [task] = await room.lease(wish);
    await room.start(task?.leaseId ?? '');
    pauses = true;
    await expect(room.start(task?.leaseId ?? '')).rejects.toMatchObject({ code: 'LEASE_LOST' });
    expect(await states()).toEqual({ CLAIMED: 1 });
  });
});

describe('a stage', () => {
  test('is heard of who holds the lease alone', async () => {
    const [logId = ''] = await queue();
    const room = roomOver();
    const [task] = await room.lease(wish);
    await room.start(task?.leaseId ?? '');
    const forged = `${logId}_a1_${'0'.repeat(32)}`;
    await expect(room.report(forged, { stage: 'CONFIRMED' }, 'worker')).rejects.toMatchObject({
      code: 'LEASE_LOST',
    });
    expect(await store.getLog(logId)).toMatchObject({ stage: 'DISPATCHED' });
    expect(await room.report(task?.leaseId ?? '', { stage: 'MIRTH' }, 'worker')).toEqual({
      logId,
      changed: true,
    });
  });
});

describe('a task that cannot be made ready', () => {
  test('for its own fault fails alone, and the others are given out', async () => {
    const [broken, fine] = [delivery(rule, {}, '[1]'), delivery(rule)];
    await store.acceptEvent(event([broken, fine]));
    lookup.rules.set(rule, ruleOf({ labIntegrationId: rule, executor: 'external', method: 'GET' }));
    const given = await roomOver().lease(wish);
    expect(given.map(({ task }) => task.logId)).toEqual([fine.log.logId]);
    expect(given[0]?.request).toMatchObject({ url: expect.stringMatching(/\?a=1$/), body: null });
    expect(await store.getLog(broken.log.logId)).toMatchObject({
      status: 'FAIL',
      certainty: 'NOT_SENT',
      errorKind: 'PAYLOAD',
    });
  });

  test('for a fault of ours goes to the failed-task queue and blocks nobody', async () => {
    await queue();
    const developerAuthenticationId = 5;
    lookup.rules.set(
      rule,
      ruleOf({ labIntegrationId: rule, executor: 'external', developerAuthenticationId }),
    );
    lookup.authentication = () => {
      throw new TypeError('a word about a patient');
    };
    expect(await roomOver().lease(wish)).toEqual([]);
    expect(troubles).toEqual(['leases: TypeError']);
    expect(
      await store.listFailedTasks({ beforeId: null, limit: 10, includeRequeued: false }),
    ).toMatchObject([{ cause: 'EXCEPTION', certainty: 'NOT_SENT' }]);
    expect(await states()).toEqual({});
  });
});

describe('an endpoint that a worker finds down', () => {
  test('takes back what was leased of its integration and not started', async () => {
    await queue(3);
    const room = roomOver();
    const tasks = await room.lease(wish);
    expect(tasks).toHaveLength(3);
    await room.start(tasks[0]?.leaseId ?? '');
    await room.report(tasks[0]?.leaseId ?? '', { error_kind: 'CONNECT' }, 'worker');
    expect(breakers).toMatchObject([{ kind: 'OPENED', reason: 'ENDPOINT_DOWN' }]);
    await expect(room.start(tasks[1]?.leaseId ?? '')).rejects.toMatchObject({ code: 'LEASE_LOST' });
    expect(await states()).toEqual({ WAITING_FOR_ENDPOINT: 3 });
    expect(await room.lease(wish)).toEqual([]);
    // The probe, when it is due.
    now += 15_000;
    expect(await room.lease(wish)).toHaveLength(1);
  });
});

test('what was given out before its breaker was opened by hand may not be started', async () => {
  await queue(2);
  const leases = roomOver();
  const given = await leases.lease({
    worker: 'w',
    labIntegrationId: null,
    limit: 2,
    leaseMs: 60_000,
  });
  const [first, second] = given.map(({ leaseId }) => leaseId);
  await leases.start(first ?? '');
  stopped.add(rule);
  await expect(leases.start(second ?? '')).rejects.toMatchObject({
    code: 'LEASE_LOST',
    message: expect.stringContaining('opened by hand') as string,
  });
  // What was started may have left; its outcome is still heard.
  await expect(leases.report(first ?? '', { status: 'SUCCESS' }, 'key')).resolves.toMatchObject({
    changed: true,
  });
});
