import { expect } from 'vitest';
import type { ClaimedTask } from '../../src/shared/model/delivery.ts';
import { HELD_FOR_UNKNOWN_MS } from '../../src/shared/model/ordering.ts';
import type { Certainty } from '../../src/shared/model/vocabulary.ts';
import type { DueRetry } from '../../src/shared/model/due-retry.ts';
import { createMemoryQueue } from './memory-queue.ts';
import { report, RULE } from './samples.ts';
import { STORED } from './scheduling.ts';

/** What may happen to a queue; `pick` chooses among what there is. */
export type Step =
  | { do: 'add'; rule: number; key: string | null; stat: boolean; deliverIn: number | null }
  | { do: 'claim'; limit: number }
  | { do: 'end'; pick: number; certainty: Certainty; overHttp: boolean }
  | { do: 'die'; pick: number; stamped: boolean }
  | { do: 'crash' }
  | { do: 'wait'; ms: number }
  | { do: 'requeue'; pick: number }
  | { do: 'confirm'; pick: number }
  | { do: 'due' }
  | { do: 'release'; pick: number }
  | { do: 'hold' }
  | { do: 'unhold'; pick: number; fate: 'RELEASE' | 'DROP' | 'FAIL' };

/** Rules by what becomes of followers; one has a rate, too, and the last two try again by themselves. */
export const RULES = [
  { onRefused: 'skip', onUnknown: 'hold' },
  { onRefused: 'hold', onUnknown: 'hold' },
  { onRefused: 'skip', onUnknown: 'skip', ratePerMinute: 120 },
  { onRefused: 'skip', onUnknown: 'hold', retries: true },
  { onRefused: 'hold', onUnknown: 'skip', retries: true },
] as const;

/** Some of their waits are longer than any hold. */
const SCHEDULE = [60_000, 1_000_000, 3_600_000];

interface UnderWay {
  task: ClaimedTask;
  place: string | null;
  stamped: boolean;
}

/**
 * The real store driven step by step beside a plain model of what order means: which logs hold
 * their key, by certainty and time alone. After each step what was promised is looked at.
 */
export class OrderModel {
  readonly #queue = createMemoryQueue();
  readonly #rules: number[];
  #now = 1_000;
  #underWay: UnderWay[] = [];
  readonly #certainty = new Map<string, Certainty>();
  /** Rule and key of each log that has a key. */
  readonly #placeOf = new Map<string, string | null>();
  /** Heads that were queued once more while they held their key: they go past their followers. */
  readonly #goesAgain = new Set<string>();
  readonly #holds = new Map<
    string,
    { head: string; reason: Certainty | 'RETRYING'; until: number }
  >();
  /** Logs that the schedule has let go: these may go before what became ready earlier. */
  readonly #retried = new Set<string>();

