import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { mergeAppointment, type Occasion } from '../../../src/main/engine/appointments/state.ts';
import { sameJson, type TimedDocument } from '../../../src/main/engine/intake/merge.ts';
import type { JsonObject } from '../../../src/shared/model/json.ts';
import { APPOINTMENT_STATUSES } from '../../../src/shared/model/vocabulary.ts';

const minute = (text: string) => Date.parse(`2026-11-24T${text}:00.000Z`);

/** A document as the lab's system told it at a time of its own (hh:mm), or without one. */
const told = (document: JsonObject, at: string | null = null): TimedDocument => ({
  document: { appointment_id: 'A', ...document },
  sourceUpdatedAt: at === null ? null : minute(at),
});
const occasion = (eventId: string, at: string, more: Partial<Occasion> = {}): Occasion => ({
  eventId,
  at: minute(at),
  ...more,
});

const booked = mergeAppointment(null, told({ slot: 1 }, '08:00'), occasion('e1', '08:01'));
/** Confirmed at 09:00 by a third party whose call arrived at 09:30. */
const confirmed = mergeAppointment(
  booked,
  {
    document: { status: 'CONFIRMED', confirmed_at: '2026-11-24T14:30:00+05:30', confirmed_by: 'T' },
    sourceUpdatedAt: null,
  },
  occasion('e2', '09:30', { told: { note: 'n' } }),
);

describe('an appointment', () => {
  test('is BOOKED where nobody has told how it stands', () => {
    expect(booked.document).toEqual({ appointment_id: 'A', slot: 1, status: 'BOOKED' });
    const moved = mergeAppointment(booked, told({ slot: 2 }, '08:10'), occasion('e2', '08:11'));
    expect(moved.document).toEqual({ appointment_id: 'A', slot: 2, status: 'BOOKED' });
  });

  test('that is confirmed tells when, by whom and by which event; the lab’s fields and time stay', () => {
    expect(confirmed).toEqual({
      document: {
        appointment_id: 'A',
        slot: 1,
        status: 'CONFIRMED',
        confirmed_at: '2026-11-24T09:00:00.000Z',
        confirmed_by: 'T',
        confirmation: { event_id: 'e2', received_at: '2026-11-24T09:30:00.000Z', note: 'n' },
      },
      sourceUpdatedAt: minute('08:00'),
      changed: true,
    });
  });

  test('that is confirmed without a time is confirmed now', () => {
    const { document } = mergeAppointment(
      booked,
      told({ status: 'CONFIRMED' }),
      occasion('e2', '09:30'),
    );
    expect(document).toMatchObject({ confirmed_at: '2026-11-24T09:30:00.000Z' });
  });
});

