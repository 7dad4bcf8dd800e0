import Database from 'better-sqlite3';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createHeldTaskCommands, createHeldTaskQueries } from '../../src/main/store/held-tasks.ts';
import { MIGRATIONS } from '../../src/main/store/migrations/index.ts';
import { createOrdering } from '../../src/main/store/ordering.ts';
import { createTasks } from '../../src/main/store/tasks.ts';
import { createWaitingActions } from '../../src/main/store/waiting-actions.ts';

const KEYS = ['A', 'B', null] as const;

/** One rule's queue in memory, switched on and off at will, its chunks done one at a time. */
function openQueue() {
  const db = new Database(':memory:');
  for (const { sql } of MIGRATIONS) db.exec(sql);
  db.exec(`INSERT INTO lab (lab_id, name, time_zone, is_active) VALUES (1, 'lab', 'UTC', 1);
    INSERT INTO lab_integration (lab_integration_id, lab_id, action_category_list_id, name, is_active,
      max_concurrency, settings, version, created_at, updated_at)
    VALUES (1, 1, 1, 'rule', 1, 8, '{}', 1, 0, 0)`);
  const ordering = createOrdering(db);
  const tasks = createTasks(db, ordering);
  const waiting = createWaitingActions(db);
  const commands = createHeldTaskCommands(db, tasks);
  const queries = createHeldTaskQueries(db);
  const action = () =>
    db.prepare('SELECT waiting_action FROM integration_state').pluck().get() as string | null;
  const isActive = () => db.prepare('SELECT is_active FROM lab_integration').pluck().get() === 1;
  const mayClaim = () => isActive() && !action();
  let logs = 0;

  const add = (key: string | null) => {
    logs++;
    db.prepare(
      `INSERT INTO log (log_seq, log_id, direction, status, retry_state, stage, priority, lab_id,
         action_category_list_id, action_category, transport, revision, is_retry_enabled,
         retry_context, created_at, updated_at)
       VALUES (?, ?, 'OUTBOUND', 'PENDING', 'NONE', 'ENQUEUED', 'ROUTINE', 1, 1, 'X', 'http', 1, 1,
         '{"references":[]}', 0, 0)`,
    ).run(logs, `log-${logs}`);
    tasks.add({
      logSeq: logs,
      labIntegrationId: 1,
      priority: 'ROUTINE',
      orderingKey: key,
      deliverBy: null,
      dueAt: 0,
      kind: 'FIRST',
      attempt: 1,
      revision: 1,
      batchSeq: null,
    });
  };
  /** What a claim would take. @returns the log and key of what was sent, if anything */
  const send = () => {
    if (!mayClaim()) return null;
    const [task] = db
      .prepare(
        `SELECT task_id, log_seq, ordering_key FROM task WHERE state = 'READY' ORDER BY task_id`,
      )
      .all() as { task_id: number; log_seq: number; ordering_key: string | null }[];
    if (!task) return null;
    db.prepare(`UPDATE log SET certainty = 'ACCEPTED' WHERE log_seq = ?`).run(task.log_seq);
    tasks.end(task.task_id, 1);
    return task;
  };
  const off = () => {
    if (!isActive()) return;
    waiting.disabled(1, 'test');
    db.exec('UPDATE lab_integration SET is_active = 0');
  };
  const on = () => {
    if (isActive() || waiting.isBeingHeld(1)) return;
    waiting.enabled(1, 'RELEASE', 'test');
    db.exec('UPDATE lab_integration SET is_active = 1');
  };
  let after = 0;
  const work = (limit: number) => {
    switch (action()) {
      case 'HOLD':
        after = 0;
        commands.holdOpenTasks({ labIntegrationId: 1, limit });
        break;
      case 'RELEASE': {
        const filter = {
          labIntegrationId: 1,
          heldReasons: ['INTEGRATION_DISABLED', 'BEHIND_HELD'] as const,
          certainty: null,
          from: null,
          to: null,
        };
        const chunk = queries.heldTasks({ filter, afterTaskId: after, limit });
        commands.settleHeldTasks({
          fates: chunk.map(({ taskId }) => ({ taskId, kind: 'RELEASE' })),
          decision: { actor: 'test', reason: null, now: 1 },
          during: { labIntegrationId: 1, action: 'RELEASE' },
        });
        after = chunk.at(-1)?.taskId ?? after;
        const request = { labIntegrationId: 1, action: 'RELEASE', afterTaskId: after };
        if (commands.endWaitingAction(request)) after = 0;
        break;
      }
      default:
        break;
    }
  };
  /** As a restore holds what is open. */
  const restore = () =>
    db.exec(`UPDATE log SET held_reason = 'RESTORED_BACKUP', retry_state = 'HELD'
        WHERE log_seq IN (SELECT log_seq FROM task);
      UPDATE task SET state = 'HELD'`);
  /** Somebody lets one of what is held go or drops it, whatever holds it and in any order. */
  const decide = (pick: number, kind: 'RELEASE' | 'DROP') => {
    const held = db
      .prepare(`SELECT task_id FROM task WHERE state = 'HELD' ORDER BY task_id`)
      .pluck()
      .all() as number[];
    const taskId = held[pick % Math.max(1, held.length)];
    if (taskId === undefined) return;
    commands.settleHeldTasks({
      fates: [{ taskId, kind }],
      decision: { actor: 'test', reason: null, now: 1 },
      during: null,
    });
  };
  /** Those that could be claimed, yet an older one of their key is held. */
  const overtaking = () =>
    db
      .prepare(
        `SELECT t.task_id FROM task t JOIN task o ON o.ordering_key = t.ordering_key
         WHERE t.state = 'READY' AND o.state = 'HELD' AND o.task_id < t.task_id`,
      )
      .all();
  const open = () => db.prepare('SELECT count(*) FROM task').pluck().get() as number;
  return { db, add, send, off, on, work, restore, decide, overtaking, mayClaim, open };
}

