import type { AppointmentPage } from '../../../shared/contract/appointments.ts';
import { MASK } from '../../engine/dispatch/masking.ts';
import { maskContext, maskDocument } from './mask-body.ts';

/** A page of appointments for people: what the lab tells of a patient, and who confirmed, is masked. */
export function maskAppointments(page: AppointmentPage): AppointmentPage {
  return {
    ...page,
    items: page.items.map((item) => ({
      ...item,
      confirmed_by: item.confirmed_by === null ? null : MASK,
      appointment: maskDocument(
        item.appointment,
        maskContext([String(item.appointment_id)]),
      ) as AppointmentPage['items'][number]['appointment'],
    })),
  };
}