describe('a confirmation', () => {
  test('stays as it was first, whatever later ones say', () => {
    const other = { status: 'CONFIRMED', confirmed_by: 'U', confirmed_at: '2026-11-24T10:00:00Z' };
    const again = mergeAppointment(confirmed, told(other), occasion('e3', '10:00'));
    expect(again.document).toBe(confirmed.document);
    expect(again.changed).toBe(false);
  });

  test.each([
    ['has no time', null],
    ['is older than what is known', '07:00'],
    ['is newer than that, but from before the confirmation', '08:30'],
    ['is from between the confirmation and its arrival here', '09:15'],
  ])('survives BOOKED of a state that %s; its other fields count as usual', (_which, at) => {
    const late = mergeAppointment(
      confirmed,
      told({ status: 'BOOKED', slot: 2, confirmed_by: 'nobody', confirmation: null }, at),
      occasion('e3', '10:00'),
    );
    const isOlder = at === '07:00';
    expect(late.document).toEqual({ ...confirmed.document, slot: isOlder ? 1 : 2 });
  });

  test('survives an update that tells no status, as when it is moved', () => {
    const moved = mergeAppointment(confirmed, told({ slot: 3 }, '11:00'), occasion('e3', '11:01'));
    expect(moved.document).toEqual({ ...confirmed.document, slot: 3 });
  });

  test('is taken back by BOOKED from after its arrival, and then can be given anew', () => {
    const back = mergeAppointment(
      confirmed,
      told({ status: 'BOOKED' }, '09:31'),
      occasion('e3', '09:32'),
    );
    expect(back.document).toEqual({ appointment_id: 'A', slot: 1, status: 'BOOKED' });
    const anew = mergeAppointment(back, told({ status: 'CONFIRMED' }), occasion('e4', '09:40'));
    expect(anew.document).toMatchObject({ confirmation: { event_id: 'e4' } });
    expect(anew.document).not.toHaveProperty('confirmed_by');
  });

  test('gives way to a cancellation without a time, and is kept as history', () => {
    const cancelled = mergeAppointment(
      confirmed,
      told({ status: 'CANCELLED' }),
      occasion('e3', '10:00'),
    );
    expect(cancelled.document).toEqual({ ...confirmed.document, status: 'CANCELLED' });
    const older = mergeAppointment(
      confirmed,
      told({ status: 'CANCELLED' }, '07:00'),
      occasion('e3', '10:00'),
    );
    expect(older.document).toMatchObject({ status: 'CONFIRMED' });
  });
});

const time = fc.option(fc.integer({ min: 0, max: 20 }), { nil: null });
const state = fc.record(
  {
    status: fc.constantFrom(...APPOINTMENT_STATUSES, 'something', null),
    confirmed_at: fc.constantFrom('2026-11-24T09:00:00Z', 'no time', null),
    confirmed_by: fc.constantFrom('T', null),
    confirmation: fc.constantFrom('theirs', null),
    slot: fc.integer({ min: 0, max: 3 }),
  },
  { requiredKeys: [] },
);
const steps = fc.array(fc.tuple(state, time), { minLength: 1, maxLength: 8 });

describe('whatever is told in whichever order', () => {
  test('`changed` tells the truth, and the same told again changes nothing', () => {
    fc.assert(
      fc.property(steps, (told_) => {
        let stored: TimedDocument | null = null;
        for (const [at, [document, sourceUpdatedAt]] of told_.entries()) {
          const incoming = { document, sourceUpdatedAt };
          const now = { eventId: `e${at}`, at: at * 2 };
          const merged = mergeAppointment(stored, incoming, now);
          expect(merged.changed).toBe(
            !stored ||
              !sameJson(merged.document, stored.document) ||
              merged.sourceUpdatedAt !== stored.sourceUpdatedAt,
          );
          const twice = mergeAppointment(merged, incoming, now);
          expect(twice).toEqual({ ...merged, changed: false });
          stored = merged;
        }
      }),
    );
  });

  test('CONFIRMED comes with its confirmation, and leaves only for CANCELLED or a later BOOKED', () => {
    fc.assert(
      fc.property(steps, (told_) => {
        let stored: TimedDocument | null = null;
        for (const [at, [document, sourceUpdatedAt]] of told_.entries()) {
          const merged = mergeAppointment(
            stored,
            { document, sourceUpdatedAt },
            { eventId: `e${at}`, at: at * 2 },
          );
          if (merged.document.status === 'CONFIRMED') {
            expect(merged.document).toMatchObject({
              confirmed_at: expect.stringMatching(/^\d{4}-.*\.\d{3}Z$/),
              confirmation: { event_id: expect.stringMatching(/^e\d$/) },
            });
          }
          if (stored?.document.status === 'CONFIRMED' && merged.document.status !== 'CONFIRMED') {
            const received = (stored.document.confirmation as JsonObject).received_at as string;
            const isLater = sourceUpdatedAt !== null && sourceUpdatedAt > Date.parse(received);
            expect(merged.document.status === 'CANCELLED' || isLater).toBe(true);
          }
          stored = merged;
        }
      }),
    );
  });
});
