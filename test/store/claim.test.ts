import Database from 'better-sqlite3';
import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { CLAIM, createClaim, LEASE } from '../../src/main/store/claim.ts';
import { MIGRATIONS } from '../../src/main/store/migrations/index.ts';

interface Row {
  integration: number;
  priority: number;
}

/** A store with integrations of given concurrency, and ready tasks. */
function storeWith(limits: number[], tasks: Row[]): Database.Database {
  const db = new Database(':memory:');
  for (const { sql } of MIGRATIONS) db.exec(sql);
  db.exec(`INSERT INTO lab VALUES (1, 'lab', NULL, 'UTC', 1, NULL)`);
  limits.forEach((limit, index) => {
    db.prepare(
      `INSERT INTO lab_integration (lab_integration_id, lab_id, action_category_list_id, name, is_active,
         max_concurrency, settings, version, created_at, updated_at)
       VALUES (?, 1, 1, 'rule', 1, ?, '{}', 1, 0, 0)`,
    ).run(index + 1, limit);
  });
  tasks.forEach(({ integration, priority }, index) => {
    db.prepare(
      `INSERT INTO log (log_seq, log_id, direction, status, retry_state, stage, priority, lab_id,
         action_category_list_id, action_category, transport, revision, is_retry_enabled,
         retry_context, created_at, updated_at)
       VALUES (?, ?, 'OUTBOUND', 'PENDING', 'NONE', 'ENQUEUED', 'ROUTINE', 1, 1, 'X', 'http', 1, 1, '{}', 0, 0)`,
    ).run(index + 1, `log-${index + 1}`);
    db.prepare(
      `INSERT INTO task (task_id, log_seq, lab_integration_id, state, priority, due_at, kind, attempt, revision)
       VALUES (?, ?, ?, 'READY', ?, 0, 'FIRST', 1, 1)`,
    ).run(index + 1, index + 1, integration, priority);
  });
  return db;
}

function claim(db: Database.Database, limit: number, now = 0): number[] {
  const ids = createClaim(db)({ worker: 'w', limit, leaseUntil: 1, now });
  return ids.sort((a, b) => a - b);
}

const routine = (integration: number, count: number): Row[] =>
  Array.from({ length: count }, () => ({ integration, priority: 1 }));

