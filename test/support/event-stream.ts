import { get, type IncomingMessage } from 'node:http';

/** One event as it came, with the id that the stream had by then. */
export interface StreamEvent {
  event: string;
  data: Record<string, unknown>;
  lastId: string;
}

/** A bare reader of server-sent events on a plain socket (WHATWG HTML §9.2.6). */
export class EventStream {
  readonly events: StreamEvent[] = [];
  /** Everything that came, comments and all. */
  text = '';
  /** To come back with: of the last block that was whole. */
  lastId = '';
  response: IncomingMessage | null = null;
  readonly ended: Promise<void>;
  readonly #close: () => void;

  constructor(url: string, headers: Record<string, string> = {}) {
    const request = get(url, { headers, agent: false });
    this.#close = () => request.destroy();
    this.ended = new Promise((resolve) => {
      request.on('error', () => resolve());
      request.on('response', (response) => {
        this.response = response;
        let rest = '';
        response.setEncoding('utf8');
        response.on('data', (piece: string) => {
          this.text += piece;
          const blocks = (rest + piece).split('\n\n');
          rest = blocks.pop() ?? '';
          for (const block of blocks) this.#take(block);
        });
        response.on('close', () => resolve());
        response.on('error', () => resolve());
      });
    });
  }

  named(name: string): Record<string, unknown>[] {
    return this.events.flatMap(({ event, data }) => (event === name ? [data] : []));
  }

  /** Cuts the connection. */
  close(): void {
    this.#close();
  }

  #take(block: string): void {
    let event = 'message';
    const data: string[] = [];
    for (const line of block.split('\n')) {
      const [, field, value] = /^([^:]*):? ?(.*)$/.exec(line) ?? [];
      if (field === 'event') event = value ?? '';
      else if (field === 'data') data.push(value ?? '');
      else if (field === 'id') this.lastId = value ?? '';
    }
    if (data.length === 0) return;
    this.events.push({
      event,
      data: JSON.parse(data.join('\n')) as StreamEvent['data'],
      lastId: this.lastId,
    });
  }
}