test('held and released at any moment, every key keeps its order, and nothing is left behind', () => {
  const step = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.constantFrom(...KEYS).map((key) => ({ kind: 'add', key }) as const),
    },
    { weight: 3, arbitrary: fc.constant({ kind: 'send' } as const) },
    { weight: 1, arbitrary: fc.constant({ kind: 'off' } as const) },
    { weight: 1, arbitrary: fc.constant({ kind: 'on' } as const) },
    { weight: 1, arbitrary: fc.constant({ kind: 'restore' } as const) },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant('decide' as const),
        pick: fc.nat(20),
        fate: fc.constantFrom('RELEASE', 'RELEASE', 'DROP'),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.integer({ min: 1, max: 3 }).map((limit) => ({ kind: 'work', limit }) as const),
    },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
      const queue = openQueue();
      const sent = new Map<string, number[]>();
      const send = () => {
        const task = queue.send();
        if (task?.ordering_key) {
          sent.set(task.ordering_key, [...(sent.get(task.ordering_key) ?? []), task.log_seq]);
        }
        return task !== null;
      };
      for (const one of steps) {
        if (one.kind === 'add') queue.add(one.key);
        else if (one.kind === 'send') send();
        else if (one.kind === 'off') queue.off();
        else if (one.kind === 'on') queue.on();
        else if (one.kind === 'restore') queue.restore();
        else if (one.kind === 'decide') queue.decide(one.pick, one.fate);
        else queue.work(one.limit);
        // While a rule is being switched off, its chunks go by no order, and nothing is claimed.
        if (queue.mayClaim()) expect(queue.overtaking()).toEqual([]);
      }
      // Whatever state it was left in, switching it on and deciding on the rest lets everything go.
      for (let round = 0; round < 500 && queue.open() > 0; round++) {
        queue.work(2);
        queue.on();
        queue.decide(round * 7, 'RELEASE');
        send();
      }
      expect(queue.open()).toBe(0);
      for (const logs of sent.values()) expect(logs).toEqual([...logs].sort((a, b) => a - b));
      queue.db.close();
    }),
    process.env['LABRELAY_PROPERTY_RUNS'] ? {} : { numRuns: 200 },
  );
});

test('what is held is found by its index', () => {
  const { db } = openQueue();
  const plan = (sql: string) =>
    (db.prepare(`EXPLAIN QUERY PLAN ${sql}`).all() as { detail: string }[])
      .map(({ detail }) => detail)
      .join('\n');
  for (const [state, index] of [
    ['READY', 'task_ready'],
    ['WAITING', 'task_key_waiting'],
    ['SCHEDULED', 'task_scheduled_of'],
    ['HELD', 'task_held'],
  ] as const) {
    const sql = `SELECT task_id FROM task WHERE lab_integration_id = 1 AND state = '${state}' LIMIT 5`;
    expect(plan(sql)).toContain(`SEARCH task USING COVERING INDEX ${index}`);
  }
});
