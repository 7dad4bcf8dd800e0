import { execFile } from 'node:child_process';
import { createServer } from 'node:net';
import { promisify } from 'node:util';
import { describe, expect, it, vi } from 'vitest';
import { TOKENS } from './fake-engine.ts';
import { BILL, serve } from './serving.ts';

const run = promisify(execFile);

/** Runs curl; answers status and JSON body. */
async function curl(...given: string[]) {
  const { stdout } = await run('curl', ['-sS', '-w', '\n%{http_code}', ...given]);
  const end = stdout.lastIndexOf('\n');
  return { status: stdout.slice(end + 1), body: JSON.parse(stdout.slice(0, end)) as unknown };
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

describe('with curl', () => {
  it('an event is taken and bad ones are refused, each with its problem document', async () => {
    const served = await serve();
    const json = ['-H', 'content-type: application/json'];
    const key = ['-H', `authorization: Bearer ${TOKENS.inbound}`];
    const url = `${served.url}/billing/`;
    const bill = JSON.stringify(BILL);
    try {
      expect(await curl(...json, ...key, '-d', bill, url)).toMatchObject({ status: '201' });
      expect(await curl(...json, '-d', bill, url)).toMatchObject({
        status: '401',
        body: { code: 'UNAUTHENTICATED' },
      });
      // curl's own content type for -d is a form's.
      expect(await curl(...key, '-d', bill, url)).toMatchObject({
        status: '415',
        body: { code: 'UNSUPPORTED_MEDIA_TYPE' },
      });
      expect(await curl(...json, ...key, '-d', '{"lab_id":', url)).toMatchObject({
        status: '400',
        body: { code: 'INVALID_JSON' },
      });
      expect(
        await curl(...json, ...key, '-H', 'host: evil.example', '-d', bill, url),
      ).toMatchObject({ status: '421', body: { code: 'FOREIGN_HOST' } });
      expect(await curl(`${served.url}/health`)).toMatchObject({
        status: '200',
        body: { status: 'ok' },
      });
      expect(served.engine.accepted.length).toBe(1);
    } finally {
      await served.server.close();
    }
  });
});
