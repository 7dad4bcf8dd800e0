import { z } from 'zod';
import type { JsonObject } from '../model/json.ts';
import { type ObjectKind, PRIORITIES, type Priority } from '../model/vocabulary.ts';
import { givenTime, isoTime, parseInput } from './common.ts';
import {
  appointmentObject,
  billObject,
  objectId,
  patientObject,
  paymentObject,
  reportObject,
  sampleObject,
  words,
} from './domain-objects.ts';
import { categoryCode, givenReference, labId, shortText } from './event-fields.ts';
import { checkDocument, type RefusedKeys } from './json-document.ts';

/**
 * What every event may say of itself. Nothing here (and no other key) can say where a delivery
 * goes or with which credentials: callers bring bodies, rules bring addresses.
 */
const eventOptions = {
  /** The caller's own id of this event; a repeat of it is answered, not delivered again. */
  event_id: shortText('must be text').optional(),
  priority: z.enum(PRIORITIES, { error: 'must be STAT or ROUTINE' }).optional(),
  deliver_by: givenTime.optional(),
  /** Deliveries of one integration with the same key go out one after another. */
  ordering_key: shortText('must be text').optional(),
};

const objectEvent = {
  lab_id: labId,
  /** Overrides the category that the route would choose. */
  action_category: categoryCode.optional(),
  ...eventOptions,
};

const committed = { event_id: z.string(), log_ids: z.array(z.string()) };

/** The routes by which business events come in: what each takes and answers. */
export const eventRoutes = {
  '/billing/': {
    summary: 'A bill was generated or changed; BILL_GENERATED at first sight, then BILL_UPDATED',
    status: 201,
    body: z.strictObject({ ...objectEvent, bill: billObject, payment: paymentObject.optional() }),
    answer: z.object({ bill_id: objectId, ...committed }),
  },
  '/sample/receive/': {
    summary: 'A sample was received (SAMPLE_RECEIVED, or as action_category says)',
    status: 201,
    body: z.strictObject({ ...objectEvent, sample: sampleObject }),
    answer: z.object({ sample_id: objectId, ...committed }),
  },
  '/report/submit/': {
    summary: 'A report was submitted (REPORT_SUBMITTED, or as action_category says)',
    status: 201,
    body: z.strictObject({ ...objectEvent, report: reportObject }),
    answer: z.object({ report_id: objectId, ...committed }),
  },
  '/patient/': {
    summary:
      'A patient was registered or changed; PATIENT_REGISTERED at first sight, then PATIENT_UPDATED',
    status: 201,
    body: z.strictObject({ ...objectEvent, patient: patientObject }),
    answer: z.object({ patient_id: objectId, ...committed }),
  },
  '/appointment/': {
    summary:
      'An appointment was made or changed; APPOINTMENT_CREATED at first sight, then APPOINTMENT_UPDATED. ' +
      'With action_category APPOINTMENT_CANCELLED it is cancelled. Once confirmed it stays confirmed ' +
      'unless told BOOKED with a source_updated_at later than the confirmation, or CANCELLED',
    status: 201,
    body: z.strictObject({ ...objectEvent, appointment: appointmentObject }),
    answer: z.object({ appointment_id: objectId, ...committed }),
  },
  '/appointmentConfirmAPI/': {
    summary:
      'A third party confirms an appointment (APPOINTMENT_CONFIRMED); confirming again changes ' +
      'nothing and is answered with the first confirmation',
    status: 200,
    body: z.strictObject({
      lab_id: labId,
      appointment_id: objectId,
      /** Who confirmed, e.g. the service that will come. */
      confirmed_by: words.optional(),
      /** When; left out: now. */
      confirmed_at: givenTime.optional(),
      note: words.optional(),
      /** Fields of the caller's own, passed on to the lab's rules. */
      details: z.record(z.string(), z.unknown(), { error: 'must be a JSON object' }).optional(),
      priority: eventOptions.priority,
    }),
    answer: z.object({
      appointment_id: objectId,
      status: z.literal('CONFIRMED'),
      confirmed_at: isoTime.nullable(),
      /** True: it was confirmed before this call, and this call fired nothing. */
      already_confirmed: z.boolean(),
      /** Of the first confirmation; null where the lab system told it without an event of ours. */
      event_id: z.string().nullable(),
      log_ids: z.array(z.string()),
    }),
  },
  '/api/v1/events': {
    summary: 'Any business event, of a built-in category or one of your own',
    status: 202,
    body: z.strictObject({
      action_category: categoryCode,
      lab_id: labId,
      data: z.record(z.string(), z.unknown(), { error: 'must be a JSON object' }),
      references: z.array(givenReference).max(50).optional(),
      ...eventOptions,
    }),
    answer: z.object(committed),
  },
} as const;

export type EventRoute = keyof typeof eventRoutes;

/** What the bodies of all event routes have in common, beside what the event is about. */
export interface EventEnvelope {
  lab_id: number;
  action_category?: string;
  event_id?: string;
  priority?: Priority;
  deliver_by?: string;
  ordering_key?: string;
  references?: { kind: ObjectKind; id: string | number }[];
}

const NO_ADDRESS = "is refused: reports go to LabRelay's own handler; remove the field";

/**
 * A caller's address would be passed on in a body, where a partner's worker might report to it; it
 * is refused at any depth rather than passed over, since whoever sends it expects it to be used.
 */
const REFUSED_IN_EVENTS: RefusedKeys = new Map([
  ['integration_callback_url', NO_ADDRESS],
  ['integration_payload', NO_ADDRESS],
]);

/**
 * Validates an event's body as its route takes it, and answers that very body: labs' own fields
 * keep their place and nothing is copied.
 * @throws LabRelayError `INVALID_INPUT` naming every field at fault.
 */
export function parseEventBody(route: EventRoute, body: unknown): EventEnvelope & JsonObject {
  checkDocument(body, REFUSED_IN_EVENTS);
  parseInput(eventRoutes[route].body, body);
  return body as EventEnvelope & JsonObject;
}