  constructor() {
    this.#rules = RULES.map(({ onRefused, onUnknown, ...more }) =>
      this.#queue.addRule({
        onRefused,
        onUnknown,
        ratePerMinute: 'ratePerMinute' in more ? more.ratePerMinute : null,
        maxConcurrency: 4,
        receiverDeduplicates: true,
        retryPolicy: { ...RULE.retryPolicy, schedule: 'retries' in more ? SCHEDULE : [] },
      }),
    );
  }

  close(): void {
    this.#queue.close();
  }

  run(step: Step): void {
    switch (step.do) {
      case 'add': {
        const rule = this.#rules[step.rule] ?? 0;
        const [logId = ''] = this.#queue.add(rule, 1, {
          orderingKey: step.key,
          priority: step.stat ? 'STAT' : 'ROUTINE',
          deliverBy: step.deliverIn === null ? null : this.#now + step.deliverIn,
          createdAt: this.#now,
        });
        this.#placeOf.set(logId, step.key === null ? null : `${step.rule} ${step.key}`);
        break;
      }
      case 'claim':
        for (const task of this.#queue.claim(step.limit, this.#now)) this.#claimed(task);
        break;
      case 'end':
        this.#end(this.#take(step.pick), step.certainty, step.overHttp);
        break;
      case 'die':
        this.#die(this.#take(step.pick), step.stamped);
        break;
      case 'crash':
        this.#crash();
        break;
      case 'wait':
        this.#now += step.ms;
        this.#tend();
        break;
      case 'requeue':
        this.#requeue(step.pick);
        break;
      case 'confirm':
        this.#confirm(step.pick);
        break;
      case 'due':
        this.#due();
        break;
      case 'release': {
        const [, place] = [...this.#placeOf].filter(([, one]) => one)[step.pick] ?? [];
        const logId = [...this.#placeOf.keys()].find((id) => this.#placeOf.get(id) === place);
        if (!place || !logId) break;
        this.#release(logId);
        this.#holds.delete(place);
        break;
      }
      case 'hold':
        // As a restore holds what is open; what is under way stays so.
        this.#queue.db.exec(`
          UPDATE log SET held_reason = 'RESTORED_BACKUP', retry_state = 'HELD' WHERE log_seq IN (
            SELECT log_seq FROM task WHERE state IN ('READY', 'WAITING', 'SCHEDULED'));
          UPDATE task SET state = 'HELD' WHERE state IN ('READY', 'WAITING', 'SCHEDULED')`);
        break;
      case 'unhold':
        this.#unholdTask(step.pick, step.fate);
        break;
    }
    this.#check();
  }

  /** Lets everything end well, and time and people end what is held. @returns what is left */
  finish(): unknown[] {
    for (let round = 0; round < 400; round++) {
      while (this.#underWay.length > 0) this.#end(this.#take(0), 'ACCEPTED', false);
      this.run({ do: 'claim', limit: 50 });
      if (this.#underWay.length > 0) continue;
      // In any order: a later one must not overtake those that are still held.
      this.run({ do: 'unhold', pick: round * 7, fate: 'RELEASE' });
      // By the clock alone first; only a refused head is a person's to release.
      this.run({ do: 'wait', ms: HELD_FOR_UNKNOWN_MS });
      this.run({ do: 'due' });
      const refused = [...this.#holds.values()].find(({ reason }) => reason === 'REFUSED');
      this.run({ do: 'claim', limit: 50 });
      if (this.#underWay.length === 0 && refused) {
        this.#release(refused.head);
        this.#holds.delete(this.#placeOf.get(refused.head) ?? '');
      }
      if (this.#underWay.length === 0 && this.#open().length === 0) break;
    }
    return this.#open();
  }

  #claimed(task: ClaimedTask): void {
    const place = this.#placeOf.get(task.logId) ?? null;
    if (place !== null) {
      const together = this.#underWay.filter((one) => one.place === place);
      expect(together, 'two in flight on one key').toEqual([]);
      const hold = this.#holds.get(place);
      const isHead = hold?.head === task.logId;
      expect(hold === undefined || isHead, 'a follower before its held head').toBe(true);
      const before = this.#queue.db
        .prepare(
          `SELECT l.log_id FROM task t JOIN task o ON o.ordering_key = t.ordering_key
             AND o.lab_integration_id = t.lab_integration_id AND o.task_id < t.task_id
           JOIN log l ON l.log_seq = o.log_seq WHERE t.task_id = ? AND o.state <> 'SCHEDULED'`,
        )
        .pluck()
        .all(task.taskId)
        .filter((logId) => !this.#retried.has(String(logId)));
      if (!this.#goesAgain.has(task.logId))
        expect(before, 'one that was queued before it').toEqual([]);
    }
    this.#underWay.push({ task, place, stamped: false });
  }

  #take(pick: number): UnderWay | undefined {
    const [taken] = this.#underWay.splice(pick % Math.max(1, this.#underWay.length), 1);
    return taken;
  }

  #end(one: UnderWay | undefined, certainty: Certainty, overHttp: boolean): void {
    if (!one) return;
    const { taskId, logId, attempt } = one.task;
    if (!this.#stamp(one.task)) return;
    const told = this.#outcome(logId, attempt, certainty);
    this.#queue.run('settle', { taskId, report: told, reportOverHttp: overHttp ? {} : null });
    if (overHttp) {
      this.#queue.run('report', told);
      this.#queue.run('reportTaken', { taskId });
    }
    this.#ended(logId, certainty);
  }

  #die(one: UnderWay | undefined, stamped: boolean): void {
    if (!one) return;
    const { taskId, logId } = one.task;
    if (stamped && !this.#stamp(one.task)) return;
    const death = { cause: 'EXCEPTION', errorMessage: 'broke', at: this.#now };
    this.#queue.run('bury', { taskId, stamped, ...death });
    this.#ended(logId, stamped ? 'UNKNOWN' : (this.#certainty.get(logId) ?? 'NOT_SENT'));
  }

  #crash(): void {
    const lost = this.#underWay;
    this.#underWay = [];
    const stamped = lost
      .filter((_, index) => index % 2 === 0)
      .filter(({ task }) => this.#stamp(task));
    this.#queue.reopen();
    // Unstamped claims that die twice are suspects, which are begun first; not the matter here.
    this.#queue.run('recover', { worker: 'w', now: this.#now, atStart: true });
    for (const { task } of stamped) this.#ended(task.logId, 'UNKNOWN');
  }

  /** @returns false where the schedule's own retry was stopped by a newer one that was accepted */
  #stamp(task: ClaimedTask): boolean {
    const { logId } = task;
    const place = this.#placeOf.get(logId);
    const logs = [...this.#placeOf.keys()];
    const isOvertaken = logs
      .slice(logs.indexOf(logId) + 1)
      .some((one) => place && this.#placeOf.get(one) === place && this.#isAccepted(one));
    const stamped = this.#queue.stamp(task, this.#now);
    const isRetry = task.kind === 'AUTO' && this.#retried.has(logId);
    expect(stamped, 'a retry behind a newer one that was accepted').toBe(!(isRetry && isOvertaken));
    if (!stamped) this.#left(logId);
    return stamped;
  }

  #isAccepted(logId: string): boolean {
    return this.#certainty.get(logId) === 'ACCEPTED';
  }

  /** What is due goes, with the bytes that are stored. */
  #due(): void {
    const due = this.#queue.run('dueRetries', { now: this.#now, limit: 50 }) as DueRetry[];
    for (const { logId } of due) {
      this.#retried.add(logId);
      const place = this.#placeOf.get(logId);
      if (place && this.#holds.get(place)?.head === logId) this.#goesAgain.add(logId);
    }
    const fates = due.map(({ taskId, attempt }) => ({ taskId, attempt, kind: 'GO', note: STORED }));
    this.#queue.run('startRetries', { fates, now: this.#now });
  }

  #requeue(pick: number): void {
    const list = { beforeId: null, limit: 200, includeRequeued: false };
    const failed = this.#queue.run('listFailedTasks', list) as { failedTaskId: number }[];
    const chosen = failed[pick % Math.max(1, failed.length)];
    if (!chosen) return;
    const { failedTaskId } = chosen;
    const request = { failedTaskId, reason: 'again', actor: 'Anna', now: this.#now };
    const { logId = '' } = this.#queue.run('requeueFailedTask', request) as { logId?: string };
    const place = this.#placeOf.get(logId);
    if (place && this.#holds.get(place)?.head === logId) this.#goesAgain.add(logId);
  }

  /** The partner tells late that it has what was in doubt. */
  #confirm(pick: number): void {
    const inDoubt = [...this.#certainty].filter(([, known]) => known === 'UNKNOWN');
    const [logId] = inDoubt[pick % Math.max(1, inDoubt.length)] ?? [];
    if (!logId) return;
    this.#queue.run('report', { ...this.#outcome(logId, 0, 'ACCEPTED'), attempt: null });
    // What was claimed of it to be sent once more is passed over: its stamp is refused.
    for (const { task } of this.#underWay.filter((one) => one.task.logId === logId)) {
      expect(this.#queue.stamp(task, this.#now)).toBe(false);
    }
    this.#underWay = this.#underWay.filter((one) => one.task.logId !== logId);
    this.#certainty.set(logId, 'ACCEPTED');
    this.#unhold(logId);
  }

  #release(logId: string): void {
    this.#queue.run('releaseOrderingKey', { logId, reason: 'r', actor: 'Anna', now: this.#now });
  }

  #tend(): void {
    this.#queue.run('tendOrder', { now: this.#now });
    for (const [place, { until }] of this.#holds) {
      if (until <= this.#now) this.#holds.delete(place);
    }
  }

  #unholdTask(pick: number, kind: 'RELEASE' | 'DROP' | 'FAIL'): void {
    const held = this.#queue.db
      .prepare(
        `SELECT t.task_id, l.log_id FROM task t JOIN log l ON l.log_seq = t.log_seq
         WHERE t.state = 'HELD' ORDER BY t.task_id`,
      )
      .all() as { task_id: number; log_id: string }[];
    const chosen = held[pick % Math.max(1, held.length)];
    if (!chosen) return;
    this.#queue.run('settleHeldTasks', {
      fates: [{ taskId: chosen.task_id, kind, message: 'no mapping' }],
      decision: { actor: 'Anna', reason: 'checked', now: this.#now },
      during: null,
    });
    if (kind === 'RELEASE') {
      // The head goes past all that its key has, once it is let go.
      const place = this.#placeOf.get(chosen.log_id);
      const isHead = place && this.#holds.get(place)?.head === chosen.log_id;
      if (isHead) this.#goesAgain.add(chosen.log_id);
      return;
    }
    this.#goesAgain.delete(chosen.log_id);
    this.#left(chosen.log_id);
  }

  /** It is not tried again: what waited for that goes on. */
  #left(logId: string): void {
    const place = this.#placeOf.get(logId);
    const hold = place && this.#holds.get(place);
    if (hold && hold.head === logId && hold.reason === 'RETRYING') this.#holds.delete(place);
  }

  /** The step of its schedule that a log waits for; 0: it does not, null: it is done with. */
  #stepOf(logId: string): { step: number; waits: boolean } {
    const row = this.#queue.db
      .prepare(
        `SELECT l.retry_step AS step, EXISTS (SELECT 1 FROM task t WHERE t.log_seq = l.log_seq
           AND t.state = 'SCHEDULED') AS waits FROM log l WHERE l.log_id = ?`,
      )
      .get(logId) as { step: number; waits: number };
    return { step: row.step, waits: row.waits === 1 };
  }

  /** What an end means, as the design's table says it. */
  #ended(logId: string, told: Certainty): void {
    const certainty = this.#certainty.get(logId) === 'ACCEPTED' ? 'ACCEPTED' : told;
    this.#certainty.set(logId, certainty);
    this.#goesAgain.delete(logId);
    const place = this.#placeOf.get(logId);
    if (!place) return;
    const rule = RULES[Number(place.split(' ')[0])] ?? RULES[0];
    if (certainty === 'ACCEPTED' || certainty === 'COMMITTED') this.#unhold(logId);
    const { step, waits } = this.#stepOf(logId);
    const isForNow = certainty === 'NOT_SENT' || certainty === 'REFUSED_RETRYABLE';
    if (isForNow && !waits) this.#left(logId);
    const word =
      certainty === 'REFUSED'
        ? rule.onRefused
        : certainty === 'UNKNOWN'
          ? rule.onUnknown
          : isForNow && waits
            ? 'hold'
            : null;
    if (word === 'skip') this.#unhold(logId);
    const reason = isForNow ? 'RETRYING' : certainty;
    const known = this.#holds.get(place);
    if (word !== 'hold' || known?.reason === reason) return;
    // What was let go while it was tried again is not held anew, unless it was refused for good.
    const isFirst = certainty === 'REFUSED' || step === (waits ? 1 : 0);
    if (!known && !isFirst) return;
    const inTime = Math.min(known?.until ?? Infinity, this.#now + HELD_FOR_UNKNOWN_MS);
    const until = certainty === 'REFUSED' ? Infinity : inTime;
    this.#holds.set(place, { head: logId, reason, until });
  }

  #unhold(logId: string): void {
    const place = this.#placeOf.get(logId);
    if (place && this.#holds.get(place)?.head === logId) this.#holds.delete(place);
  }

  #outcome(logId: string, attempt: number, certainty: Certainty) {
    const isTaken = certainty === 'ACCEPTED' || certainty === 'COMMITTED';
    const status = certainty === 'COMMITTED' ? 'QUEUED' : isTaken ? 'SUCCESS' : 'FAIL';
    return report(logId, { attempt, certainty, status, activityDate: this.#now });
  }

  #open(): unknown[] {
    return this.#queue.db.prepare('SELECT task_id, state, ordering_key FROM task').all();
  }

  /** What must hold at any moment. */
  #check(): void {
    const { db } = this.#queue;
    const forgotten = db
      .prepare(
        `SELECT t.task_id FROM task t WHERE t.state = 'WAITING'
           AND NOT EXISTS (SELECT 1 FROM task b WHERE b.ordering_key = t.ordering_key
             AND b.lab_integration_id = t.lab_integration_id
             AND b.state IN ('READY', 'CLAIMED', 'REPORTING'))
           AND NOT EXISTS (SELECT 1 FROM key_hold h WHERE h.ordering_key = t.ordering_key
             AND h.lab_integration_id = t.lab_integration_id)
           AND NOT EXISTS (SELECT 1 FROM task b WHERE b.ordering_key = t.ordering_key
             AND b.lab_integration_id = t.lab_integration_id
             AND b.state = 'HELD' AND b.task_id < t.task_id)`,
      )
      .all();
    expect(forgotten, 'waits for nothing').toEqual([]);
    const held = db
      .prepare(
        `SELECT l.log_id FROM key_hold h JOIN log l ON l.log_seq = h.head_log_seq ORDER BY log_id`,
      )
      .pluck()
      .all();
    const holding = [...this.#holds.values()].map(({ head }) => head).toSorted();
    expect(held, 'the heads that hold their key').toEqual(holding);
    const blocked = db
      .prepare(
        `SELECT t.task_id FROM task t JOIN key_hold h ON h.head_log_seq = t.log_seq
         WHERE t.state = 'WAITING'`,
      )
      .all();
    expect(blocked, 'a head that waits for itself').toEqual([]);
    const behindRoutine = db
      .prepare(
        `SELECT t.task_id FROM task t JOIN log l ON l.log_seq = t.log_seq
         JOIN task o ON o.ordering_key = t.ordering_key
           AND o.lab_integration_id = t.lab_integration_id AND o.task_id < t.task_id
         WHERE l.priority = 'STAT' AND t.state = 'WAITING' AND o.priority = 1`,
      )
      .all();
    expect(behindRoutine, 'STAT behind routine of its own key').toEqual([]);
  }
}
