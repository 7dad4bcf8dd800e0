import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import {
  type AppointmentPage,
  appointmentPage,
  appointmentQuery,
  type AppointmentSearch,
} from '../../shared/contract/appointments.ts';
import { maskAppointments } from '../bridge/masking/mask-appointments.ts';
import type { KeyGate } from './keys.ts';
import { limitByKey } from './rate-limits.ts';

/** Events about appointments come in here as well. */
const APPOINTMENT_PATH = '/appointment/';

/** What the route needs of the engine. */
export interface AppointmentLister {
  /** @throws LabRelayError for a lab that is unknown, or that the caller may not speak for */
  list(search: AppointmentSearch, caller: { labIds: number[] | null }): Promise<AppointmentPage>;
}

/** Lists of appointments for lab systems and third parties. */
export async function appointmentRoutes(
  scope: FastifyInstance,
  parts: { appointments: AppointmentLister; gate: KeyGate; perMinute: () => number },
): Promise<void> {
  await limitByKey(scope, parts.perMinute);
  scope.withTypeProvider<ZodTypeProvider>().get(APPOINTMENT_PATH, {
    schema: {
      operationId: 'get_appointment',
      summary:
        "A lab's appointments, soonest first, for a key whose routes name /appointment/; to people (user keys) they are shown masked",
      tags: ['events'],
      security: [{ bearer: [] }, { api_key: [] }],
      querystring: appointmentQuery,
      response: { 200: appointmentPage },
    },
    config: { captured: true },
    onRequest: parts.gate.listing(APPOINTMENT_PATH),
    handler: async ({ query, accessKey }) => {
      // The key check ran before; without it this route would be open to anyone.
      if (!accessKey) throw new Error('appointments were asked for without a key check');
      const page = await parts.appointments.list(query, accessKey);
      // A key of the lab's own may read its patients; a person does so by an act of its own only.
      return accessKey.kind === 'user' ? maskAppointments(page) : page;
    },
  });
}
