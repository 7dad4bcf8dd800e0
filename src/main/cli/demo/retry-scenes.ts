import { setTimeout as delay } from 'node:timers/promises';
import { request } from 'undici';
import type { EventRoute } from '../../../shared/contract/events.ts';
import type { Output } from '../../../shared/contract/index.ts';
import type { LogDocument } from '../../../shared/contract/log-document.ts';
import { LabRelayError } from '../../../shared/errors.ts';
import type { JsonObject } from '../../../shared/model/json.ts';
import type { EngineClient } from '../client.ts';
import { COAST, type DemoEvent, NIGHT_RESULT } from './events.ts';
import { MEND_PATH } from './partner.ts';
import type { Acknowledged } from './traffic.ts';

const POLL_MS = 50;

/** Payments that a busy partner puts off. */
const PAYMENTS = 3;
/** Results that are refused, and sent again all at once. */
export const RESULTS = 300;

/** As fast as a bulk retry may be told to go. */
const RATE_PER_MINUTE = 100_000;

/** One delivery, as it stood at some moment. */
type Told = Pick<LogDocument, 'log_id' | 'status' | 'certainty' | 'response_status_code'>;
type BulkTold = Pick<Output<'controlBulkRetry'>, 'state' | 'total' | 'progress' | 'stop'>;

/** What the scenes brought to light; {@link judgeRetries} says whether it is as it must be. */
export interface ScenesTold {
  /** Events among them, as far as they call for deliveries. */
  acknowledged: Acknowledged[];
  /** Calls into LabRelay that were made. */
  calls: number;
  corrected: { refused: Told; paths: string[]; retry: Output<'retryIntegration'>; ended: Told };
  recovered: { log: LogDocument; seconds: number }[];
  doubted: {
    failed: Told;
    /** The refusal of a retry without a reason; null: it was not refused. */
    refusal: { code: string; sentence: string } | null;
    retry: Output<'retryIntegration'>;
    ended: Told;
  };
  bulk: {
    refused: number;
    stopped: BulkTold;
    completed: BulkTold;
    /** From its start to its end. */
    seconds: number;
  };
}

/** Who plays, and until when (epoch ms). */
export interface Players {
  client: EngineClient;
  /** With the lab system's key. */
  labSystem: EngineClient;
  partnerUrl: string;
  /** Ids are this run's own. */
  tag: string;
  deadline: number;
  signal: AbortSignal;
}

/** Lets deliveries fail in four ways and gets them there by retrying. */
export async function playRetries(players: Players): Promise<ScenesTold> {
  const acts = new Scenes(players);
  const [corrected, recovered, doubted, bulk] = await Promise.all([
    acts.correct(),
    acts.recover(),
    acts.doubt(),
    acts.many(),
  ]);
  const { acknowledged, calls } = acts;
  return { acknowledged, calls, corrected, recovered, doubted, bulk };
}

class Scenes {
  readonly acknowledged: Acknowledged[] = [];
  calls = 0;
  readonly #players: Players;

  constructor(players: Players) {
    this.#players = players;
  }

  /** A bill is refused for its amount, corrected in the lab's system, and sent again. */
  async correct(): Promise<ScenesTold['corrected']> {
    const { client } = this.#players;
    const bill_id = this.#id('B');
    const bill = (total_amount: number) => ({ bill: { bill_id, total_amount, currency: 'INR' } });
    const log_id = await this.#tell('BILL_GENERATED', '/billing/', bill(-350));
    const refused = await this.#until(log_id, ({ status }) => status === 'FAIL');
    await this.#tell('BILL_UPDATED', '/billing/', bill(350));
    const { differences } = await client.call('previewRetry', { log_id });
    const retry = await client.call('retryIntegration', { log_id });
    const ended = await this.#until(log_id, ({ status }) => status === 'SUCCESS');
    return { refused, paths: differences.map(({ path }) => path), retry, ended };
  }

  /** A busy partner puts payments off; they arrive without anybody's doing. */
  async recover(): Promise<ScenesTold['recovered']> {
    const since = performance.now();
    const one = async (number: number) => {
      const log_id = await this.#tell('PAYMENT_RECEIVED', '/billing/', {
        action_category: 'PAYMENT_RECEIVED',
        bill: { bill_id: this.#id(`C${number}`) },
        payment: { payment_id: this.#id(`PAY${number}`), amount: '120.00', mode: 'CASH' },
      });
      const log = await this.#until(log_id, ({ status }) => status === 'SUCCESS');
      return { log, seconds: secondsSince(since) };
    };
    return Promise.all(Array.from({ length: PAYMENTS }, (_, number) => one(number)));
  }

