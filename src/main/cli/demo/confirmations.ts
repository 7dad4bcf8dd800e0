import type { AppointmentStatus } from '../../../shared/model/vocabulary.ts';
import { type DemoEvent, MOMBASA } from './events.ts';
import { CONFIRMED_AS, type ConfirmationTold } from './partner-calls.ts';
import type { Acknowledged } from './traffic.ts';

/** What the demo shows of appointments. */
export interface AppointmentsShown {
  /** How they stand at the end. */
  booked: number;
  confirmed: number;
  cancelled: number;
  /** Calls of the third party by how it came to them. */
  calls: Record<ConfirmationTold['confirmed_as'], number>;
  /** Calls that changed nothing, since the appointment was confirmed. */
  changed_nothing: number;
  /** Refused calls by code. */
  refused: Record<string, number>;
}

/** What came of the third party's confirmations. */
interface Judged {
  shown: AppointmentsShown;
  /** Those that took effect, as events with what they fired. */
  acknowledged: Acknowledged[];
  /** What is not as it must be, in words. */
  faults: string[];
}

/** How each call must be answered. */
const EXPECTED: Record<ConfirmationTold['confirmed_as'], string> = {
  BOOKED: 'confirmed',
  AGAIN: 'changed nothing',
  CANCELLED: 'APPOINTMENT_CANCELLED',
  NEVER_BOOKED: 'UNKNOWN_APPOINTMENT',
};

/**
 * Compares the third party's calls, by its own account, with the lab system's events and with how
 * the engine says that the appointments stand.
 * @param events of the lab system, acknowledged
 */
export function judgeConfirmations(
  told: readonly ConfirmationTold[],
  events: readonly Acknowledged[],
  stand: Record<AppointmentStatus, number>,
): Judged {
  const faults: string[] = [];
  const acknowledged: Acknowledged[] = [];
  const refused: Record<string, number> = {};
  let changedNothing = 0;
  for (const call of told) {
    const result = resultOf(call);
    if (result !== EXPECTED[call.confirmed_as]) {
      faults.push(`a confirmation that must be "${EXPECTED[call.confirmed_as]}" was "${result}"`);
    }
    if (call.refused !== null) refused[call.refused] = (refused[call.refused] ?? 0) + 1;
    else if (result === 'confirmed') acknowledged.push(asEvent(call));
    else changedNothing += 1;
  }
  const madeOf = (category: string) => events.filter(({ event }) => event.category === category);
  // Of the lab in Mombasa no third party is told.
  const toConfirm = madeOf('APPOINTMENT_CREATED').filter(
    ({ event }) => event.labId !== MOMBASA && !isByPhone(event),
  ).length;
  if (acknowledged.length !== toConfirm) {
    faults.push(`${acknowledged.length} appointments were confirmed, not ${toConfirm}`);
  }
  const made = madeOf('APPOINTMENT_CREATED').length;
  const cancelled = madeOf('APPOINTMENT_CANCELLED').length;
  const must = { BOOKED: made - toConfirm - cancelled, CONFIRMED: toConfirm, CANCELLED: cancelled };
  for (const status of ['BOOKED', 'CONFIRMED', 'CANCELLED'] as const) {
    if (stand[status] === must[status]) continue;
    faults.push(`${stand[status]} appointments are ${status}, not ${must[status]}`);
  }
  const calls = Object.fromEntries(
    CONFIRMED_AS.map((as) => [as, told.filter(({ confirmed_as }) => confirmed_as === as).length]),
  ) as AppointmentsShown['calls'];
  return {
    shown: {
      booked: stand.BOOKED,
      confirmed: stand.CONFIRMED,
      cancelled: stand.CANCELLED,
      calls,
      changed_nothing: changedNothing,
      refused,
    },
    acknowledged,
    faults,
  };
}

function resultOf({ answer, refused }: ConfirmationTold): string {
  if (refused !== null) return refused;
  if (answer?.status !== 'CONFIRMED') return 'another answer';
  return answer.already_confirmed === true ? 'changed nothing' : 'confirmed';
}

function asEvent({ lab_id: labId, answer }: ConfirmationTold): Acknowledged {
  const { event_id, log_ids } = answer as { event_id: string; log_ids: string[] };
  const event: DemoEvent = {
    route: '/appointmentConfirmAPI/',
    labId,
    category: 'APPOINTMENT_CONFIRMED',
    body: {},
    idempotencyKey: null,
    withoutBirthDate: false,
  };
  return { event, eventId: event_id, logIds: log_ids };
}

function isByPhone({ body }: DemoEvent): boolean {
  return (body.appointment as { confirm_by?: unknown } | undefined)?.confirm_by === 'phone';
}
