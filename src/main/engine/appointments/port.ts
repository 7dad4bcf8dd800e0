import type { AppointmentQuery, KeptAppointment } from '../../../shared/model/appointment.ts';

/** What lists of appointments need of the store. */
export interface AppointmentPort {
  /** A lab's appointments in the order of their time, at most `limit`. */
  listAppointments(query: AppointmentQuery): Promise<KeptAppointment[]>;
}