describe('a claim', () => {
  let db: Database.Database;
  beforeEach(() => {
    db = storeWith([8, 8], []);
  });

  test('takes nothing from an empty queue', () => {
    expect(claim(db, 10)).toEqual([]);
  });

  test('takes STAT before routine, over all integrations', () => {
    db = storeWith(
      [8, 8],
      [
        { integration: 1, priority: 1 },
        { integration: 1, priority: 1 },
        { integration: 2, priority: 1 },
        { integration: 2, priority: 0 },
        { integration: 1, priority: 0 },
      ],
    );
    expect(claim(db, 2)).toEqual([4, 5]);
  });

  test('keeps within each integration’s concurrency, counting what is claimed already', () => {
    db = storeWith(
      [2],
      Array.from({ length: 5 }, () => ({ integration: 1, priority: 1 })),
    );
    expect(claim(db, 10)).toEqual([1, 2]);
    expect(claim(db, 10)).toEqual([]);
    db.exec('DELETE FROM task WHERE task_id = 1');
    expect(claim(db, 10)).toEqual([3]);
  });

  test('takes turns between integrations, so that a flood starves nobody', () => {
    const flood = Array.from({ length: 50 }, () => ({ integration: 1, priority: 1 }));
    db = storeWith([64, 64], [...flood, { integration: 2, priority: 1 }]);
    expect(claim(db, 4)).toEqual([1, 2, 3, 51]);
  });

  test('passes over integrations that are switched off', () => {
    db = storeWith(
      [8, 8],
      [
        { integration: 1, priority: 1 },
        { integration: 2, priority: 1 },
      ],
    );
    db.exec('UPDATE lab_integration SET is_active = 0 WHERE lab_integration_id = 1');
    expect(claim(db, 10)).toEqual([2]);
  });

  test('prefers who has less under way', () => {
    db = storeWith([8, 8], [...routine(1, 6), ...routine(2, 1)]);
    expect(claim(db, 3)).toEqual([1, 2, 7]);
    db.exec(`INSERT INTO log SELECT 8, 'log-8', direction, status, certainty, retry_state, stage,
        priority, deliver_by, ordering_key, lab_id, organization_id, lab_integration_id,
        config_version, action_category_list_id, action_category, event_id, batch_id, triggered_by,
        transport, end_point, request_method, revision, newest_attempt, control_id,
        response_status_code, response_time, error_kind, error_message, integration_callback_url,
        is_retry_enabled, retry_context, retry_count, next_retry_at, held_reason, ip, origin,
        token_hint, activity_date, created_at, updated_at, resolution, resolved_at,
        retry_step, is_body_chosen
      FROM log WHERE log_seq = 1`);
    db.exec(`INSERT INTO task (task_id, log_seq, lab_integration_id, state, priority, due_at, kind,
        attempt, revision) VALUES (8, 8, 2, 'READY', 1, 0, 'FIRST', 1, 1)`);
    expect(claim(db, 1)).toEqual([8]);
  });

  test('gives every one of many integrations its turn, however few it takes at a time', () => {
    const many = Array.from({ length: 40 }, (_, index) => index + 1);
    db = storeWith(
      many.map(() => 8),
      many.flatMap((integration) => routine(integration, 10)),
    );
    const take = createClaim(db);
    const served: number[] = [];
    for (let round = 0; round < 20; round++) {
      for (const id of take({ worker: 'w', limit: 2, leaseUntil: 1, now: 0 })) {
        served.push(Math.ceil(id / 10));
        db.prepare('DELETE FROM task WHERE task_id = ?').run(id);
      }
    }
    expect(served.toSorted((a, b) => a - b)).toEqual(many);
  });

  test('passes over what is being held or released', () => {
    db = storeWith([8, 8], [...routine(1, 1), ...routine(2, 1)]);
    db.exec(
      `INSERT INTO integration_state (lab_integration_id, waiting_action) VALUES (1, 'HOLD')`,
    );
    expect(claim(db, 10)).toEqual([2]);
  });

  test('takes a single probe where a circuit breaker is open, when that is due', () => {
    db = storeWith([8], routine(1, 5));
    db.exec(
      'INSERT INTO integration_state (lab_integration_id, opened_at, probe_at) VALUES (1, 0, 100)',
    );
    expect(claim(db, 10, 99)).toEqual([]);
    expect(claim(db, 10, 100)).toEqual([1]);
    expect(claim(db, 10, 101)).toEqual([]);
    db.exec('DELETE FROM task WHERE task_id = 1');
    expect(claim(db, 10, 102)).toEqual([2]);
    db.exec('UPDATE integration_state SET opened_at = NULL');
    expect(claim(db, 10, 103)).toEqual([3, 4, 5]);
  });

  test.each([
    ['our own', CLAIM],
    ['an outside worker’s', LEASE],
  ])('reads ready tasks by their index alone, however many wait: %s', (_, statement) => {
    const plan = db.prepare(`EXPLAIN QUERY PLAN ${statement}`).all({
      worker: 'w',
      limit: 1,
      leaseUntil: 1,
      now: 0,
      after: 0,
      integration: null,
    }) as { detail: string }[];
    const steps = plan.map(({ detail }) => detail);
    expect(steps.some((step) => /^SCAN (t|n|c|s|u|i|task)\b/.test(step))).toBe(false);
    expect(steps.join('\n')).toContain(
      'SEARCH n USING COVERING INDEX task_ready (lab_integration_id=? AND priority=? AND task_id>?)',
    );
    expect(steps.join('\n')).toMatch(/SEARCH c USING COVERING INDEX task_claimed/);
  });

  test('never exceeds a limit, never passes over STAT, whatever waits', () => {
    const lanes = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 });
    const rows = fc.array(
      fc.record({
        integration: fc.integer({ min: 1, max: 4 }),
        priority: fc.integer({ min: 0, max: 1 }),
      }),
      { maxLength: 25 },
    );
    fc.assert(
      fc.property(lanes, rows, fc.integer({ min: 1, max: 12 }), (limits, wanted, limit) => {
        const tasks = wanted.filter(({ integration }) => integration <= limits.length);
        const property = storeWith(limits, tasks);
        const taken = claim(property, limit).map((id) => tasks[id - 1] as Row);
        property.close();

        expect(taken.length).toBeLessThanOrEqual(limit);
        const possible = limits.reduce(
          (sum, free, index) =>
            sum +
            Math.min(free, tasks.filter(({ integration }) => integration === index + 1).length),
          0,
        );
        expect(taken.length).toBe(Math.min(limit, possible));
        limits.forEach((free, index) => {
          const lane = taken.filter(({ integration }) => integration === index + 1);
          expect(lane.length).toBeLessThanOrEqual(free);
          // A lane gives its routine tasks only once its STAT tasks are out.
          const stat = tasks.filter((t) => t.integration === index + 1 && t.priority === 0).length;
          const takenStat = lane.filter(({ priority }) => priority === 0).length;
          if (takenStat < lane.length) expect(takenStat).toBe(stat);
        });
      }),
      { numRuns: 60 },
    );
  });
});
