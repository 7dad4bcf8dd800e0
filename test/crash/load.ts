import { Pool } from 'undici';
import type { Random } from '../../src/main/cli/demo/random.ts';
import { LAB_ID, LOGS_PER_BILL, OWN_CATEGORY } from './lab.ts';

/** Clients that post at the same time, each the next event as soon as the last is answered. */
const CLIENTS = 24;
/** Few enough that bills of one patient meet and have to be merged anew. */
const PATIENTS = 300;
const ANSWER_WITHIN_MS = 30_000;

/** One business event of the load. */
interface LoadEvent {
  /** Stands in the event's document and so names it wherever it is kept. */
  token: string;
  route: '/billing/' | '/api/v1/events';
  body: string;
  headers: Record<string, string>;
  /** Whether it carries an `Idempotency-Key` or an `event_id`, so that it may be sent again. */
  isRepeatable: boolean;
  /** Logs that it must get. */
  expectedLogs: number;
}

/**
 * The lab system: posts events as fast as they are answered. Where an answer was lost in a crash, it
 * sends the same event again to the next engine if it may, and otherwise can only wonder.
 */
export class Load {
  /** `log_ids` of every event that was answered 2xx, by token. */
  readonly acknowledged = new Map<string, string[]>();
  /** Tokens of events that were never answered and may not be sent again. */
  readonly unanswered = new Set<string>();
  readonly events = new Map<string, LoadEvent>();
  /** What must not happen: refusals, and repeats that were answered otherwise than the first time. */
  readonly complaints: string[] = [];
  /** Answers lost in crashes. */
  lostAnswers = 0;
  /** Repeats that the store answered, since the event had been kept although its answer was lost. */
  replayedAnswers = 0;
  readonly #random: Random;
  readonly #key: string;
  readonly #repeats: LoadEvent[] = [];
  readonly #pools: Pool[] = [];
  /** Where to post; null while the engine is gone. */
  #current: Pool | null = null;
  #turned = Promise.withResolvers<Pool>();
  #isEnding = false;
  readonly #clients: Promise<void>[];

  constructor(random: Random, key: string) {
    this.#random = random;
    this.#key = key;
    this.#clients = Array.from({ length: CLIENTS }, () => this.#client());
  }

  /** Posts to this engine from now on. */
  turnTo(url: string): void {
    const pool = new Pool(url, { connections: CLIENTS, pipelining: 1 });
    this.#pools.push(pool);
    this.#current = pool;
    this.#turned.resolve(pool);
  }

  /** Begins nothing new, sends again what has to be, and waits for every answer. */
  async finish(): Promise<void> {
    this.#isEnding = true;
    await Promise.all(this.#clients);
    await Promise.all(this.#pools.map((pool) => pool.destroy()));
  }

  async #client(): Promise<void> {
    for (;;) {
      const pool = this.#current ?? (await this.#turned.promise);
      const event = this.#repeats.shift() ?? (this.#isEnding ? null : this.#newEvent());
      if (event === null) return;
      try {
        await this.#send(pool, event);
      } catch (error) {
        this.#lost(pool, event, error);
      }
    }
  }

  /** Whatever broke the connection: nobody here knows what became of the event. */
  #lost(pool: Pool, event: LoadEvent, error: unknown): void {
    if (this.#isEnding) {
      this.complaints.push(`${event.token}: no answer from the last engine (${String(error)})`);
      return;
    }
    this.lostAnswers++;
    if (event.isRepeatable) this.#repeats.push(event);
    else this.unanswered.add(event.token);
    // The first to notice makes all others wait for the next engine.
    if (this.#current === pool) {
      this.#current = null;
      this.#turned = Promise.withResolvers();
    }
  }

  async #send(pool: Pool, event: LoadEvent): Promise<void> {
    const { token, route, body, headers } = event;
    const answer = await pool.request({
      path: route,
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        authorization: `Bearer ${this.#key}`,
        ...headers,
      },
      body,
      headersTimeout: ANSWER_WITHIN_MS,
      bodyTimeout: ANSWER_WITHIN_MS,
    });
    const text = await answer.body.text();
    if (answer.statusCode !== 201 && answer.statusCode !== 202) {
      this.complaints.push(`${token}: ${answer.statusCode} ${text}`);
      return;
    }
    if (answer.headers['idempotent-replayed'] === 'true') this.replayedAnswers++;
    this.#acknowledge(event, (JSON.parse(text) as { log_ids: string[] }).log_ids);
  }

  #acknowledge(event: LoadEvent, logIds: string[]): void {
    const { token } = event;
    const first = this.acknowledged.get(token);
    if (first && first.join() !== logIds.join()) {
      this.complaints.push(`${token} was answered ${first.join()} and then ${logIds.join()}`);
    }
    this.acknowledged.set(token, logIds);
    // Some systems send twice without need.
    if (!first && event.isRepeatable && this.#random.chance(0.02)) this.#repeats.push(event);
  }

  #newEvent(): LoadEvent {
    const random = this.#random;
    const token = `E${String(this.events.size).padStart(6, '0')}`;
    const isBill = random.chance(0.5);
    const wayToRepeat = random.pick(['key', 'key', 'event_id', 'none'] as const);
    // Some documents are long enough to be kept compressed.
    const note = 'fasting sample, second floor; '.repeat(random.chance(0.1) ? 100 : 5);
    const content = isBill
      ? { bill: { bill_id: token, patient: this.#patient(), note } }
      : { action_category: OWN_CATEGORY, data: { crate: token, note } };
    const body = {
      lab_id: LAB_ID,
      ...content,
      ...(wayToRepeat === 'event_id' ? { event_id: `event-${token}` } : {}),
      ...(random.chance(0.1) ? { priority: 'STAT' } : {}),
    };
    const event: LoadEvent = {
      token,
      route: isBill ? '/billing/' : '/api/v1/events',
      body: JSON.stringify(body),
      headers: wayToRepeat === 'key' ? { 'idempotency-key': `key-${token}` } : {},
      isRepeatable: wayToRepeat !== 'none',
      expectedLogs: isBill ? LOGS_PER_BILL : 1,
    };
    this.events.set(token, event);
    return event;
  }

  #patient() {
    const number = this.#random.between(1, PATIENTS);
    return { patient_id: `P${number}`, name: `Patient ${number}` };
  }
}
