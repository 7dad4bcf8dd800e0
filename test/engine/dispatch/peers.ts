import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach } from 'vitest';

/** Partners on 127.0.0.1 that are gone after each test. */
const open: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of open.splice(0)) await close();
});

/** A request as a partner received it. */
export interface Received {
  method: string | undefined;
  url: string | undefined;
  headers: IncomingMessage['headers'];
  body: string;
}

export interface Partner {
  port: number;
  /** `http://127.0.0.1:PORT`. */
  origin: string;
  received: Received[];
  /** TCP connections made so far. */
  connections: () => number;
  sockets: Set<Socket>;
}

/** Lets a server listen until the test is over: on a free port of 127.0.0.1, unless told where. */
export async function listen(
  server: Server,
  at: { host: string; port: number } = { host: '127.0.0.1', port: 0 },
): Promise<{ port: number; sockets: Set<Socket> }> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(at, resolve));
  open.push(async () => {
    const closed = new Promise((resolve) => server.close(resolve));
    for (const socket of sockets) socket.destroy();
    await closed;
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return { port: address.port, sockets };
}

/** An HTTP partner that keeps what it receives and answers as told. */
export async function partner(
  answer: (response: ServerResponse, request: Received) => void = (response) =>
    void response.end('ok'),
): Promise<Partner> {
  const received: Received[] = [];
  let connections = 0;
  const take = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method, url, headers } = request;
    const one = { method, url, headers, body: await text(request) };
    received.push(one);
    answer(response, one);
  };
  const server = createServer((request, response) => {
    // A caller that goes away in the middle of its body is part of some tests.
    take(request, response).catch(() => response.destroy());
  });
  server.on('connection', () => connections++);
  const { port, sockets } = await listen(server);
  return {
    port,
    origin: `http://127.0.0.1:${port}`,
    received,
    connections: () => connections,
    sockets,
  };
}

/** A partner that speaks bare TCP: for everything that is no orderly HTTP. */
export async function rawPartner(
  onConnection: (socket: Socket, received: () => string) => void,
): Promise<{ port: number; origin: string; received: () => string }> {
  let bytes = '';
  const server = createTcpServer((socket) => {
    socket.on('data', (chunk) => {
      bytes += chunk.toString('latin1');
    });
    onConnection(socket, () => bytes);
  });
  const { port } = await listen(server);
  return { port, origin: `http://127.0.0.1:${port}`, received: () => bytes };
}

/** A raw partner that answers the first request with these bytes, then does `after` to the socket. */
export function answering(
  bytes: string | Buffer,
  after: (socket: Socket) => void = (socket) => void socket.end(),
): (socket: Socket) => void {
  return (socket) => {
    socket.once('data', () => {
      socket.write(bytes);
      after(socket);
    });
  };
}

/** A port on which nobody listens. */
export async function closedPort(): Promise<number> {
  const server = createTcpServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
