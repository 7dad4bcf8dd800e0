import { confirmedAppointmentObject } from '../../../shared/contract/domain-objects.ts';
import { appointmentTrigger } from './appointment.ts';

/** An appointment was confirmed: by the lab system itself, or by a third party (`appointmentConfirmAPI`). */
export const appointmentConfirmed = appointmentTrigger('APPOINTMENT_CONFIRMED', {
  appointment: confirmedAppointmentObject,
  becomes: 'CONFIRMED',
  extra: {
    status: 'CONFIRMED',
    confirmed_at: '2026-01-05T18:00:00.000Z',
    confirmed_by: 'Example Home Visits',
  },
});
