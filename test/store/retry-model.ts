import { expect } from 'vitest';
import type { ClaimedTask } from '../../src/shared/model/delivery.ts';
import type { DueRetry } from '../../src/shared/model/due-retry.ts';
import type { Certainty, ErrorKind } from '../../src/shared/model/vocabulary.ts';
import { createMemoryQueue } from './memory-queue.ts';
import { report, RULE } from './samples.ts';
import { STORED } from './scheduling.ts';

/** How an attempt may end. */
export const ENDS = [
  { certainty: 'ACCEPTED', errorKind: null, code: 200 },
  { certainty: 'COMMITTED', errorKind: null, code: 202 },
  { certainty: 'REFUSED', errorKind: 'HTTP_STATUS', code: 422 },
  { certainty: 'REFUSED_RETRYABLE', errorKind: 'HTTP_STATUS', code: 408 },
  { certainty: 'REFUSED_RETRYABLE', errorKind: 'HTTP_STATUS', code: 408 },
  { certainty: 'UNKNOWN', errorKind: 'HTTP_STATUS', code: 500 },
  { certainty: 'UNKNOWN', errorKind: 'TIMEOUT', code: null },
  { certainty: 'NOT_SENT', errorKind: 'PAYLOAD', code: null },
  { certainty: 'NOT_SENT', errorKind: 'CONNECT', code: null },
] as const satisfies { certainty: Certainty; errorKind: ErrorKind | null; code: number | null }[];

/** What may happen to deliveries; `pick` chooses among what there is. */
export type Step =
  | { do: 'add'; rule: number; deliverIn: number | null }
  | { do: 'send'; end: number; overHttp: boolean; isStopped: boolean }
  | { do: 'crash' }
  | { do: 'die' }
  | { do: 'wait'; ms: number }
  | { do: 'due'; defer: boolean }
  | { do: 'cancel'; pick: number }
  | { do: 'retry'; pick: number }
  | { do: 'late'; pick: number; end: number };

/** Rules by what they allow. */
export const RULES = [
  { retry5xx: true, receiverDeduplicates: false, schedule: [1_000, 2_000] },
  { retry5xx: false, receiverDeduplicates: false, schedule: [1_000, 2_000, 4_000] },
  { retry5xx: false, receiverDeduplicates: true, schedule: [1_000] },
  { retry5xx: true, receiverDeduplicates: true, schedule: [] },
] as const;

/** A plain account of one log. */
interface Account {
  rule: (typeof RULES)[number];
  /** Automatic attempts since the last one that a person wanted; those that met nobody are not counted. */
  automatic: number;
  /** How its newest attempt ended; null: none has. */
  end: (typeof ENDS)[number] | null;
  isStopped: boolean;
  /** Its newest attempt ended without anybody knowing how. */
  isLost: boolean;
}

/** The real store beside a plain account of what each log may do; after each step it is compared. */
export class RetryModel {
  readonly #queue = createMemoryQueue();
  readonly #rules: number[];
  readonly #logs = new Map<string, Account>();
  #now = 1_000_000;

