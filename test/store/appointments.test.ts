import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import Database from 'better-sqlite3';
import { createAppointmentQueries } from '../../src/main/store/appointments.ts';
import { MIGRATIONS } from '../../src/main/store/migrations/index.ts';
import { type AppointmentQuery, NO_TIME } from '../../src/shared/model/appointment.ts';
import type { JsonObject } from '../../src/shared/model/json.ts';
import { type OpenStore, openLocalStore } from './local-store.ts';
import { configure, event } from './samples.ts';

let store: OpenStore;
beforeEach(async () => {
  store = openLocalStore();
  await configure(store);
});
afterEach(() => store.close());

async function write(
  kind: 'appointment' | 'patient',
  document: JsonObject,
  baseVersion: number | null = null,
) {
  const id = document[`${kind}_id`] as string;
  const object = { kind, id, baseVersion, sourceUpdatedAt: null, document };
  const { outcome } = await store.acceptEvent(event([], { objects: [object] }));
  expect(outcome).toBe('ACCEPTED');
}

const appointment = (id: string, hour: number | null, more: JsonObject = {}): JsonObject => ({
  appointment_id: id,
  status: 'BOOKED',
  ...(hour === null ? {} : { scheduled_at: new Date(hour).toISOString() }),
  ...more,
});

const QUERY: AppointmentQuery = {
  labId: 1,
  status: null,
  from: null,
  to: null,
  after: null,
  limit: 100,
};
const ids = async (query: Partial<AppointmentQuery> = {}) =>
  (await store.listAppointments({ ...QUERY, ...query })).map(({ id }) => id);

describe('appointments are listed', () => {
  test('soonest first, those of one time in the order of their arrival, those without one last', async () => {
    await write('appointment', appointment('none', null));
    await write('appointment', appointment('b', 2));
    await write('appointment', appointment('c', 2));
    await write('appointment', appointment('a', 1));
    expect(await ids()).toEqual(['a', 'b', 'c', 'none']);
    expect(await ids({ labId: 2 })).toEqual([]);
  });

  test('from a time on and before another; those without one only where there is no end', async () => {
    for (const hour of [1, 2, 3]) await write('appointment', appointment(`${hour}`, hour));
    await write('appointment', appointment('none', null));
    expect(await ids({ from: 2 })).toEqual(['2', '3', 'none']);
    expect(await ids({ from: 2, to: 3 })).toEqual(['2']);
    expect(await ids({ to: 3 })).toEqual(['1', '2']);
  });

  test('by status, as they stand now', async () => {
    await write('appointment', appointment('a', 1));
    await write('appointment', appointment('b', 2));
    await write('appointment', appointment('a', 3, { status: 'CONFIRMED' }), 1);
    expect(await ids({ status: 'BOOKED' })).toEqual(['b']);
    expect(await ids({ status: 'CONFIRMED' })).toEqual(['a']);
    expect(await ids()).toEqual(['b', 'a']);
  });

  test('page after page, each once, also where many take place at one time', async () => {
    const all = Array.from({ length: 25 }, (_, n) => `${n}`.padStart(2, '0'));
    for (const id of all) await write('appointment', appointment(id, Math.floor(Number(id) / 7)));
    const seen: string[] = [];
    let after: AppointmentQuery['after'] = null;
    for (;;) {
      const page = await store.listAppointments({ ...QUERY, after, limit: 4 });
      seen.push(...page.map(({ id }) => id));
      const last = page.at(-1);
      if (!last) break;
      after = last.place;
    }
    expect(seen).toEqual(all);
  });

  test('with their patient as known now; long documents too', async () => {
    const notes = 'x'.repeat(10_000);
    await write('appointment', appointment('a', 1, { patient_id: 'P1', notes }));
    await write('appointment', appointment('b', 2, { patient_id: 'unknown' }));
    await write('patient', { patient_id: 'P1', name: 'Asha' });
    expect(await store.listAppointments(QUERY)).toEqual([
      {
        place: { dueAt: 1, objectSeq: expect.any(Number) },
        id: 'a',
        document: appointment('a', 1, { patient_id: 'P1', notes }),
        patient: { patient_id: 'P1', name: 'Asha' },
        updatedAt: 1_000,
      },
      expect.objectContaining({ id: 'b', patient: null }),
    ]);
    // Patients are not listed for being there.
    expect(await ids({ from: 0, to: NO_TIME })).toEqual(['a', 'b']);
  });
});

describe('a page', () => {
  test.each([
    ['appointment_by_time', {}],
    ['appointment_by_time', { from: 1, to: 2 }],
    ['appointment_by_time', { after: { dueAt: 1, objectSeq: 1 } }],
    ['appointment_by_status', { status: 'BOOKED' }],
    ['appointment_by_status', { status: 'BOOKED', after: { dueAt: 1, objectSeq: 1 }, to: 9 }],
  ] as const)('is read off %s in its order, from where it starts: %j', (index, query) => {
    const db = new Database(':memory:');
    for (const { sql } of MIGRATIONS) db.exec(sql);
    const run: string[] = [];
    const prepare = db.prepare.bind(db);
    const spied = Object.create(db, {
      prepare: {
        value: (sql: string) => {
          const statement = prepare(sql);
          const all = statement.all.bind(statement);
          statement.all = (...given: unknown[]) => {
            run.push(sql);
            return all(...given);
          };
          return statement;
        },
      },
    }) as Database.Database;
    createAppointmentQueries(spied).listAppointments({ ...QUERY, ...query });
    expect(run).toHaveLength(1);
    const marks = (run[0] ?? '').split('?').length - 1;
    const plan = prepare(`EXPLAIN QUERY PLAN ${run[0]}`).all(...Array(marks).fill(1)) as {
      detail: string;
    }[];
    const words = plan.map(({ detail }) => detail).join('\n');
    expect(words).toContain(`SEARCH domain_object USING INDEX ${index} (lab_id=?`);
    expect(words).toMatch(/due_at>\?|\(due_at,rowid\)>\(\?,\?\)/);
    expect(words).not.toContain('TEMP B-TREE');
  });
});

test('an event’s answer is found by the event', async () => {
  const one = event([], { answer: { log_ids: ['x'] } });
  await store.acceptEvent(one);
  const { eventId } = one.event;
  expect(await store.answerOfEvent({ labId: 1, eventId })).toEqual({ log_ids: ['x'] });
  expect(await store.answerOfEvent({ labId: 2, eventId })).toBeNull();
});
