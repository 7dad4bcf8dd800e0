import { createSocket } from 'node:dgram';
import { Resolver, type LookupAddress } from 'node:dns';
import { afterEach } from 'vitest';

const open: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of open.splice(0)) await close();
});

/** A name server on 127.0.0.1 that answers as told, and a resolver that asks only it. */
export interface NameServer {
  /** Questions so far. */
  questions: () => number;
  /** As `dns.lookup` with `all`, for a target guard. */
  resolve: (
    host: string,
    options: object,
    done: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
  ) => void;
}

/** @param answer the IPv4 addresses that are told to question n, counted from 0 */
export async function nameServer(answer: (question: number) => string[]): Promise<NameServer> {
  let questions = 0;
  const socket = createSocket('udp4');
  socket.on('message', (message, { port, address }) => {
    socket.send(reply(message, answer(questions++)), port, address);
  });
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  open.push(() => new Promise((resolve) => socket.close(resolve)));
  const resolver = new Resolver();
  resolver.setServers([`127.0.0.1:${socket.address().port}`]);
  return {
    questions: () => questions,
    resolve: (host, _, done) => {
      resolver.resolve4(host, (error, addresses) => {
        done(
          error,
          (addresses ?? []).map((address) => ({ address, family: 4 })),
        );
      });
    },
  };
}

/** RFC 1035, 4.1: the question as it came, then an A record each, not to be kept (TTL 0). */
function reply(message: Buffer, addresses: string[]): Buffer {
  let end = 12;
  while (message[end]) end += (message[end] ?? 0) + 1;
  const question = message.subarray(12, end + 5);
  const header = Buffer.from(message.subarray(0, 12));
  header.writeUInt16BE(0x8180, 2);
  header.writeUInt16BE(addresses.length, 6);
  header.writeUInt32BE(0, 8);
  const records = addresses.map((address) =>
    Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, ...address.split('.').map(Number)]),
  );
  return Buffer.concat([header, question, ...records]);
}