  constructor() {
    this.#rules = RULES.map(({ retry5xx, receiverDeduplicates, schedule }) =>
      this.#queue.addRule({
        maxConcurrency: 100,
        receiverDeduplicates,
        retryPolicy: { ...RULE.retryPolicy, retry5xx, schedule: [...schedule] },
      }),
    );
  }

  close(): void {
    this.#queue.close();
  }

  run(step: Step): void {
    switch (step.do) {
      case 'add': {
        const deliverBy = step.deliverIn === null ? null : this.#now + step.deliverIn;
        const [logId = ''] = this.#queue.add(this.#rules[step.rule] ?? 0, 1, { deliverBy });
        const account = { automatic: 0, end: null, isStopped: false, isLost: false };
        this.#logs.set(logId, { rule: RULES[step.rule] ?? RULES[0], ...account });
        break;
      }
      case 'send':
        for (const task of this.#begin(1)) {
          if (step.isStopped) this.#stop(task.logId);
          this.#send(task, ENDS[step.end] ?? ENDS[0], step.overHttp);
        }
        break;
      case 'crash': {
        const lost = this.#begin(2);
        this.#queue.reopen();
        this.#queue.run('recover', { worker: 'w', now: this.#now, atStart: true });
        for (const { logId } of lost) this.#ended(logId, null, true);
        break;
      }
      case 'die':
        for (const { taskId, logId } of this.#begin(1)) {
          const death = { cause: 'TIMEOUT', errorMessage: 'x', stamped: true, at: this.#now };
          this.#queue.run('bury', { taskId, ...death });
          const account = this.#ended(logId, null, true);
          // People look after it; it may be nobody's to send.
          if (account) account.isStopped = true;
        }
        break;
      case 'wait':
        this.#now += step.ms;
        break;
      case 'due':
        this.#due(step.defer);
        break;
      case 'cancel':
        this.#cancel(step.pick);
        break;
      case 'retry':
        this.#retry(step.pick);
        break;
      case 'late':
        this.#late(step.pick, ENDS[step.end] ?? ENDS[0]);
        break;
    }
    this.#check();
  }

  /** Claims and stamps; what may not be sent is found here. */
  #begin(limit: number): ClaimedTask[] {
    const tasks = this.#queue.claim(limit, this.#now);
    for (const task of tasks) {
      const account = this.#logs.get(task.logId);
      if (!account) throw new Error('not one of ours');
      expect(this.#queue.stamp(task, this.#now)).toBe(true);
      if (task.kind === 'AUTO') this.#mayGo(account);
      if (task.kind === 'MANUAL') Object.assign(account, { isStopped: false, automatic: 0 });
    }
    return tasks;
  }

  #mayGo(account: Account): void {
    const { end, rule, isStopped, isLost } = account;
    expect(isStopped, 'one that was stopped').toBe(false);
    // What met nobody waits in its place, whatever its schedule says.
    if (end?.errorKind === 'CONNECT' && !isLost) return;
    account.automatic++;
    expect(account.automatic, 'more than the schedule has').toBeLessThanOrEqual(
      rule.schedule.length,
    );
    if (isLost || end?.errorKind === 'TIMEOUT') {
      expect(rule.receiverDeduplicates, 'a repeat in doubt').toBe(true);
    } else if (end?.code === 500) {
      expect(rule.retry5xx || rule.receiverDeduplicates, 'a repeat after 500').toBe(true);
    } else {
      expect(end?.certainty, 'a class that may be tried again').toBe('REFUSED_RETRYABLE');
    }
  }

  #send(task: ClaimedTask, end: (typeof ENDS)[number], overHttp: boolean): void {
    const { taskId, logId, attempt } = task;
    const told = this.#told(logId, attempt, end);
    this.#queue.run('settle', { taskId, report: told, reportOverHttp: overHttp ? {} : null });
    if (overHttp) {
      this.#queue.run('report', told);
      this.#queue.run('reportTaken', { taskId });
    }
    this.#ended(logId, end, false);
  }

  #told(logId: string, attempt: number | null, end: (typeof ENDS)[number]) {
    const { certainty, errorKind, code: responseStatusCode } = end;
    const isTaken = certainty === 'ACCEPTED' || certainty === 'COMMITTED';
    const status = certainty === 'COMMITTED' ? 'QUEUED' : isTaken ? 'SUCCESS' : 'FAIL';
    const more = { attempt, certainty, status, errorKind, responseStatusCode } as const;
    return report(logId, { ...more, activityDate: this.#now });
  }

  #ended(logId: string, end: Account['end'], isLost: boolean): Account | undefined {
    const account = this.#logs.get(logId);
    if (account) Object.assign(account, { end, isLost });
    return account;
  }

  #due(defer: boolean): void {
    const due = this.#queue.run('dueRetries', { now: this.#now, limit: 50 }) as DueRetry[];
    for (const { logId, body } of due) {
      const inDoubt = this.#queue.db
        .prepare(
          `SELECT 1 FROM attempt a JOIN log l ON l.log_seq = a.log_seq
           WHERE l.log_id = ? AND a.certainty IN ('UNKNOWN', 'COMMITTED')`,
        )
        .get(logId);
      if (inDoubt) expect(body, 'after an outcome in doubt').toBe('STORED');
    }
    const waits = due.map(({ taskId, attempt }) => ({ taskId, attempt }));
    if (defer) {
      const delays = waits.map((wait) => ({ ...wait, dueAt: this.#now + 5_000 }));
      this.#queue.run('deferRetries', { delays, now: this.#now });
    } else {
      const fates = waits.map((wait) => ({ ...wait, kind: 'GO', note: STORED }));
      this.#queue.run('startRetries', { fates, now: this.#now });
    }
  }

  /** As a person stops what a log has before it. */
  #cancel(pick: number): void {
    const [logId] = [...this.#logs][pick % Math.max(1, this.#logs.size)] ?? [];
    if (!logId) return;
    this.#queue.db
      .prepare(`DELETE FROM task WHERE log_seq = (SELECT log_seq FROM log WHERE log_id = ?)`)
      .run(logId);
    this.#stop(logId);
  }

  /** What is under way ends by itself; nothing follows it. */
  #stop(logId: string): void {
    this.#queue.db
      .prepare(`UPDATE log SET retry_state = 'CANCELLED', next_retry_at = NULL WHERE log_id = ?`)
      .run(logId);
    const account = this.#logs.get(logId);
    if (account) account.isStopped = true;
  }

  /** As a person sends one again: its schedule begins anew. */
  #retry(pick: number): void {
    const [logId] = [...this.#logs][pick % Math.max(1, this.#logs.size)] ?? [];
    const { db } = this.#queue;
    const log = db
      .prepare(
        `SELECT log_seq, newest_attempt, lab_integration_id FROM log WHERE log_id = ?
           AND newest_attempt > 0 AND NOT EXISTS (SELECT 1 FROM task t WHERE t.log_seq = log.log_seq)`,
      )
      .get(logId) as
      | { log_seq: number; newest_attempt: number; lab_integration_id: number }
      | undefined;
    if (!log) return;
    db.prepare(
      `UPDATE log SET retry_state = 'SCHEDULED', retry_step = 0, retry_count = retry_count + 1
       WHERE log_seq = ?`,
    ).run(log.log_seq);
    db.prepare(
      `INSERT INTO task (log_seq, lab_integration_id, state, priority, due_at, kind, attempt, revision)
       VALUES (?, ?, 'READY', 1, 0, 'MANUAL', ?, 1)`,
    ).run(log.log_seq, log.lab_integration_id, log.newest_attempt + 1);
  }

  /** A report that comes after its attempt was done with. */
  #late(pick: number, end: (typeof ENDS)[number]): void {
    const [logId, account] = [...this.#logs][pick % Math.max(1, this.#logs.size)] ?? [];
    if (!logId || !account?.end) return;
    this.#queue.run('report', this.#told(logId, null, end));
    const known = this.#queue.db
      .prepare('SELECT certainty, error_kind, response_status_code FROM log WHERE log_id = ?')
      .get(logId) as { certainty: Certainty; error_kind: ErrorKind; response_status_code: number };
    account.end =
      ENDS.find(
        ({ certainty, errorKind, code }) =>
          certainty === known.certainty &&
          errorKind === known.error_kind &&
          code === known.response_status_code,
      ) ?? null;
  }

  /** What must hold at any moment. */
  #check(): void {
    const { db } = this.#queue;
    const untrue = db
      .prepare(
        `SELECT l.log_id FROM log l LEFT JOIN task t ON t.log_seq = l.log_seq
         WHERE l.next_retry_at IS NOT CASE t.state WHEN 'SCHEDULED' THEN t.due_at END
           OR (t.state = 'SCHEDULED' AND (l.retry_state <> 'SCHEDULED' OR l.status <> 'FAIL'
             OR t.stamped_at IS NOT NULL OR t.waits_from IS NULL OR t.kind <> 'AUTO'))
           OR (l.retry_state = 'SCHEDULED' AND t.task_id IS NULL)
           OR (l.retry_state = 'RUNNING' AND t.task_id IS NULL)`,
      )
      .pluck()
      .all();
    expect(untrue, 'what a log tells of its retry').toEqual([]);
  }
}
