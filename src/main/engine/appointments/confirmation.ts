import { toIso } from '../../../shared/contract/common.ts';
import { fieldError } from '../../../shared/errors.ts';
import { appointmentStatus, timeTold } from '../../../shared/model/appointment.ts';
import { isJsonObject, type JsonObject } from '../../../shared/model/json.ts';
import type { CarriedObject } from '../triggers/objects.ts';

/** How far ahead of our clock a caller's may be (ms). */
const CLOCK_TOLERANCE_MS = 5 * 60_000;

/** A third party's confirmation as the event that it is. */
export interface ConfirmationCall {
  /** The event's own document. */
  data: JsonObject;
  /** What it changes. */
  carried: CarriedObject[];
  /** What is kept of it beside the appointment's own fields. */
  told: JsonObject;
}

/** @param body of `/appointmentConfirmAPI/`, validated */
export function confirmationCall(body: JsonObject): ConfirmationCall {
  const { confirmed_at, confirmed_by, note, details } = body;
  const id = body.appointment_id as string | number;
  const told = given({ note, details });
  // Without the id: the lab's own spelling of it (17 or "17") stays.
  const document: JsonObject = { status: 'CONFIRMED', ...given({ confirmed_at, confirmed_by }) };
  return {
    data: { appointment: { appointment_id: id, ...document, confirmation: told } },
    carried: [{ kind: 'appointment', id: String(id), document, sourceUpdatedAt: null }],
    told,
  };
}

function given(fields: Partial<JsonObject>): JsonObject {
  return Object.fromEntries(
    Object.entries(fields).filter((field): field is [string, JsonObject] => field[1] !== undefined),
  );
}

/** A confirmation that stands. */
export interface Confirmed {
  /** Null where a lab's own category told the status alone. */
  confirmedAt: string | null;
  /** Its event; null where the lab's own system was asked and told of it. */
  eventId: string | null;
}

/**
 * Whether an appointment is confirmed already, by the document that the store has of it.
 * @param call what confirms it @param now epoch ms
 * @returns null where this call may confirm it
 * @throws LabRelayError `UNKNOWN_APPOINTMENT`, `APPOINTMENT_CANCELLED`, or `INVALID_INPUT` for a time
 *   to come
 */
export function confirmedBefore(
  stored: JsonObject | undefined,
  [call]: readonly CarriedObject[],
  now: number,
): Confirmed | null {
  if (!stored) {
    const reason =
      'is no appointment of this lab that LabRelay knows; check it, or have the lab’s system post it to /appointment/ first';
    throw fieldError('UNKNOWN_APPOINTMENT', 'appointment_id', reason);
  }
  switch (appointmentStatus(stored)) {
    case 'CONFIRMED': {
      const { confirmation } = stored;
      const eventId = isJsonObject(confirmation) ? confirmation.event_id : null;
      return {
        confirmedAt: toIso(timeTold(stored.confirmed_at)),
        eventId: typeof eventId === 'string' ? eventId : null,
      };
    }
    case 'CANCELLED': {
      const reason =
        'is an appointment that was cancelled; ask the lab, which can book it anew by /appointment/ with status BOOKED';
      throw fieldError('APPOINTMENT_CANCELLED', 'appointment_id', reason);
    }
    case 'BOOKED': {
      const at = call?.document.confirmed_at;
      if (typeof at === 'string' && Date.parse(at) > now + CLOCK_TOLERANCE_MS) {
        const reason = 'lies in the future; tell when it was confirmed, or leave it out for now';
        throw fieldError('INVALID_INPUT', 'confirmed_at', reason);
      }
      return null;
    }
  }
}
