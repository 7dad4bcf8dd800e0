import { describe, expect, test } from 'vitest';
import { judgeConfirmations } from '../../../src/main/cli/demo/confirmations.ts';
import { type DemoEvent, MOMBASA, PUNE } from '../../../src/main/cli/demo/events.ts';
import type { ConfirmationTold } from '../../../src/main/cli/demo/partner-calls.ts';
import type { Acknowledged } from '../../../src/main/cli/demo/traffic.ts';

const event = (category: string, labId: number, confirm_by = 'api'): Acknowledged => {
  const body: DemoEvent['body'] = { appointment: { confirm_by } };
  const one = { route: '/appointment/', labId, category, body } as const;
  return {
    event: { ...one, idempotencyKey: null, withoutBirthDate: false },
    eventId: 'e',
    logIds: [],
  };
};

/** A lab with four appointments: one for the third party, one by phone, one called off, one elsewhere. */
const EVENTS = [
  event('APPOINTMENT_CREATED', PUNE),
  event('APPOINTMENT_CREATED', PUNE, 'phone'),
  event('APPOINTMENT_CREATED', PUNE, 'phone'),
  event('APPOINTMENT_CANCELLED', PUNE),
  event('APPOINTMENT_CREATED', MOMBASA),
];
const STAND = { BOOKED: 2, CONFIRMED: 1, CANCELLED: 1 };

const call = (
  confirmed_as: ConfirmationTold['confirmed_as'],
  answer: ConfirmationTold['answer'],
  refused: string | null = null,
): ConfirmationTold => ({ lab_id: PUNE, appointment_id: 'A', confirmed_as, answer, refused });
const confirmed = (already_confirmed: boolean) => ({
  status: 'CONFIRMED',
  already_confirmed,
  event_id: 'e-1',
  log_ids: ['l-1'],
});
const CALLS = [
  call('NEVER_BOOKED', null, 'UNKNOWN_APPOINTMENT'),
  call('BOOKED', confirmed(false)),
  call('AGAIN', confirmed(true)),
  call('CANCELLED', null, 'APPOINTMENT_CANCELLED'),
];

describe('the third party’s calls', () => {
  test('that are answered as they must be are no fault; what took effect is an event like others', () => {
    expect(judgeConfirmations(CALLS, EVENTS, STAND)).toEqual({
      shown: {
        booked: 2,
        confirmed: 1,
        cancelled: 1,
        calls: { NEVER_BOOKED: 1, BOOKED: 1, AGAIN: 1, CANCELLED: 1 },
        changed_nothing: 1,
        refused: { UNKNOWN_APPOINTMENT: 1, APPOINTMENT_CANCELLED: 1 },
      },
      acknowledged: [
        {
          event: expect.objectContaining({ category: 'APPOINTMENT_CONFIRMED', labId: PUNE }),
          eventId: 'e-1',
          logIds: ['l-1'],
        },
      ],
      faults: [],
    });
  });

  test.each([
    ['a second one fires again', 2, call('AGAIN', confirmed(false))],
    ['a cancelled one is confirmed', 3, call('CANCELLED', confirmed(false))],
    ['an unknown one is confirmed', 0, call('NEVER_BOOKED', confirmed(false))],
    ['one is not answered', 1, call('BOOKED', null, 'the connection broke')],
    ['the first one is told of another', 1, call('BOOKED', confirmed(true))],
  ])('are at fault where %s', (_what, index, wrong) => {
    const calls = CALLS.with(index, wrong);
    expect(judgeConfirmations(calls, EVENTS, STAND).faults).not.toEqual([]);
  });

  test('are at fault where one is missing, or the engine says otherwise how appointments stand', () => {
    const missing = CALLS.filter(({ confirmed_as }) => confirmed_as !== 'BOOKED');
    expect(judgeConfirmations(missing, EVENTS, STAND).faults).toEqual([
      '0 appointments were confirmed, not 1',
    ]);
    expect(judgeConfirmations(CALLS, EVENTS, { ...STAND, BOOKED: 3, CONFIRMED: 0 }).faults).toEqual(
      ['3 appointments are BOOKED, not 2', '0 appointments are CONFIRMED, not 1'],
    );
  });
});
