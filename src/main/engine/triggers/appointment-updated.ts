import { appointmentTrigger } from './appointment.ts';

/** An appointment has changed, e.g. it was moved to another time. */
export const appointmentUpdated = appointmentTrigger('APPOINTMENT_UPDATED');
