import { appointmentTrigger } from './appointment.ts';

/** An appointment is told of for the first time; it is BOOKED unless its data say otherwise. */
export const appointmentCreated = appointmentTrigger('APPOINTMENT_CREATED');
