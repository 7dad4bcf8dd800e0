import { z } from 'zod';
import { APPOINTMENT_STATUSES } from '../model/vocabulary.ts';
import { givenTime, isoTime } from './common.ts';

/** Which appointments to list. In a query string numbers are text, hence the coercion. */
export const appointmentSearch = z.strictObject({
  lab_id: z.coerce
    .number({ error: "must be the lab's number" })
    .pipe(
      z.int({ error: "must be the lab's number" }).positive({ error: "must be the lab's number" }),
    ),
  status: z
    .enum(APPOINTMENT_STATUSES, { error: `must be ${APPOINTMENT_STATUSES.join(', ')}` })
    .optional(),
  /** They take place at or after. */
  from: givenTime.optional(),
  /** They take place before; leaves out those without a time. */
  to: givenTime.optional(),
  cursor: z.string().max(40).optional(),
  limit: z.coerce
    .number({ error: 'must be a whole number from 1 to 200' })
    .pipe(z.int().min(1).max(200))
    .default(50),
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
