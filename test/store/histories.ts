import type { Statement } from 'better-sqlite3';
import { expect } from 'vitest';
import { type AttemptReport, type ClaimedTask, stampOf } from '../../src/shared/model/delivery.ts';
import type { DueRetry } from '../../src/shared/model/due-retry.ts';
import type { QueuedRetry, RetryableLog } from '../../src/shared/model/retry.ts';
import type { Certainty, ErrorKind } from '../../src/shared/model/vocabulary.ts';
import { createMemoryQueue } from './memory-queue.ts';
import { NOTE } from './retrying.ts';
import { report, RULE } from './samples.ts';
import { STORED } from './scheduling.ts';

/** How an attempt may end. */
export const ENDS = [
  { status: 'SUCCESS', certainty: 'ACCEPTED', errorKind: null, code: 200 },
  { status: 'SUPPRESSED', certainty: 'ACCEPTED', errorKind: null, code: 209 },
  { status: 'SUPPRESSED', certainty: 'REFUSED', errorKind: 'HTTP_STATUS', code: 422 },
  { status: 'QUEUED', certainty: 'COMMITTED', errorKind: null, code: 202 },
  { status: 'FAIL', certainty: 'REFUSED', errorKind: 'HTTP_STATUS', code: 422 },
  { status: 'FAIL', certainty: 'REFUSED_RETRYABLE', errorKind: 'HTTP_STATUS', code: 503 },
  { status: 'FAIL', certainty: 'REFUSED_RETRYABLE', errorKind: 'HTTP_STATUS', code: 503 },
  { status: 'FAIL', certainty: 'UNKNOWN', errorKind: 'HTTP_STATUS', code: 500 },
  { status: 'FAIL', certainty: 'UNKNOWN', errorKind: 'TIMEOUT', code: null },
  { status: 'FAIL', certainty: 'NOT_SENT', errorKind: 'PAYLOAD', code: null },
  { status: 'FAIL', certainty: 'NOT_SENT', errorKind: 'CONNECT', code: null },
] as const satisfies {
  status: AttemptReport['status'];
  certainty: Certainty;
  errorKind: ErrorKind | null;
  code: number | null;
}[];

/** What may happen; `pick` chooses among what there is. */
export type Step =
  | { do: 'add'; rule: number; key: string | null; stat: boolean; deliverIn: number | null }
  | { do: 'claim'; limit: number }
  | { do: 'stamp'; pick: number }
  | {
      do: 'settle';
      pick: number;
      end: number;
      overHttp: boolean;
      goesBack: boolean;
      lateBy: number;
    }
  | { do: 'reportTaken'; pick: number }
  | { do: 'callback'; pick: number; end: number; ago: number; attempt: number | null }
  | { do: 'giveBack'; pick: number }
  | { do: 'bury'; pick: number }
  | { do: 'crash' }
  | { do: 'wait'; ms: number }
  | { do: 'due'; fate: 'GO' | 'REPLACE' | 'FAIL' | 'DEFER' }
  | { do: 'cancel'; pick: number }
  | { do: 'retry'; pick: number; edited: boolean }
  | { do: 'resolve'; pick: number; delivered: boolean }
  | { do: 'active'; rule: number; isActive: boolean }
  | { do: 'retries'; rule: number; isRetryEnabled: boolean }
  | { do: 'hold'; rule: number }
  | { do: 'unhold'; pick: number; kind: 'RELEASE' | 'DROP' | 'FAIL' }
  | { do: 'breaker'; rule: number; state: 'open' | 'closed' }
  | { do: 'recovered' }
  | { do: 'releaseKey'; pick: number }
  | { do: 'lease'; limit: number }
  | { do: 'settleLease'; pick: number; end: number; start: boolean };

/** The waits of all rules. */
const SCHEDULE = [1_000, 20_000, 400_000];

/** Rules by what they allow. */
export const RULES = [
  { onRefused: 'skip', onUnknown: 'hold', receiverDeduplicates: true },
  { onRefused: 'hold', onUnknown: 'skip', receiverDeduplicates: false },
  { onRefused: 'skip', onUnknown: 'hold', receiverDeduplicates: true, executor: 'external' },
] as const;

