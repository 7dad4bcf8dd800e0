import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { STREAM_PATH, STREAMS_A_KEY } from '../../src/main/http/stream-routes.ts';
import type { Push } from '../../src/shared/contract/pushes.ts';
import { EventStream } from '../support/event-stream.ts';
import { TOKENS } from './fake-engine.ts';
import { problemOf, type Served, serve } from './serving.ts';

let served: Served;
const open: EventStream[] = [];
beforeEach(async () => {
  served = await serve();
});
afterEach(async () => {
  for (const stream of open.splice(0)) stream.close();
  await served.server.close();
});

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

/** Opens a stream, and waits until the engine has the listener. */
async function listen(headers: Record<string, string> = bearer(TOKENS.viewer), query = '') {
  const before = served.engine.listeners.length;
  const stream = new EventStream(served.url + STREAM_PATH + query, headers);
  open.push(stream);
  await vi.waitFor(() => expect(served.engine.listeners.length).toBe(before + 1));
  const listener = served.engine.listeners[before];
  if (!listener) throw new Error('nobody listens');
  return { stream, listener };
}

/** The cookie of a session opened with a key, as a browser sends it back. */
async function cookieOf(key: string): Promise<string> {
  const response = await fetch(`${served.url}/api/v1/session`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ key }),
  });
  return response.headers.get('set-cookie')?.split(';')[0] ?? '';
}

const LOG: Push = { event: 'LogsChanged', data: { log_ids: ['a'], many: false } };
const HEALTH: Push = { event: 'HealthChanged', data: {} };

