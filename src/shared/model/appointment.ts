import type { JsonObject, JsonValue } from './json.ts';
import { APPOINTMENT_STATUSES, type AppointmentStatus } from './vocabulary.ts';

/** How an appointment's document says that it stands; a word that is none of ours counts as no word. */
export function appointmentStatus({ status }: JsonObject): AppointmentStatus {
  return APPOINTMENT_STATUSES.find((word) => word === status) ?? 'BOOKED';
}

/** When an appointment takes place (epoch ms), null where its document tells no time. */
export function scheduledAt({ scheduled_at: given }: JsonObject): number | null {
  return timeTold(given);
}

/** The years 0 to 9999, which JSON times can tell. */
const FIRST_TIME = -62_167_219_200_000;
const LAST_TIME = 253_402_300_799_999;

/** The time (epoch ms) that a field of a document tells; null where it tells none. */
export function timeTold(value: JsonValue | undefined): number | null {
  const time = typeof value === 'string' ? Date.parse(value) : Number.NaN;
  return time >= FIRST_TIME && time <= LAST_TIME ? time : null;
}

/** Which of a lab's appointments to list, soonest first; those without a time come last. */
export interface AppointmentQuery {
  labId: number;
  status: AppointmentStatus | null;
  /** They take place at or after (epoch ms). */
  from: number | null;
  /** They take place before (epoch ms); leaves out those without a time. */
  to: number | null;
  /** The place of the last one of the page before. */
  after: AppointmentPlace | null;
  limit: number;
}

/** Where an appointment stands in the list. */
export interface AppointmentPlace {
  /** Epoch ms; {@link NO_TIME} where it tells none. */
  dueAt: number;
  objectSeq: number;
}

/** Stands for "no time told" where appointments are put in order: the end of all times. */
export const NO_TIME = 8_640_000_000_000_000;

/** An appointment as the store has it, with its patient's document where that is known. */
export interface KeptAppointment {
  place: AppointmentPlace;
  id: string;
  document: JsonObject;
  patient: JsonObject | null;
  updatedAt: number;
}