interface UnderWay {
  task: ClaimedTask;
  isStamped: boolean;
  token: string | null;
}

/** Everything that may happen to deliveries, by the store's own commands; after each step all must fit together. */
export class Histories {
  readonly #queue = createMemoryQueue(() => 0.5);
  readonly #rules: number[];
  readonly #logs: string[] = [];
  #underWay: UnderWay[] = [];
  /** Reports that the callback route has not taken yet. */
  #pending: { taskId: number; told: AttemptReport }[] = [];
  #now = 10_000_000;
  #tokens = 0;
  readonly #checks: [string, Statement][];

  constructor() {
    const { db } = this.#queue;
    this.#checks = Object.entries(NEVER).map(([what, sql]) => [what, db.prepare(sql)]);
    this.#rules = RULES.map((rule) =>
      this.#queue.addRule({
        ...rule,
        maxConcurrency: 5,
        retryPolicy: { ...RULE.retryPolicy, retry5xx: true, schedule: [...SCHEDULE] },
      }),
    );
  }

  close(): void {
    this.#queue.close();
  }

  #pick<T>(of: readonly T[], pick: number): T | undefined {
    return of[pick % Math.max(1, of.length)];
  }

  #run(name: string, input: unknown): unknown {
    return this.#queue.run(name, input);
  }

  run(step: Step): void {
    this.#do(step);
    this.#check();
  }

  #do(step: Step): void {
    const now = this.#now;
    switch (step.do) {
      case 'add':
        this.#logs.push(
          ...this.#queue.add(this.#rules[step.rule] ?? 0, 1, {
            orderingKey: step.key,
            priority: step.stat ? 'STAT' : 'ROUTINE',
            deliverBy: step.deliverIn === null ? null : now + step.deliverIn,
            createdAt: now,
          }),
        );
        break;
      case 'claim':
        for (const task of this.#queue.claim(step.limit, now)) {
          this.#underWay.push({ task, isStamped: false, token: null });
        }
        break;
      case 'stamp': {
        const one = this.#pick(
          this.#underWay.filter(({ token, isStamped }) => token === null && !isStamped),
          step.pick,
        );
        if (!one) break;
        if (this.#queue.stamp(one.task, now)) one.isStamped = true;
        else this.#underWay = this.#underWay.filter((other) => other !== one);
        break;
      }
      case 'settle': {
        const one = this.#takeOwn(step.pick, true);
        if (!one) break;
        const { taskId, logId, attempt } = one.task;
        const end = ENDS[step.end] ?? ENDS[0];
        const goesBack = step.goesBack && end.certainty === 'NOT_SENT';
        const told = this.#told(logId, attempt, end, now - step.lateBy);
        this.#run('settle', {
          taskId,
          report: told,
          reportOverHttp: step.overHttp ? {} : null,
          goesBack,
        });
        if (step.overHttp) this.#pending.push({ taskId, told });
        break;
      }
      case 'reportTaken': {
        const one = this.#pick(this.#pending, step.pick);
        if (!one) break;
        this.#pending = this.#pending.filter((other) => other !== one);
        this.#run('report', one.told);
        this.#run('reportTaken', { taskId: one.taskId });
        break;
      }
      case 'callback': {
        const logId = this.#pick(this.#logs, step.pick);
        const end = ENDS[step.end] ?? ENDS[0];
        if (!logId) break;
        this.#run('report', {
          ...this.#told(logId, step.attempt, end, now - step.ago),
          reporter: 'x',
          receivedAt: now,
        });
        break;
      }
      case 'giveBack': {
        const one = this.#takeOwn(step.pick, false);
        if (one) this.#run('release', { worker: 'w', taskIds: [one.task.taskId] });
        break;
      }
      case 'bury': {
        const one = this.#pick(
          this.#underWay.filter(({ token }) => token === null),
          step.pick,
        );
        if (!one) break;
        this.#underWay = this.#underWay.filter((other) => other !== one);
        this.#run('bury', {
          taskId: one.task.taskId,
          cause: 'EXCEPTION',
          errorMessage: 'x',
          stamped: one.isStamped,
          at: now,
        });
        break;
      }
      case 'crash':
        this.#underWay = this.#underWay.filter(({ token }) => token !== null);
        this.#queue.reopen();
        this.#run('recover', { worker: 'w', now, atStart: true });
        break;
      case 'wait':
        this.#now = Math.max(1_000_000, now + step.ms);
        this.#run('tendOrder', { now: this.#now });
        this.#run('recover', {
          worker: 'w',
          now: this.#now,
          atStart: false,
          mine: this.#underWay.map(({ task }) => task.taskId),
        });
        this.#run('restartWaits', { now: this.#now, limit: 100 });
        break;
      case 'due': {
        const due = this.#run('dueRetries', { now, limit: 5 }) as DueRetry[];
        const waits = due.map(({ taskId, attempt }) => ({ taskId, attempt }));
        if (step.fate === 'DEFER') {
          this.#run('deferRetries', {
            delays: waits.map((wait) => ({ ...wait, dueAt: now + 5_000 })),
            now,
          });
          break;
        }
        const fates = due.map(({ taskId, attempt, body, overtakenBy }) => {
          const wait = { taskId, attempt };
          if (overtakenBy !== null) return { ...wait, kind: 'STOP', overtakenBy };
          if (step.fate === 'FAIL' && body === 'FRESH')
            return { ...wait, kind: 'FAIL', message: 'm' };
          return step.fate === 'REPLACE' && body === 'FRESH'
            ? { ...wait, kind: 'REPLACE', revision: this.#body(), note: STORED }
            : { ...wait, kind: 'GO', note: STORED };
        });
        this.#run('startRetries', { fates, now });
        break;
      }
      case 'cancel': {
        const logId = this.#pick(this.#logs, step.pick);
        if (logId) this.#run('cancelRetry', { logId, actor: 'Anna', reason: 'r', now });
        break;
      }
      case 'retry': {
        const logId = this.#pick(this.#logs, step.pick);
        const log = logId && (this.#run('retryableLog', logId) as RetryableLog | null);
        if (!log) break;
        const queued = this.#run('queueRetry', {
          logId,
          expect: { newestAttempt: log.newestAttempt, revision: log.revision },
          body: step.edited
            ? { kind: 'EDITED', revision: this.#body() }
            : { kind: 'STORED', revision: log.revision },
          isBodyChosen: step.edited,
          note: NOTE,
          now,
        }) as QueuedRetry;
        expect(['QUEUED', 'NOT_QUEUED']).toContain(queued.outcome);
        break;
      }
      case 'resolve': {
        const logId = this.#pick(this.#logs, step.pick);
        const resolution = step.delivered ? 'delivered' : 'not_delivered';
        if (logId) this.#run('resolveLog', { logId, resolution, reason: 'r', actor: 'Anna', now });
        break;
      }
      case 'active':
        this.#queue.changeRule(this.#rules[step.rule] ?? 0, { isActive: step.isActive });
        break;
      case 'retries':
        this.#queue.changeRule(this.#rules[step.rule] ?? 0, {
          isRetryEnabled: step.isRetryEnabled,
        });
        break;
      case 'hold':
        this.#run('holdOpenTasks', { labIntegrationId: this.#rules[step.rule], limit: 3 });
        break;
      case 'unhold': {
        const held = this.#queue.db
          .prepare(`SELECT task_id FROM task WHERE state = 'HELD' ORDER BY task_id`)
          .pluck()
          .all() as number[];
        const taskId = this.#pick(held, step.pick);
        if (taskId === undefined) break;
        this.#run('settleHeldTasks', {
          fates: [{ taskId, kind: step.kind, message: 'm' }],
          decision: { actor: 'Anna', reason: 'r', now },
          during: null,
        });
        break;
      }
      case 'breaker':
        this.#run('setBreaker', {
          labIntegrationId: this.#rules[step.rule],
          state: step.state,
          actor: 'Anna',
          note: 'n',
          now,
        });
        break;
      case 'recovered':
        this.#run('releaseRecovered', { limit: 2 });
        break;
      case 'releaseKey': {
        const logId = this.#pick(this.#logs, step.pick);
        if (logId) this.#run('releaseOrderingKey', { logId, reason: 'r', actor: 'Anna', now });
        break;
      }
      case 'lease': {
        const token = `t${this.#tokens++}`;
        const tasks = this.#run('lease', {
          token,
          worker: 'x',
          labIntegrationId: null,
          limit: step.limit,
          leaseUntil: now + 60_000,
          now,
        }) as ClaimedTask[];
        for (const task of tasks) this.#underWay.push({ task, isStamped: false, token });
        break;
      }
      case 'settleLease': {
        const one = this.#pick(
          this.#underWay.filter(({ token }) => token !== null),
          step.pick,
        );
        if (!one) break;
        const { logId, attempt } = one.task;
        const lease = { token: one.token, logId, attempt };
        if (step.start && !one.isStamped) {
          one.isStamped = true;
          this.#run('startLease', {
            lease,
            stamp: this.#stampOf(one.task),
            leaseUntil: now + 60_000,
            now,
          });
          break;
        }
        this.#underWay = this.#underWay.filter((other) => other !== one);
        const told = this.#told(logId, attempt, ENDS[step.end] ?? ENDS[0], now);
        this.#run('settleLease', {
          lease,
          stamp: this.#stampOf(one.task),
          report: { ...told, reporter: 'x', receivedAt: now },
          goesBack: false,
          now,
        });
        break;
      }
    }
  }

  #stampOf(task: ClaimedTask) {
    return stampOf(task, {
      configVersion: 1,
      endPoint: 'http://127.0.0.1:9/',
      requestMethod: 'POST',
      requestHeaders: {},
      startedAt: this.#now,
    });
  }

  #body() {
    return {
      body: '{"b":2}',
      contentType: 'application/json',
      sha256: 'y',
      configVersion: 1,
      objectsFrom: 'LOCAL' as const,
      fallback: null,
    };
  }

  #takeOwn(pick: number, isStamped: boolean): UnderWay | undefined {
    const one = this.#pick(
      this.#underWay.filter((other) => other.token === null && other.isStamped === isStamped),
      pick,
    );
    this.#underWay = this.#underWay.filter((other) => other !== one);
    return one;
  }

  #told(logId: string, attempt: number | null, end: (typeof ENDS)[number], at: number) {
    const { status, certainty, errorKind, code: responseStatusCode } = end;
    return report(logId, {
      attempt,
      status,
      certainty,
      errorKind,
      responseStatusCode,
      activityDate: at,
    });
  }

  /** What must hold at any moment. */
  #check(): void {
    for (const [what, statement] of this.#checks) {
      const untrue = statement.all();
      if (untrue.length > 0) expect(untrue, what).toEqual([]);
    }
  }
}

