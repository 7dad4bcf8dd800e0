import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { expect, it } from 'vitest';
import { answerBrokenRequests } from '../../src/main/http/problems.ts';

it('A request that stops half-way is given up, though its caller never closes its side', async () => {
  const server = createServer({ requestTimeout: 50, connectionsCheckingInterval: 20 });
  server.on('clientError', answerBrokenRequests).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const caller = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  try {
    const asked = once(server, 'request');
    caller.write('POST / HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 100\r\n\r\n{"lab_id"');
    const [request] = (await asked) as [NodeJS.ReadableStream];
    const broken = new Promise((resolve) => request.on('error', resolve));
    request.resume();
    const [answer] = (await once(caller.setEncoding('utf8'), 'data')) as [string];
    expect(answer).toMatch(/^HTTP\/1\.1 408 /);
    expect(await broken).toMatchObject({ code: 'ECONNRESET' });
  } finally {
    caller.destroy();
    server.close();
  }
});
