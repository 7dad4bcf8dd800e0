import { describe, expect, test } from 'vitest';
import { visits } from '../../../src/main/cli/demo/data.ts';
import { appliesTo } from '../../../src/main/cli/demo/rule.ts';
import { DEMO_RULES } from '../../../src/main/cli/demo/rules.ts';
import { parseEventBody } from '../../../src/shared/contract/events.ts';

const STORY = { seed: 1, tag: '', start: Date.parse('2026-11-23T04:00:00Z') };

/** The ids of objects in a run's events. */
function idsOf(tag: string): string[] {
  const text = JSON.stringify(visits(200, { ...STORY, tag }));
  return text.match(/"(?:bill|patient|sample|report)_id":"[^"]+"/g) ?? [];
}

describe("the demo's invented events", () => {
  test('are as many as asked for, and the same every time', () => {
    for (const count of [1, 7, 200, 1_000]) {
      expect(visits(count, STORY).flat()).toHaveLength(count);
    }
    expect(visits(50, STORY)).toEqual(visits(50, STORY));
    expect(visits(50, { ...STORY, seed: 2 })).not.toEqual(visits(50, STORY));
  });

  test('are documents that the event routes take', () => {
    for (const { route, body } of visits(500, STORY).flat()) {
      expect(() => parseEventBody(route, body)).not.toThrow();
    }
  });

  test('200 of them call for every delivery that a rule is there to show', () => {
    const events = visits(200, STORY).flat();
    // Their events are the third party's own calls, the records of a batch, and scenes of their own.
    const others = /^(fired_by_a_call|batch_.*|retry_.*)$/;
    for (const rule of DEMO_RULES.filter(({ scenario }) => !others.test(scenario))) {
      expect(
        events.filter((event) => appliesTo(rule, event)).length,
        rule.scenario,
      ).toBeGreaterThan(0);
    }
    const registered = events.filter(({ category }) => category === 'PATIENT_REGISTERED');
    const failing = DEMO_RULES.find(({ scenario }) => scenario === 'mapping_fails');
    const statuses = registered
      .filter((event) => failing && appliesTo(failing, event))
      .map((event) => failing?.expected?.(event).status);
    expect(new Set(statuses)).toEqual(new Set(['SUCCESS', 'FAIL']));
  });

  test('some are STAT, some are sent twice, some are partial', () => {
    const events = visits(200, STORY).flat();
    expect(events.some(({ body }) => body.priority === 'STAT')).toBe(true);
    expect(events.some(({ body }) => body.priority === undefined)).toBe(true);
    expect(events.filter(({ idempotencyKey }) => idempotencyKey !== null).length).toBeGreaterThan(
      3,
    );
    const updates = events.filter(({ category }) => category === 'PATIENT_UPDATED');
    expect(updates.length).toBeGreaterThan(0);
    for (const { body } of updates) expect(body.patient).not.toHaveProperty('name');
  });

  test('two runs on one data folder share no id', () => {
    const [first, second] = [idsOf('a1'), idsOf('a2')];
    expect(first.length).toBeGreaterThan(20);
    expect(first.filter((id) => second.includes(id))).toEqual([]);
  });

  test('times of one object only go forward, so that no update is taken for an old one', () => {
    for (const visit of visits(300, STORY)) {
      const times = JSON.stringify(visit.map(({ body }) => body)).matchAll(
        /"source_updated_at":"([^"]+)"/g,
      );
      const told = Array.from(times, ([, time = '']) => time);
      expect(told).toEqual(told.toSorted());
    }
  });
});