const SEEN = `l.log_seq, l.status, l.certainty, l.retry_state, l.next_retry_at, l.held_reason,
  l.newest_attempt, t.state, t.kind, t.attempt, t.stamped_at, t.due_at`;
const where = (condition: string) =>
  `SELECT ${SEEN} FROM log l LEFT JOIN task t ON t.log_seq = l.log_seq WHERE ${condition}`;
/** Whether others of a waiting task's key stand in such a state. */
const other = (states: string, more = '') =>
  `EXISTS (SELECT 1 FROM task b WHERE b.ordering_key = t.ordering_key
     AND b.lab_integration_id = t.lab_integration_id AND b.state IN (${states}) ${more})`;
const BUSY = `'READY', 'CLAIMED', 'REPORTING'`;

/** What is never to be found, by what it would mean. */
const NEVER: Record<string, string> = {
  'a next_retry_at that is not when its task is due': where(
    `l.next_retry_at IS NOT CASE t.state WHEN 'SCHEDULED' THEN t.due_at END`,
  ),
  'a scheduled task that is not as one': where(
    `t.state = 'SCHEDULED' AND (l.retry_state <> 'SCHEDULED' OR t.stamped_at IS NOT NULL
       OR t.waits_from IS NULL OR t.kind <> 'AUTO' OR l.held_reason IS NOT NULL
       OR t.claimed_by IS NOT NULL OR t.report IS NOT NULL)`,
  ),
  'a scheduled retry of what has not failed': where(
    `t.state = 'SCHEDULED' AND l.status <> 'FAIL' AND NOT EXISTS (SELECT 1 FROM attempt a
       WHERE a.log_seq = l.log_seq AND a.number = l.newest_attempt AND a.status = 'FAIL')`,
  ),
  'a log that waits, with nothing on its way': where(
    `t.task_id IS NULL AND (l.retry_state IN ('SCHEDULED', 'RUNNING', 'HELD')
       OR l.status = 'PENDING' OR l.held_reason IS NOT NULL)`,
  ),
  'a retry that runs without an attempt': where(
    `l.retry_state = 'RUNNING' AND t.stamped_at IS NULL`,
  ),
  'a held task whose log does not say so, or the other way round': where(
    `(t.state = 'HELD') <> (l.retry_state = 'HELD')
       OR (t.state = 'HELD' AND l.held_reason IS NULL)`,
  ),
  'a task of what was given up': where(`l.retry_state = 'EXHAUSTED' AND t.task_id IS NOT NULL`),
  'what was given up, though it has arrived or nobody is to see it': where(
    `l.retry_state = 'EXHAUSTED' AND l.status <> 'FAIL'`,
  ),
  'a task of what was stopped': where(
    `l.retry_state = 'CANCELLED' AND t.task_id IS NOT NULL AND t.stamped_at IS NULL`,
  ),
  'an attempt without an outcome that nobody makes': `
    SELECT a.* FROM attempt a LEFT JOIN task t ON t.log_seq = a.log_seq
    WHERE a.status IS NULL AND (t.stamped_at IS NULL OR t.attempt <> a.number)`,
  'a task that is for another attempt than the next': where(
    `t.task_id IS NOT NULL AND t.attempt <> l.newest_attempt + (t.stamped_at IS NULL)`,
  ),
  'a task that nobody wanted for a body that the partner has': where(
    `t.stamped_at IS NULL AND t.kind = 'AUTO' AND t.retry IS NULL AND l.certainty = 'ACCEPTED'
       AND EXISTS (SELECT 1 FROM attempt a WHERE a.log_seq = l.log_seq
         AND a.certainty = 'ACCEPTED' AND a.revision = t.revision)`,
  ),
  'more steps than the schedule has': where(`l.retry_step > ${SCHEDULE.length}`),
  'a task that waits for nothing': `
    SELECT t.* FROM task t WHERE t.state = 'WAITING' AND NOT ${other(BUSY)}
      AND NOT ${other(`'HELD'`, 'AND b.task_id < t.task_id')}
      AND NOT EXISTS (SELECT 1 FROM key_hold h WHERE h.ordering_key = t.ordering_key
        AND h.lab_integration_id = t.lab_integration_id)`,
  'a head that waits for itself': `
    SELECT t.* FROM task t JOIN key_hold h ON h.head_log_seq = t.log_seq
    WHERE t.state = 'WAITING' AND NOT ${other(BUSY)}`,
  'a hold for a retry that does not come': `
    SELECT h.* FROM key_hold h WHERE h.reason = 'HEAD_RETRYING'
      AND NOT EXISTS (SELECT 1 FROM task t WHERE t.log_seq = h.head_log_seq)`,
  'a hold behind what the partner has': `
    SELECT h.* FROM key_hold h JOIN log l ON l.log_seq = h.head_log_seq
    WHERE l.certainty IN ('ACCEPTED', 'COMMITTED')`,
  'a hold that never ends': `
    SELECT h.* FROM key_hold h WHERE h.release_at IS NULL AND h.reason <> 'HEAD_REFUSED'`,
};
