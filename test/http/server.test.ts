import { request } from 'node:http';
import { createServer } from 'node:net';
import { describe, expect, it, vi } from 'vitest';
import { TOKENS } from './fake-engine.ts';
import { BILL, serve } from './serving.ts';

/** Posts as a client would that sets every header itself: `fetch` does not send a Host of one's own. */
function send(url: string, headers: Record<string, string>, body: string) {
  return new Promise<{ status: number | undefined; body: unknown }>((resolve, reject) => {
    const call = request(url, { method: 'POST', headers }, (answer) => {
      let text = '';
      answer.setEncoding('utf8');
      answer.on('data', (chunk: string) => (text += chunk));
      answer.on('end', () => resolve({ status: answer.statusCode, body: JSON.parse(text) }));
    });
    call.on('error', reject);
    call.end(body);
  });
}

describe('closing', () => {
  it('lets requests under way end, refuses new ones, and may be asked twice', async () => {
    const served = await serve();
    const { promise: gate, resolve: release } = Promise.withResolvers<void>();
    served.engine.gate = gate;
    const underWay = served.post('/billing/', BILL);
    await vi.waitFor(() => expect(served.engine.entered).toBe(1));
    const closed = Promise.all([served.server.close(), served.server.close()]);
    await expect(served.post('/billing/', BILL)).rejects.toThrow();
    release();
    expect((await underWay).status).toBe(201);
    await closed;
  });
});

describe('listening', () => {
  it('says which port is taken and what to do', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const address = other.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    try {
      await expect(serve({ port })).rejects.toThrow(
        new RegExp(`port ${port} of 127.0.0.1 is taken .* --port`),
      );
    } finally {
      other.close();
    }
  });
});

describe('over a plain connection', () => {
  it('an event is taken and bad ones are refused, each with its problem document', async () => {
    const served = await serve();
    const json = { 'content-type': 'application/json' };
    const key = { authorization: `Bearer ${TOKENS.inbound}` };
    const url = `${served.url}/billing/`;
    const bill = JSON.stringify(BILL);
    try {
      expect(await send(url, { ...json, ...key }, bill)).toMatchObject({ status: 201 });
      expect(await send(url, json, bill)).toMatchObject({
        status: 401,
        body: { code: 'UNAUTHENTICATED' },
      });
      // What curl sends with -d alone.
      const form = { 'content-type': 'application/x-www-form-urlencoded' };
      expect(await send(url, { ...form, ...key }, bill)).toMatchObject({
        status: 415,
        body: { code: 'UNSUPPORTED_MEDIA_TYPE' },
      });
      expect(await send(url, { ...json, ...key }, '{"lab_id":')).toMatchObject({
        status: 400,
        body: { code: 'INVALID_JSON' },
      });
      expect(await send(url, { ...json, ...key, host: 'evil.example' }, bill)).toMatchObject({
        status: 421,
        body: { code: 'FOREIGN_HOST' },
      });
      const health = await fetch(`${served.url}/health`);
      expect([health.status, await health.json()]).toMatchObject([200, { status: 'ok' }]);
      expect(served.engine.accepted.length).toBe(1);
    } finally {
      await served.server.close();
    }
  });
});
