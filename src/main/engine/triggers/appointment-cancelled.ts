import { cancelledAppointmentObject } from '../../../shared/contract/domain-objects.ts';
import { appointmentTrigger } from './appointment.ts';

/** An appointment does not take place; `appointment.cancellation_reason` may say why. */
export const appointmentCancelled = appointmentTrigger('APPOINTMENT_CANCELLED', {
  appointment: cancelledAppointmentObject,
  becomes: 'CANCELLED',
  extra: { status: 'CANCELLED', cancellation_reason: 'The patient has moved away' },
});
