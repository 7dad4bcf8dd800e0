import { describe, expect, test } from 'vitest';
import { judgeCalls } from '../../../src/main/cli/demo/calls.ts';
import type { Acknowledged } from '../../../src/main/cli/demo/traffic.ts';
import { aLog } from '../a-log.ts';

const acknowledged = (category: string, eventId: string, logId: string): Acknowledged => ({
  event: {
    route: '/billing/',
    labId: 1,
    category,
    body: {},
    idempotencyKey: null,
    withoutBirthDate: false,
  },
  eventId,
  logIds: [logId],
});

/** A bill that was posted twice, a confirmation, and one that was refused. */
function accounts(): Parameters<typeof judgeCalls>[0] {
  const bill = acknowledged('BILL_GENERATED', 'e-1', 'sent-1');
  const confirmation = acknowledged('APPOINTMENT_CONFIRMED', 'e-2', 'sent-2');
  const told = { lab_id: 1, appointment_id: 'A', confirmed_as: 'BOOKED', answer: null } as const;
  const call = (log_id: string, event_id: string | null, status: 'SUCCESS' | 'FAIL' = 'SUCCESS') =>
    aLog({ log_id, direction: 'INBOUND', event_id, status });
  return {
    traffic: { acknowledged: [bill], repeats: 1 },
    seen: {
      confirmations: [
        { ...told, refused: null },
        { ...told, refused: 'NOT_FOUND' },
      ],
    },
    acknowledged: [bill, confirmation],
    calls: [
      call('call-1', 'e-1'),
      call('call-1-again', 'e-1'),
      call('call-2', 'e-2'),
      call('call-3', null, 'FAIL'),
    ],
    logs: [
      aLog({ log_id: 'sent-1', triggered_by: 'call-1' }),
      aLog({ log_id: 'sent-2', triggered_by: 'call-2' }),
    ],
    fired: new Map([['call-2', ['sent-2']]]),
    otherCalls: 0,
  };
}

describe('the calls into LabRelay', () => {
  test('are all captured, the refused ones as FAIL, and linked with what they fired', () => {
    expect(judgeCalls(accounts())).toEqual({
      shown: { captured: 4, failed: 1, linked: 2 },
      faults: [],
    });
  });

  test('that brought a batch are linked with its deliveries by the batch', () => {
    const found = accounts();
    const batch = { ...acknowledged('OWN', '', 'sent-3'), eventId: null };
    const linked = (batch_id: string) =>
      judgeCalls({
        ...found,
        otherCalls: 1,
        acknowledged: [...found.acknowledged, batch],
        calls: [...found.calls, aLog({ log_id: 'call-4', direction: 'INBOUND', batch_id: 'b' })],
        logs: [...found.logs, aLog({ log_id: 'sent-3', triggered_by: 'call-4', batch_id })],
      });
    expect(linked('b')).toEqual({ shown: { captured: 5, failed: 1, linked: 3 }, faults: [] });
    expect(linked('another').faults).toHaveLength(1);
  });

  test('are at fault where one was not captured', () => {
    const found = accounts();
    expect(judgeCalls({ ...found, calls: found.calls.slice(1) }).faults).toEqual([
      '3 calls into LabRelay were captured, not 4',
      '1 deliveries are not linked with the call that fired them, not 0',
    ]);
  });

  test('are at fault where a refused one is told as a success', () => {
    const found = accounts();
    const calls = found.calls.map((call) => ({ ...call, status: 'SUCCESS' as const }));
    expect(judgeCalls({ ...found, calls }).faults).toEqual(['0 captured calls are FAIL, not 1']);
  });

  test.each<[string, Partial<Parameters<typeof judgeCalls>[0]>]>([
    ['forth', { logs: [aLog({ log_id: 'sent-1' }), aLog({ log_id: 'sent-2' })] }],
    ['back', { fired: new Map() }],
  ])('are at fault where a link is missing: the way %s', (_way, missing) => {
    expect(judgeCalls({ ...accounts(), ...missing }).faults).toHaveLength(1);
  });
});
