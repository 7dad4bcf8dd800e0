import { type Dispatcher, request } from 'undici';
import { messageOf } from '../../../shared/errors.ts';
import type { PendingReport } from '../../../shared/model/delivery.ts';
import type { KeyWentOn } from '../../../shared/model/ordering.ts';
import type { ScheduleStep } from '../../../shared/model/retry.ts';
import type { QueuePort } from '../queue/port.ts';
import { enrichedPayload } from './enriched-payload.ts';

/** Reports fetched and posted at a time. */
const BATCH = 64;
/** Wait before a report that was not taken is posted again (ms). */
const REPEAT_AFTER_MS = 1_000;
const POST_TIMEOUT_MS = 10_000;

/** Where our own worker reports, and by which token. Only ever our own handler. */
export interface ReportTarget {
  url: string;
  token: string;
  /** How the address is reached, where the usual way will not do (our own certificate). */
  dispatcher: Dispatcher | undefined;
}

/**
 * Reports our own worker's outcomes over HTTP, as the guide draws it (`callback_transport: http`).
 * An outcome is kept in the store until the route has taken it, so that neither a crash nor a route
 * that is down loses one; a report posted twice changes nothing.
 */
export class HttpReporter {
  readonly #store: Pick<QueuePort, 'pendingReports' | 'reportTaken'>;
  readonly #target: () => ReportTarget;
  readonly #onKeyWentOn: (next: KeyWentOn) => void;
  readonly #onRetry: (step: ScheduleStep) => void;
  readonly #onTrouble: (message: string) => void;
  readonly #repeatAfterMs: number;
  #running: Promise<void> | null = null;
  #again = false;
  #timer: NodeJS.Timeout | null = null;
  #stopped = true;

  constructor(deps: {
    store: Pick<QueuePort, 'pendingReports' | 'reportTaken'>;
    target: () => ReportTarget;
    /** A delivery that waited for a reported one has become ready. */
    onKeyWentOn: (next: KeyWentOn) => void;
    /** A reported failure is tried again, or never more, by itself. */
    onRetry: (step: ScheduleStep) => void;
    onTrouble: (message: string) => void;
    repeatAfterMs?: number;
  }) {
    this.#store = deps.store;
    this.#target = deps.target;
    this.#onKeyWentOn = deps.onKeyWentOn;
    this.#onRetry = deps.onRetry;
    this.#onTrouble = deps.onTrouble;
    this.#repeatAfterMs = deps.repeatAfterMs ?? REPEAT_AFTER_MS;
  }

  /** Takes up what a former life left unreported. */
  start(): void {
    this.#stopped = false;
    this.notify();
  }

  /** Says that there may be reports. */
  notify(): void {
    if (this.#stopped) return;
    this.#again = true;
    this.#running ??= this.#run().finally(() => {
      this.#running = null;
      if (this.#again) this.notify();
    });
  }

  /** Waits for the posts under way. Idempotent; what was not taken is reported after the next start. */
  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#timer) clearTimeout(this.#timer);
    await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#again && !this.#stopped) {
      this.#again = false;
      try {
        if (!(await this.#postAll())) this.#later();
      } catch (error) {
        this.#onTrouble(messageOf(error));
        this.#later();
      }
    }
  }

  /** Posts all that is kept, page by page; one that is refused holds up none behind it. */
  async #postAll(): Promise<boolean> {
    let allTaken = true;
    let afterTaskId = 0;
    for (;;) {
      const reports = await this.#store.pendingReports({ afterTaskId, limit: BATCH });
      const taken = await Promise.all(reports.map((entry) => this.#post(entry)));
      if (taken.includes(false)) allTaken = false;
      afterTaskId = reports.at(-1)?.taskId ?? afterTaskId;
      // Where none was taken the route is down: going on would only ask it again for each.
      if (reports.length < BATCH || this.#stopped || !taken.includes(true)) return allTaken;
    }
  }

  #later(): void {
    this.#again = false;
    if (this.#stopped) return;
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.notify(), this.#repeatAfterMs);
  }

  /** @returns whether the report was taken and need not be kept; it never throws */
  async #post({
    taskId,
    report,
    requestBody,
    integrationPayload,
  }: PendingReport): Promise<boolean> {
    const { url, token, dispatcher } = this.#target();
    try {
      const answer = await request(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-internal-token': token },
        body: JSON.stringify(enrichedPayload(integrationPayload, report, requestBody)),
        headersTimeout: POST_TIMEOUT_MS,
        bodyTimeout: POST_TIMEOUT_MS,
        ...(dispatcher ? { dispatcher } : {}),
      });
      await answer.body.dump();
      if (answer.statusCode !== 200) {
        this.#onTrouble(`the callback route answered ${answer.statusCode}`);
        return false;
      }
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : 'no code';
      this.#onTrouble(`the callback route could not be reached (${code})`);
      return false;
    }
    try {
      const ended = await this.#store.reportTaken({ taskId, logId: report.logId });
      if (ended?.wentOn) this.#onKeyWentOn(ended.wentOn);
      if (ended?.retry) this.#onRetry(ended.retry);
      return true;
    } catch (error) {
      this.#onTrouble(messageOf(error));
      return false;
    }
  }
}
