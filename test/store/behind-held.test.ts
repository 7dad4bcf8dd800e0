import { afterEach, beforeEach, expect, test } from 'vitest';
import { createMemoryQueue, type MemoryQueue } from './memory-queue.ts';

let queue: MemoryQueue;
let rule: number;
let logIds: string[];
/** Three deliveries of one ordering key, held as a restore holds them. */
beforeEach(() => {
  queue = createMemoryQueue();
  rule = queue.addRule({ maxConcurrency: 100 });
  logIds = queue.add(rule, 3, { orderingKey: 'A' });
  queue.db.exec(`UPDATE task SET state = 'HELD';
    UPDATE log SET held_reason = 'RESTORED_BACKUP', retry_state = 'HELD'`);
});
afterEach(() => queue.close());

const settle = (kind: 'RELEASE' | 'DROP' | 'FAIL', ...taskIds: number[]) =>
  queue.run('settleHeldTasks', {
    fates: taskIds.map((taskId) => ({ taskId, kind, message: 'no mapping' })),
    decision: { actor: 'Asha', reason: 'checked', now: 1 },
    during: null,
  });
/** What can be sent now, one after another, each of it accepted. */
function sent(): string[] {
  const all: string[] = [];
  for (let [task] = queue.claim(1, 1); task; [task] = queue.claim(1, 1)) {
    all.push(task.logId);
    queue.db.prepare(`UPDATE log SET certainty = 'ACCEPTED' WHERE log_id = ?`).run(task.logId);
    queue.run('bury', {
      taskId: task.taskId,
      cause: 'EXCEPTION',
      errorMessage: 'broke',
      stamped: false,
      at: 1,
    });
  }
  return all;
}
const states = () =>
  queue.db.prepare('SELECT state FROM task ORDER BY task_id').pluck().all() as string[];
const waitOf = (logId: string | undefined) => {
  const log = queue.run('getLog', logId) as { heldReason: string; waitsFor: string } | null;
  return [log?.heldReason, log?.waitsFor];
};

test('a later one that is let go waits for an older one that is still held, and says so', () => {
  settle('RELEASE', 2, 3);
  expect(sent()).toEqual([]);
  expect(waitOf(logIds[1])).toEqual(['BEHIND_HELD', logIds[0]]);
  settle('RELEASE', 1);
  expect(sent()).toEqual(logIds);
});

test('a new one waits for those that are held', () => {
  const [late] = queue.add(rule, 1, { orderingKey: 'A' });
  const [other] = queue.add(rule, 1, { orderingKey: 'B' });
  expect(sent()).toEqual([other]);
  expect(waitOf(late)).toEqual(['BEHIND_HELD', logIds[0]]);
  settle('RELEASE', 3, 2, 1);
  expect(sent()).toEqual([...logIds, late]);
});

test.each(['DROP', 'FAIL'] as const)('the next goes on when the oldest ends so: %s', (kind) => {
  settle('RELEASE', 2);
  const [late] = queue.add(rule, 1, { orderingKey: 'A' });
  settle(kind, 1);
  expect(sent()).toEqual([logIds[1]]);
  settle(kind, 3);
  expect(sent()).toEqual([late]);
});

test('one whose rule was switched off since it was chosen stays held, unless it ends', () => {
  queue.changeRule(rule, { isActive: false });
  expect(settle('RELEASE', 1, 2)).toMatchObject({ released: 0, disabled: 2, isOvertaken: false });
  expect(states()).toEqual(['HELD', 'HELD', 'HELD']);
  expect(settle('DROP', 1)).toMatchObject({ dropped: 1, disabled: 0 });
  queue.changeRule(rule, { isActive: true });
  expect(settle('RELEASE', 2)).toMatchObject({ released: 1, disabled: 0 });
  expect(states()).toEqual(['READY', 'HELD']);
});

test('whoever waits only for newer ones that are held goes', () => {
  settle('RELEASE', 1, 2);
  expect(sent()).toEqual(logIds.slice(0, 2));
});
