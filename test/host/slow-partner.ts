import { createServer, type ServerResponse } from 'node:http';

/** A partner that answers when it is told to, and remembers which keys it was sent. */
export interface SlowPartner {
  url: string;
  /** The `webhook-id` of every request, in the order of their arrival. */
  readonly keys: string[];
  /** Requests that wait for their answer. */
  readonly open: number;
  /** Answers what waits, and from now on everything at once. */
  answer(): void;
  /** From now on nothing is answered until it is told to. */
  hold(): void;
  close(): Promise<void>;
}

export async function slowPartner(): Promise<SlowPartner> {
  const keys: string[] = [];
  const waiting: ServerResponse[] = [];
  let isHolding = true;
  const end = (response: ServerResponse): void => {
    response.writeHead(200, { 'content-type': 'application/json' }).end('{"ok":true}');
  };
  const server = createServer((request, response) => {
    keys.push(String(request.headers['webhook-id']));
    request.resume();
    if (isHolding) waiting.push(response);
    else end(response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    url: `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}/hook`,
    keys,
    get open() {
      return waiting.length;
    },
    answer() {
      isHolding = false;
      for (const response of waiting.splice(0)) end(response);
    },
    hold() {
      isHolding = true;
    },
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
