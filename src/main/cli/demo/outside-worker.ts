import { setTimeout as delay } from 'node:timers/promises';
import { request } from 'undici';
import type { Output } from '../../../shared/contract/index.ts';
import { LabRelayError, messageOf } from '../../../shared/errors.ts';
import type { EngineClient } from '../client.ts';

/** Its own name, which the attempts keep that it makes. */
export const WORKER_NAME = 'Demo worker';

/** Between two looks for work where there was none. */
const IDLE_MS = 100;

type LeasedTask = Output<'leaseTasks'>['tasks'][number];

/**
 * An outside worker as docs/fusion-worker.md tells it: leases tasks, marks each as started before it
 * sends, makes the call itself, and reports what came of it. Whatever goes wrong between shows in the
 * engine, whose leases run out.
 */
export class OutsideWorker {
  readonly #client: EngineClient;
  readonly #stopping = new AbortController();
  #working: Promise<void> = Promise.resolve();

  constructor(client: EngineClient) {
    this.#client = client;
  }

  start(): void {
    this.#working = this.#work();
  }

  /** Ends what it has started, gives back what it has not. Idempotent. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#working;
  }

  async #work(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        const { tasks } = await this.#client.call('leaseTasks', { worker: WORKER_NAME });
        await Promise.all(tasks.map((task) => this.#handle(task)));
        if (tasks.length > 0) continue;
      } catch {
        // The engine is not there, or is going: asked again while this worker lives.
      }
      await delay(IDLE_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  async #handle({ lease_id, integration_payload }: LeasedTask): Promise<void> {
    if (this.#stopping.signal.aborted) {
      await this.#client.call('releaseTask', { lease_id });
      return;
    }
    try {
      const started = await this.#client.call('startTask', { lease_id });
      const outcome = await send(started.request);
      await this.#client.call('reportTask', { ...integration_payload, ...outcome, lease_id });
    } catch (error) {
      // A refusal says that the task is no longer this worker's; the engine keeps what it knows.
      if (!(error instanceof LabRelayError)) throw error;
    }
  }
}

/** Makes the call as the engine has put it together. @returns what came of it, in a report's words */
async function send({ method, url, headers, body }: LeasedTask['request']) {
  const startedAt = performance.now();
  const facts = () => ({
    end_point: url,
    response_time: Math.round(performance.now() - startedAt),
    activity_date: new Date().toISOString(),
  });
  try {
    const answer = await request(url, { method, headers, body });
    const text = await answer.body.text();
    return { ...facts(), response_status_code: answer.statusCode, response_body: text };
  } catch (error) {
    return {
      ...facts(),
      error_kind: 'CONNECTION_LOST' as const,
      error_message: messageOf(error).slice(0, 200),
    };
  }
}
