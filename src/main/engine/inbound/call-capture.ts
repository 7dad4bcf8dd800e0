import { ERROR_CODES, type ErrorCode } from '../../../shared/errors.ts';
import type {
  AnsweredCall,
  CallFacts,
  InboundCall,
  TakenCall,
} from '../../../shared/model/call.ts';
import type { AccessKey } from '../../../shared/model/configuration.ts';
import type { HeaderRecord } from '../../../shared/model/delivery.ts';
import type { CallErrorKind } from '../../../shared/model/vocabulary.ts';
import { newId } from '../intake/new-id.ts';
import { CallBody, cutText } from './call-body.ts';
import { hintOf, keptHeaders, keptPath, originOf, withoutToken } from './kept-fields.ts';

/** A call as its head tells it. */
export interface Arrival {
  ip: string;
  method: string;
  /** Path and query, as they were sent. */
  url: string;
  headers: Readonly<Record<string, string | string[] | undefined>>;
  /** What was shown for a key. */
  token: string | null;
}

/** What a call was answered. */
export interface CallAnswer {
  status: number;
  headers: HeaderRecord;
  body: string | null;
}

const NOTHING_KNOWN: CallFacts = {
  labId: null,
  organizationId: null,
  actionCategoryListId: null,
  actionCategory: null,
  eventId: null,
  batchId: null,
  priority: 'ROUTINE',
  references: [],
};

/** Of every answer that an event route gives to what it takes. */
const TAKEN_HEADERS: HeaderRecord = { 'content-type': 'application/json; charset=utf-8' };

/**
 * A third party's call from the arrival of its head to its answer (guide,
 * `IntegrationDirectoryLogger`). It only notes; the handler runs as if it were not there.
 */
export class CallCapture {
  /** Known from the start, so that what the call fires can name it (`triggered_by`). */
  readonly logId = newId();
  readonly body: CallBody;
  /** Set by the key check: whose the token is. */
  key: AccessKey | null = null;
  /** The problem that it is refused with. */
  problem: ErrorCode | null = null;
  /** What its body, or its query, was read as; tells the lab of a call that brings nothing. */
  parsed: unknown = undefined;
  readonly #arrival: Arrival;
  readonly #arrivedAt: number;
  readonly #started = performance.now();
  #facts: CallFacts = NOTHING_KNOWN;
  #state: 'OPEN' | 'CLOSED' | 'KEPT' = 'OPEN';

  /** @param now epoch milliseconds */
  constructor(arrival: Arrival, now: number) {
    this.#arrival = arrival;
    this.#arrivedAt = now;
    const { 'content-length': length, 'transfer-encoding': encoding } = arrival.headers;
    this.body = new CallBody(encoding !== undefined || (length !== undefined && length !== '0'));
  }

  get ip(): string {
    return this.#arrival.ip;
  }

  /** What is known of what it is about. */
  get facts(): CallFacts {
    return this.#facts;
  }

  /** Whether its log is on disk. */
  get isKept(): boolean {
    return this.#state === 'KEPT';
  }

  /** Notes what it is about, as far as that has come to light. */
  about(facts: Partial<CallFacts>): void {
    this.#facts = { ...this.#facts, ...facts };
  }

  /** Its log is on disk: committed with what it brought, or by itself. */
  kept(): void {
    this.#state = 'KEPT';
  }

  /** Its log is to be made by whoever asks first. @returns false: somebody has */
  close(): boolean {
    if (this.#state !== 'OPEN') return false;
    this.#state = 'CLOSED';
    return true;
  }

  /** Its log for the commit of what it brought, as if that were answered now. */
  taken(status: number, facts: CallFacts): TakenCall {
    return { ...this.#log(status, TAKEN_HEADERS, false, null, null), ...facts };
  }

  /** What it is answered now, for its log, which was made before that was known. */
  answeredWith(body: string): AnsweredCall {
    const { text, isCut } = cutText(body);
    return {
      logId: this.logId,
      responseBody: text,
      responseBodyCut: isCut,
      responseTime: Math.round(performance.now() - this.#started),
      now: Date.now(),
    };
  }

  /** Its log with the answer that it is given now; null: its caller is gone. */
  answered(answer: CallAnswer | null): InboundCall {
    if (answer === null) {
      return { ...this.#log(null, null, false, 'CALLER_GONE', GONE), responseBody: null };
    }
    // A refusal may name a field as its caller has.
    const { status, headers } = answer;
    const body = this.#keptAnswer(answer);
    const kind = status < 400 ? null : status < 500 ? 'CALL_REFUSED' : 'CALL_FAILED';
    const message = kind && this.#wordsFor(status);
    return {
      ...this.#log(status, headers, body?.isCut ?? false, kind, message),
      responseBody: body?.text ?? null,
    };
  }

  /**
   * What is kept of an answer's body: nothing of what a call has read. A portal that asks for a list
   * once a minute would fill the store with copies of what is there already, patients in clear.
   */
  #keptAnswer({ status, body }: CallAnswer): { text: string | null; isCut: boolean } | null {
    const { method, token } = this.#arrival;
    if (body === null) return null;
    if (method === 'GET' && status < 400) return { text: null, isCut: true };
    return cutText(withoutToken(body, token));
  }

  /** Our own words alone: a problem's detail may name what the caller has sent. */
  #wordsFor(status: number): string {
    return this.problem === null
      ? `It was answered ${status}.`
      : `${this.problem}: ${ERROR_CODES[this.problem][1]}.`;
  }

  #log(
    status: number | null,
    responseHeaders: HeaderRecord | null,
    responseBodyCut: boolean,
    errorKind: CallErrorKind | null,
    words: string | null,
  ): TakenCall {
    const { ip, method, url, headers, token } = this.#arrival;
    const { text, isCut, isUtf8 } = this.body.kept();
    const { origin } = headers;
    return {
      logId: this.logId,
      arrivedAt: this.#arrivedAt,
      status: errorKind === null ? 'SUCCESS' : 'FAIL',
      errorKind,
      errorMessage: words !== null && !isUtf8 ? `${words} ${NOT_UTF8}` : words,
      ...this.#facts,
      // A refused call may have named anything in place of an id.
      references: this.#facts.references.map(({ kind, id }) => ({
        kind,
        id: withoutToken(id, token),
      })),
      endPoint: keptPath(url, token),
      requestMethod: method,
      requestHeaders: keptHeaders(headers, token),
      requestBody: text === null ? null : withoutToken(text, token),
      requestBodyCut: isCut,
      responseStatusCode: status,
      responseHeaders,
      responseTime: status === null ? null : Math.round(performance.now() - this.#started),
      responseBodyCut,
      ip,
      origin: originOf(typeof origin === 'string' ? origin : undefined),
      tokenHint: this.key ? this.key.hint || null : hintOf(token),
      tokenOwner: this.key?.name ?? null,
    };
  }
}

const GONE = 'The caller was gone before its call was complete or answered.';
const NOT_UTF8 = 'What was no UTF-8 in its body stands there as U+FFFD.';
