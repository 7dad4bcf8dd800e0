import { z } from 'zod';
import { APPOINTMENT_STATUSES } from '../model/vocabulary.ts';
import { givenTime, isoTime } from './common.ts';
import { procedure } from './procedure.ts';

const LAB = "must be the lab's number";
const LIMIT = 'must be a whole number from 1 to 200';

const labId = z.int({ error: LAB }).positive({ error: LAB });
const limit = z.int({ error: LIMIT }).min(1, { error: LIMIT }).max(200, { error: LIMIT });

/** Which appointments to list. */
const appointmentSearch = z.strictObject({
  lab_id: labId,
  status: z
    .enum(APPOINTMENT_STATUSES, { error: `must be ${APPOINTMENT_STATUSES.join(', ')}` })
    .optional(),
  /** They take place at or after. */
  from: givenTime.optional(),
  /** They take place before; leaves out those without a time. */
  to: givenTime.optional(),
  cursor: z.string().max(40).optional(),
  limit: limit.default(50),
});

/** The same in a query string, where numbers are text. */
export const appointmentQuery = appointmentSearch.extend({
  lab_id: z.coerce.number({ error: LAB }).pipe(labId),
  limit: z.coerce.number({ error: LIMIT }).pipe(limit).default(50),
});

export type AppointmentSearch = z.output<typeof appointmentSearch>;

/** A page of appointments, soonest first; those without a time come last. */
export const appointmentPage = z.object({
  items: z.array(
    z.object({
      appointment_id: z.union([z.string(), z.number()]),
      status: z.enum(APPOINTMENT_STATUSES),
      scheduled_at: isoTime.nullable(),
      confirmed_at: isoTime.nullable(),
      confirmed_by: z.string().nullable(),
      updated_at: isoTime,
      /** The lab's own document with its patient; for people (user keys) masked. */
      appointment: z.record(z.string(), z.unknown()),
    }),
  ),
  next_cursor: z.string().nullable(),
});

export type AppointmentPage = z.output<typeof appointmentPage>;

export const appointmentProcedures = {
  listAppointments: procedure({
    summary: "A lab's appointments, soonest first; what tells of patients is masked",
    role: 'viewer',
    audit: 'none',
    input: appointmentSearch,
    output: appointmentPage,
  }),
};