describe('GET /api/v1/stream', () => {
  it('answers with events, which nobody stores or gathers on the way', async () => {
    const { stream, listener } = await listen();
    listener.sink.send([], 'e-1');
    await vi.waitFor(() => expect(stream.lastId).toBe('e-1'));
    expect(stream.response?.headers).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
      'x-content-type-options': 'nosniff',
    });
    // An id by itself is no event, but what one comes back with.
    expect(stream.events).toEqual([]);
    expect(stream.text).toBe('retry: 2000\n\nid: e-1\n\n');
  });

  it('sends the id with the last of what is told together', async () => {
    const { stream, listener } = await listen();
    expect(listener.sink.send([HEALTH, LOG], 'e-7')).toBe(true);
    await vi.waitFor(() => expect(stream.events).toHaveLength(2));
    expect(stream.events).toEqual([
      { ...HEALTH, lastId: '' },
      { ...LOG, lastId: 'e-7' },
    ]);
  });

  it('takes the last id from the header, else from the address', async () => {
    expect((await listen()).listener.lastId).toBeNull();
    const { listener } = await listen(bearer(TOKENS.viewer), '?last_event_id=e-3');
    expect(listener.lastId).toBe('e-3');
    const both = { ...bearer(TOKENS.viewer), 'last-event-id': 'e-9' };
    expect((await listen(both, '?last_event_id=e-3')).listener.lastId).toBe('e-9');
  });

  it.each([
    ['without a key', {}, 401, 'UNAUTHENTICATED'],
    ['with a lab system’s key', bearer(TOKENS.inbound), 403, 'FORBIDDEN'],
    ['with a worker’s key', bearer(TOKENS.internal), 403, 'FORBIDDEN'],
    [
      'from a foreign page',
      { ...bearer(TOKENS.viewer), origin: 'https://evil.example' },
      403,
      'FOREIGN_ORIGIN',
    ],
  ])('is refused %s', async (_, headers, status, code) => {
    const response = await fetch(served.url + STREAM_PATH, { headers });
    expect(response.status).toBe(status);
    expect(await problemOf(response)).toMatchObject({ code });
    expect(served.engine.listeners).toEqual([]);
  });

  it('takes a session of the console’s own page, and does not count as its use', async () => {
    const cookie = await cookieOf(TOKENS.operator);
    served.engine.uses.length = 0;
    const { stream, listener } = await listen({ cookie, 'sec-fetch-site': 'same-origin' });
    listener.sink.send([LOG], 'e-1');
    await vi.waitFor(() => expect(stream.events).toHaveLength(1));
    expect(new Set(served.engine.uses)).toEqual(new Set([false]));
    const foreign = await fetch(served.url + STREAM_PATH, {
      headers: { cookie, 'sec-fetch-site': 'cross-site' },
    });
    expect(await problemOf(foreign)).toMatchObject({ code: 'FOREIGN_ORIGIN' });
  });

  it('ends with the session, and tells nothing more from then on', async () => {
    const cookie = await cookieOf(TOKENS.operator);
    const { stream, listener } = await listen({ cookie, 'sec-fetch-site': 'same-origin' });
    served.engine.sessions.clear();
    expect(listener.sink.send([LOG], 'e-1')).toBe(false);
    await stream.ended;
    expect(stream.events).toEqual([]);
    await vi.waitFor(() => expect(listener.isEnded).toBe(true));
  });

  it('ends within a second of the key’s end where nothing is told', async () => {
    const { stream, listener } = await listen(bearer(TOKENS.admin));
    served.engine.revoke(TOKENS.admin);
    await stream.ended;
    await vi.waitFor(() => expect(listener.isEnded).toBe(true));
  });

  it('refuses more streams of one key than it may have, and says what to do', async () => {
    for (let n = 0; n < STREAMS_A_KEY; n++) await listen();
    const refused = await fetch(served.url + STREAM_PATH, { headers: bearer(TOKENS.viewer) });
    expect(refused.status).toBe(429);
    expect(await problemOf(refused)).toMatchObject({
      code: 'RATE_LIMITED',
      detail: expect.stringMatching(/20 streams open.*Close a window/),
    });
    // Another person’s are their own, and one that is closed makes room.
    await listen(bearer(TOKENS.operator));
    open[0]?.close();
    await vi.waitFor(() => expect(served.engine.listeners[0]?.isEnded).toBe(true));
    await listen();
  });

  it('keeps nothing from stopping: streams end at once', async () => {
    const { stream } = await listen();
    const closed = served.server.close();
    await stream.ended;
    await closed;
  });

  it('says when a peer takes no more, and when it takes on', async () => {
    const { stream, listener } = await listen();
    await vi.waitFor(() => expect(stream.response).not.toBeNull());
    stream.response?.pause();
    const bulky: Push = {
      event: 'LogsChanged',
      data: { log_ids: ['x'.repeat(100_000)], many: false },
    };
    let sent = 0;
    while (listener.sink.send([bulky], `e-${++sent}`)) expect(sent).toBeLessThan(1_000);
    expect(listener.resumed).toBe(0);
    stream.response?.resume();
    await vi.waitFor(() => expect(listener.resumed).toBe(1));
    await vi.waitFor(() => expect(stream.lastId).toBe(`e-${sent}`));
    expect(stream.events).toHaveLength(sent);
  });

  it('is described with its events', async () => {
    const document = (await (await fetch(`${served.url}/openapi.json`)).json()) as {
      paths: Record<string, { get?: { responses: Record<string, { content?: object }> } }>;
    };
    const { content } = document.paths[STREAM_PATH]?.get?.responses['200'] ?? {};
    expect(JSON.stringify(content)).toContain('UpdateRetryIntegrationStatus');
    expect(Object.keys(content ?? {})).toEqual(['text/event-stream']);
  });
});

describe('a stream that is left alone', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['Date', 'setInterval', 'clearInterval'] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('says every 15 s that it lives', async () => {
    await served.server.close();
    served = await serve();
    const { stream } = await listen();
    vi.advanceTimersByTime(14_000);
    vi.advanceTimersByTime(1_000);
    await vi.waitFor(() => expect(stream.text).toContain(': \n\n'));
    vi.advanceTimersByTime(15_000);
    await vi.waitFor(() => expect(stream.text.split(': \n\n')).toHaveLength(3));
  });
});
