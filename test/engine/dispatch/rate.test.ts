import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { HttpTransport } from '../../../src/main/engine/dispatch/http-transport.ts';
import { Pace } from '../../../src/main/engine/dispatch/pace.ts';
import { type Dispatching, dispatching } from './dispatching.ts';
import { answered } from './scripted-transport.ts';

/** A partner that takes one call a second and refuses what comes sooner. */
async function slowPartner(clock: () => number) {
  const taken: number[] = [];
  const refused: number[] = [];
  const server = createServer((request, response) => {
    request.resume();
    const now = clock();
    const isTaken = now - (taken.at(-1) ?? Number.NEGATIVE_INFINITY) >= 1_000;
    (isTaken ? taken : refused).push(now);
    response.writeHead(isTaken ? 200 : 429).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    taken,
    refused,
    close: () => new Promise((resolve) => server.close(resolve)),
  };
}

let room: Dispatching;
afterEach(() => room.close());

describe('a partner that takes one call a second', () => {
  test('refuses none of a burst, and gets them as fast as it takes them', async () => {
    let now = 1_000_000;
    const partner = await slowPartner(() => now);
    const transport = new HttpTransport(
      () => performance.now(),
      () => {},
    );
    room = await dispatching({ clock: () => now, transport });
    const rule = await room.addRule({ endPoint: partner.url, ratePerMinute: 60 });
    await room.queue(rule, 8);
    await room.dispatcher.start();
    for (let sent = 1; sent < 8; sent++) {
      await vi.waitFor(() => expect(room.settled).toHaveLength(sent));
      const before = now;
      // Time stands still until the dispatcher has nothing to do; then a little of it passes.
      while (room.settled.length === sent) {
        now += 10;
        if (now - before > 1_100) throw new Error('slower than the partner');
        room.dispatcher.notify();
        await atRest();
      }
    }
    await vi.waitFor(() => expect(room.settled).toHaveLength(8));
    expect(partner.refused).toEqual([]);
    expect(partner.taken).toHaveLength(8);
    await room.dispatcher.stop();
    await transport.close();
    await partner.close();
  });

  test('is called in time without being looked for: the claim tells when the next token is due', async () => {
    const partner = await slowPartner(() => performance.now());
    const transport = new HttpTransport(
      () => performance.now(),
      () => {},
    );
    // Nothing wakes the dispatcher but the token.
    room = await dispatching({ transport, timings: { idlePoll: 60_000 } });
    const rule = await room.addRule({ endPoint: partner.url, ratePerMinute: 60 });
    await room.queue(rule, 3);
    await room.dispatcher.start();
    await vi.waitFor(() => expect(partner.taken).toHaveLength(3), { timeout: 10_000 });
    expect(partner.refused).toEqual([]);
    await room.dispatcher.stop();
    await transport.close();
    await partner.close();
  }, 15_000);

  test('gets no burst of what waited in memory for slots that others took', async () => {
    let now = 1_000_000;
    room = await dispatching({ clock: () => now, timings: { idlePoll: 5 } });
    room.lookup.settings.maxConcurrency = 2;
    room.transport.script = null;
    const fast = await room.addRule({ endPoint: 'http://127.0.0.1:9/fast', timeoutMs: 600_000 });
    const slow = await room.addRule({ endPoint: 'http://127.0.0.1:9/slow', ratePerMinute: 60 });
    await room.queue(fast, 2);
    await room.dispatcher.start();
    await vi.waitFor(() => expect(room.transport.open).toHaveLength(2));
    await room.queue(slow, 4);
    // Both slots are taken for a minute: tokens come, but nothing may pile up on them.
    for (let second = 0; second < 60; second++) {
      now += 1_000;
      room.dispatcher.notify();
      await atRest();
    }
    const bySecond = new Map<number, number>();
    room.transport.script = ({ url }) => {
      if (url.endsWith('slow')) bySecond.set(now, (bySecond.get(now) ?? 0) + 1);
      return answered();
    };
    room.transport.answerAll();
    while (room.settled.length < 6) {
      await atRest();
      now += 100;
    }
    const times = [...bySecond.keys()];
    expect([...bySecond.values()]).toEqual([1, 1, 1, 1]);
    times.slice(1).forEach((at, index) => {
      expect(at - (times[index] ?? 0)).toBeGreaterThanOrEqual(1_000);
    });
  });
});

describe('the pace of a one-at-a-time rate', () => {
  test('makes up for a stamp that took longer than the next one', async () => {
    room = await dispatching();
    const pace = new Pace(() => performance.now());
    const rule = { labIntegrationId: 1, ratePerMinute: 100 };
    await pace.turn(rule);
    const first = performance.now();
    await pace.turn(rule);
    expect(performance.now() - first).toBeGreaterThanOrEqual(595);
  });

  test('delays no other, and none whose rate lets several go at once', async () => {
    room = await dispatching();
    const now = 5_000;
    const pace = new Pace(() => now);
    for (let call = 0; call < 10; call++) {
      await pace.turn({ labIntegrationId: 1, ratePerMinute: 120 });
      await pace.turn({ labIntegrationId: 2, ratePerMinute: null });
      await pace.turn({ labIntegrationId: 100 + call, ratePerMinute: 1 });
    }
  });
});

/** Until the dispatcher has done what it can at this moment. */
async function atRest(): Promise<void> {
  // A claim and a settlement that were asked for before this one are done when this one is.
  for (let turn = 0; turn < 3; turn++) {
    await room.store.nextDueAt({ now: 0 });
    await new Promise((resolve) => setImmediate(resolve));
  }
  await vi.waitFor(() =>
    expect(room.dispatcher.inFlight - room.transport.open.length).toBeLessThanOrEqual(0),
  );
}
