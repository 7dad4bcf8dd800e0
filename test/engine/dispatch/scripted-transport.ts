import type {
  Outcome,
  PartnerRequest,
  Transport,
} from '../../../src/main/engine/dispatch/transport.ts';

/** A complete answer of a partner. */
export function answered(responseStatusCode = 200, responseBody = 'ok'): Outcome {
  return {
    errorKind: null,
    errorMessage: null,
    responseStatusCode,
    responseHeaders: {},
    responseBody,
    responseBodyCut: false,
    responseTime: 1,
  };
}

interface Call {
  request: PartnerRequest;
  end: (outcome: Outcome) => void;
}

/**
 * A double of the transport that does as its script says and counts what is in flight; without a
 * script every call waits until it is answered by hand. The real transport has its own tests.
 */
export class ScriptedTransport implements Transport {
  /** Every request, in the order of sending. */
  readonly sent: PartnerRequest[] = [];
  /** What is under way. */
  readonly open: Call[] = [];
  /** The most that was under way at a time, by end point, and over all (`''`). */
  readonly most = new Map<string, number>();
  script: ((request: PartnerRequest) => Outcome | Promise<Outcome>) | null = () => answered();

  send(request: PartnerRequest): Promise<Outcome> {
    this.sent.push(request);
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    const call = { request, end: resolve };
    this.open.push(call);
    this.#count(request.url);
    const outcome = this.script ? this.script(request) : promise;
    return Promise.resolve(outcome).finally(() => this.open.splice(this.open.indexOf(call), 1));
  }

  /** Answers everything that waits. */
  answerAll(outcome: Outcome = answered()): void {
    for (const { end } of this.open) end(outcome);
  }

  /** The keys of what was sent, in the order of sending. */
  get keys(): string[] {
    return this.sent.map(({ headers }) => headers['webhook-id'] ?? '');
  }

  async close(): Promise<void> {}

  #count(url: string): void {
    const under = this.open.filter(({ request }) => request.url === url).length;
    this.most.set(url, Math.max(this.most.get(url) ?? 0, under));
    this.most.set('', Math.max(this.most.get('') ?? 0, this.open.length));
  }
}