  /** A partner breaks before it has answered; only with a reason is the same sent again. */
  async doubt(): Promise<ScenesTold['doubted']> {
    const { client } = this.#players;
    const log_id = await this.#tell('REPORT_SIGNED', '/report/submit/', {
      action_category: 'REPORT_SIGNED',
      report: { report_id: this.#id('R'), signed_by: 'Dr. N. Wanjiru' },
    });
    const failed = await this.#until(log_id, ({ status }) => status === 'FAIL');
    const refusal = await refusalOf(client.call('retryIntegration', { log_id }));
    const reason = 'the doctor says that nothing has arrived';
    const retry = await client.call('retryIntegration', { log_id, reason });
    const ended = await this.#until(log_id, ({ status }) => status === 'SUCCESS');
    return { failed, refusal, retry, ended };
  }

  /** Hundreds are refused; a bulk retry is stopped by its canary, another one gets all of them there. */
  async many(): Promise<ScenesTold['bulk']> {
    const { client, partnerUrl } = this.#players;
    const batch_id = await this.#sendResults();
    await this.#poll(
      () => client.call('getBatch', { batch_id }),
      ({ progress }) => progress.failed === RESULTS,
    );
    const reason = 'the register says that it is mended';
    const stopped = await this.#retryAll(batch_id, reason);
    await client.call('controlBulkRetry', {
      bulk_retry_id: stopped.bulk_retry_id,
      action: 'cancel',
      reason: 'the register was not mended yet',
    });
    await (await request(new URL(MEND_PATH, partnerUrl), { method: 'POST' })).body.dump();
    const since = performance.now();
    const completed = await this.#retryAll(batch_id, reason);
    return { refused: RESULTS, stopped, completed, seconds: secondsSince(since) };
  }

  /** Plans and starts the retry of what has failed of a batch, and waits until it stands still. */
  async #retryAll(batch_id: string, reason: string): Promise<Output<'getBulkRetry'>> {
    const { client } = this.#players;
    const { bulk_retry_id } = await client.call('retryIntegrations', {
      filter: { batch_id, status: ['FAIL'] },
      reason,
      rate_per_minute: RATE_PER_MINUTE,
    });
    const look = () => client.call('getBulkRetry', { bulk_retry_id, limit: 1 });
    const { total } = await this.#poll(look, ({ state }) => state !== 'PLANNING');
    await client.call('controlBulkRetry', {
      bulk_retry_id,
      action: 'start',
      expected_total: total,
    });
    return this.#poll(look, ({ state }) => !['CANARY', 'RUNNING'].includes(state));
  }

  async #sendResults(): Promise<string> {
    const records = Array.from({ length: RESULTS }, (_, index) => ({
      result: { accession_number: `K-${800_001 + index}`, code: 'TSH', value: 2.5, unit: 'mIU/L' },
    }));
    const body = { lab_id: COAST, action_category: NIGHT_RESULT, records };
    this.calls += 1;
    const { body: answer } = await this.#players.labSystem.post(
      '/integrationWebhookBulkAPI/',
      JSON.stringify(body),
      { idempotencyKey: this.#id('register') },
    );
    const { batch_id, log_ids } = answer as { batch_id: string; log_ids: string[] };
    const event = eventOf(NIGHT_RESULT, '/api/v1/events', {});
    for (const id of log_ids) this.acknowledged.push({ event, eventId: null, logIds: [id] });
    return batch_id;
  }

  /** Posts an event. @returns the log of its delivery; empty where it calls for none */
  async #tell(category: string, route: EventRoute, body: JsonObject): Promise<string> {
    this.calls += 1;
    const document = JSON.stringify({ lab_id: COAST, ...body });
    const { body: answer } = await this.#players.labSystem.post(route, document);
    const { event_id, log_ids } = answer as { event_id: string; log_ids: string[] };
    const event = eventOf(category, route, body);
    this.acknowledged.push({ event, eventId: event_id, logIds: log_ids });
    return log_ids[0] ?? '';
  }

  #until(log_id: string, isSo: (log: LogDocument) => boolean): Promise<LogDocument> {
    return this.#poll(() => this.#players.client.call('getLog', { log_id }), isSo);
  }

  /** Looks until it is so, at most until the deadline. @returns what was seen last */
  async #poll<T>(look: () => Promise<T>, isSo: (seen: T) => boolean): Promise<T> {
    const { deadline, signal } = this.#players;
    for (;;) {
      const seen = await look();
      if (isSo(seen) || Date.now() >= deadline) return seen;
      await delay(POLL_MS, undefined, { signal });
    }
  }

  #id(letter: string): string {
    return `${letter}${this.#players.tag}-retry`;
  }
}

const secondsSince = (start: number): number => (performance.now() - start) / 1_000;

function eventOf(category: string, route: EventRoute, body: JsonObject): DemoEvent {
  return {
    route,
    labId: COAST,
    category,
    body,
    idempotencyKey: null,
    withoutBirthDate: false,
  };
}

async function refusalOf(call: Promise<unknown>): Promise<ScenesTold['doubted']['refusal']> {
  try {
    await call;
    return null;
  } catch (error) {
    if (!(error instanceof LabRelayError)) throw error;
    return { code: error.code, sentence: error.errors[0]?.reason ?? error.message };
  }
}
