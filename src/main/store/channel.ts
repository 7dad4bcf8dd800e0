import { Worker } from 'node:worker_threads';
import {
  errorOf,
  type Hello,
  type Reply,
  type Request,
  StoreUnavailableError,
  type ThreadOptions,
} from './protocol.ts';

/** What a store thread makes is short-lived; a larger nursery only sits in memory. */
const YOUNG_GENERATION_MB = 8;

interface Waiting {
  request: Request;
  resolve: (value: never) => void;
  reject: (error: Error) => void;
}

/**
 * A line to one store thread. Calls of one turn of the event loop travel in one message, and so
 * share one commit: this is what lets the outcome of one attempt and the stamp of the next be one
 * fsync.
 */
export class Channel {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #outbox: Request[] = [];
  #nextId = 1;
  #dead: Error | null = null;
  #closed = false;
  /** Resolves when the thread is gone without having been closed. */
  readonly died: Promise<Error>;
  #tellDied: (error: Error) => void = () => {};
  readonly #onUnavailable: () => void;
  /** Told of every request that was done, before its caller; null: nobody listens. It must not throw. */
  onDone: ((name: string, input: unknown, result: unknown) => void) | null = null;

  private constructor(worker: Worker, onUnavailable: () => void) {
    this.#worker = worker;
    this.#onUnavailable = onUnavailable;
    this.died = new Promise((resolve) => {
      this.#tellDied = resolve;
    });
  }

  /**
   * Starts a thread.
   * @param onUnavailable told of every request that failed through the store's fault, before its caller
   * @throws what kept it from opening the store
   */
  static async open(options: ThreadOptions, onUnavailable = () => {}): Promise<Channel> {
    const entry = import.meta.url.endsWith('.ts') ? './worker.ts' : './store-worker.js';
    const worker = new Worker(new URL(entry, import.meta.url), {
      workerData: options,
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MB },
    });
    const channel = new Channel(worker, onUnavailable);
    const hello = await new Promise<Hello>((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
      worker.once('exit', (code) => reject(new Error(`the store thread ended with ${code}`)));
    });
    if (!hello.ready) {
      await worker.terminate();
      throw errorOf(hello.error);
    }
    worker.on('message', (replies: Reply[]) => channel.#receive(replies));
    worker.on('error', (error) => channel.#fail(error));
    worker.on('exit', () => channel.#fail(new Error('the store thread ended')));
    return channel;
  }

  /** Runs a command or query on the thread. */
  call<T>(name: string, input: unknown): Promise<T> {
    if (this.#dead) return Promise.reject(new StoreUnavailableError(this.#dead.message));
    return new Promise<T>((resolve, reject) => {
      const id = this.#nextId++;
      const request = { id, name, input };
      this.#waiting.set(id, { request, resolve, reject });
      this.#outbox.push(request);
      if (this.#outbox.length === 1) setImmediate(() => this.#send());
    });
  }

  /** Ends the thread after what was sent is done. Idempotent. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#send();
    if (!this.#dead) await this.call('close', null);
    this.#dead ??= new Error('the store is closed');
    await this.#worker.terminate();
  }

  #send(): void {
    if (this.#outbox.length === 0 || this.#dead) return;
    this.#worker.postMessage(this.#outbox);
    this.#outbox = [];
  }

  #receive(replies: Reply[]): void {
    for (const reply of replies) {
      const waiting = this.#waiting.get(reply.id);
      this.#waiting.delete(reply.id);
      if (reply.ok) {
        if (waiting) this.onDone?.(waiting.request.name, waiting.request.input, reply.value);
        waiting?.resolve(reply.value as never);
        continue;
      }
      if (reply.error.kind === 'UNAVAILABLE') this.#onUnavailable();
      waiting?.reject(errorOf(reply.error));
    }
  }

  /** The thread is gone: nobody may wait for ever. */
  #fail(error: Error): void {
    this.#dead ??= error;
    if (!this.#closed) this.#tellDied(this.#dead);
    const lost = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { reject } of lost) reject(new StoreUnavailableError(this.#dead.message));
  }
}
