import type { Appointments } from '../../engine/appointments/appointments.ts';
import type { Handlers } from '../handler.ts';
import { maskAppointments } from '../masking/mask-appointments.ts';

/** Handler of the list of appointments: people are shown no patient, whatever their role. */
export function appointmentHandlers(
  appointments: Pick<Appointments, 'list'>,
): Handlers<'listAppointments'> {
  return {
    listAppointments: async (input) =>
      maskAppointments(await appointments.list(input, { labIds: null })),
  };
}
