import type { AppointmentPage, AppointmentSearch } from '../../../shared/contract/appointments.ts';
import { toIso } from '../../../shared/contract/common.ts';
import { fieldError } from '../../../shared/errors.ts';
import {
  type AppointmentPlace,
  appointmentStatus,
  type KeptAppointment,
  scheduledAt,
  timeTold,
} from '../../../shared/model/appointment.ts';
import type { ConfigurationLookup } from '../configuration/lookup.ts';
import { type IntakeCaller, speaksFor } from '../intake/check.ts';
import type { AppointmentPort } from './port.ts';

/** The labs' appointments, as those read them who call in. They change by events alone. */
export class Appointments {
  readonly #store: AppointmentPort;
  readonly #configuration: Pick<ConfigurationLookup, 'lab'>;

  constructor(store: AppointmentPort, configuration: Pick<ConfigurationLookup, 'lab'>) {
    this.#store = store;
    this.#configuration = configuration;
  }

  /**
   * A page of a lab's appointments, soonest first, patients in clear.
   * @throws LabRelayError `UNKNOWN_LAB`, `FORBIDDEN`, or `INVALID_INPUT` for a cursor of another list
   */
  async list(
    search: AppointmentSearch,
    caller: Pick<IntakeCaller, 'labIds'>,
  ): Promise<AppointmentPage> {
    const { lab_id: labId, status = null, from, to, cursor, limit } = search;
    speaksFor(caller, labId, this.#configuration);
    const rows = await this.#store.listAppointments({
      labId,
      status,
      from: from === undefined ? null : Date.parse(from),
      to: to === undefined ? null : Date.parse(to),
      after: cursor === undefined ? null : placeOf(cursor),
      limit: limit + 1,
    });
    const items = rows.slice(0, limit);
    const last = rows.length > limit ? items.at(-1) : undefined;
    return { items: items.map(documentOf), next_cursor: last ? cursorOf(last.place) : null };
  }
}

function documentOf({ id, document, patient, updatedAt }: KeptAppointment) {
  const { appointment_id: given, confirmed_by: confirmedBy } = document;
  return {
    appointment_id: typeof given === 'number' ? given : id,
    status: appointmentStatus(document),
    scheduled_at: toIso(scheduledAt(document)),
    confirmed_at: toIso(timeTold(document.confirmed_at)),
    confirmed_by: typeof confirmedBy === 'string' ? confirmedBy : null,
    updated_at: toIso(updatedAt),
    appointment: patient ? { ...document, patient } : document,
  };
}

function cursorOf({ dueAt, objectSeq }: AppointmentPlace): string {
  return `${dueAt}.${objectSeq}`;
}

function placeOf(cursor: string): AppointmentPlace {
  const [, dueAt, objectSeq] = /^(-?\d{1,16})\.(\d{1,15})$/.exec(cursor) ?? [];
  if (dueAt === undefined || objectSeq === undefined) {
    const reason = 'is not one that this list answered; leave it out to start with the soonest';
    throw fieldError('INVALID_INPUT', 'cursor', reason);
  }
  return { dueAt: Number(dueAt), objectSeq: Number(objectSeq) };
}
