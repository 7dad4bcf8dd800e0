import type { EventRoute } from '../../../shared/contract/events.ts';
import type { JsonObject } from '../../../shared/model/json.ts';
import { DOCTORS, type Panel } from './catalogue.ts';
import { HOME_VISIT, MOMBASA } from './events.ts';
import { inventBill, inventPatient, measure } from './inventions.ts';
import type { Random } from './random.ts';

/** What is fixed for a patient's visit before its first event. */
export interface Visit {
  random: Random;
  labId: number;
  panel: Panel;
  /** The accession number on the tube. */
  accession: string;
  withoutBirthDate: boolean;
  /** Its appointment is called off again. */
  isCancelled: boolean;
  /** The visit's own id of a kind, e.g. `B-1001` for `B`. */
  id: (letter: string) => string;
  /** The time of the next thing that happens, a few minutes after the one before. */
  now: () => string;
}

/** One thing that can happen in a visit, told to LabRelay. */
export interface Step {
  category: string;
  route: EventRoute;
  /** Whether it happens in the visit of this number; visits are counted from 0. */
  happens: (number: number) => boolean;
  /** The event's body without what all bodies have (lab, priority). */
  body: (visit: Visit) => JsonObject;
}

const always = (): boolean => true;
const withAppointment = (number: number): boolean => number % 3 !== 1 || number % 4 === 0;
/** Some of those that have an appointment have it called off again. */
export const withCancellation = (number: number): boolean => number % 6 === 2;

const DAY_MS = 86_400_000;

/** Bill and patient, as the lab system names them in what belongs to them. */
const linked = ({ id }: Visit): JsonObject => ({ bill_id: id('B'), patient_id: id('P') });

/** A visit's way through the lab, in this order. */
export const STEPS: readonly Step[] = [
  {
    category: 'PATIENT_REGISTERED',
    route: '/patient/',
    happens: always,
    body: ({ random, labId, id, withoutBirthDate, now }) => ({
      patient: {
        ...inventPatient(random, labId, { patientId: id('P'), withoutBirthDate }),
        source_updated_at: now(),
      },
    }),
  },
  {
    category: 'BILL_GENERATED',
    route: '/billing/',
    happens: always,
    body: (visit) => ({
      bill: {
        ...inventBill(visit.random, visit.panel, visit.labId),
        ...linked(visit),
        source_updated_at: visit.now(),
      },
    }),
  },
  {
    category: 'PAYMENT_RECEIVED',
    route: '/billing/',
    happens: always,
    body: ({ id, now, panel, labId, random }) => ({
      action_category: 'PAYMENT_RECEIVED',
      bill: { bill_id: id('B'), source_updated_at: now() },
      payment: {
        payment_id: id('PAY'),
        amount: panel.price.toFixed(2),
        mode: random.pick(labId === MOMBASA ? ['M-PESA', 'CASH'] : ['UPI', 'CARD', 'CASH']),
      },
    }),
  },
  {
    category: 'SAMPLE_RECEIVED',
    route: '/sample/receive/',
    happens: always,
    body: (visit) => ({
      sample: {
        sample_id: visit.id('S'),
        ...linked(visit),
        accession_number: visit.accession,
        specimen_type: visit.panel.specimen,
        tests: [visit.panel.code],
        collected_at: visit.now(),
        source_updated_at: visit.now(),
      },
    }),
  },
  {
    category: 'SAMPLE_REJECTED',
    route: '/api/v1/events',
    happens: (number) => number % 4 === 2 || number % 4 === 3,
    body: ({ id, now, random }) => ({
      action_category: 'SAMPLE_REJECTED',
      data: {
        sample: {
          sample_id: id('S'),
          rejection_reason: random.pick(['haemolysed', 'clotted', 'quantity not sufficient']),
          source_updated_at: now(),
        },
      },
    }),
  },
  {
    category: HOME_VISIT,
    route: '/api/v1/events',
    happens: (number) => number % 2 === 1,
    body: ({ id, now, random }) => ({
      action_category: HOME_VISIT,
      data: { slot: now(), phlebotomist: random.pick(['team A', 'team B']) },
      references: [{ kind: 'patient', id: id('P') }],
    }),
  },
  {
    category: 'APPOINTMENT_CREATED',
    route: '/appointment/',
    happens: withAppointment,
    body: (visit) => {
      const now = visit.now();
      return {
        appointment: {
          appointment_id: visit.id('A'),
          ...linked(visit),
          scheduled_at: new Date(Date.parse(now) + DAY_MS).toISOString(),
          kind: 'sample collection at home',
          confirm_by: visit.isCancelled ? 'phone' : 'api',
          source_updated_at: now,
        },
      };
    },
  },
  {
    category: 'APPOINTMENT_CANCELLED',
    route: '/appointment/',
    happens: withCancellation,
    body: ({ id, now }) => ({
      action_category: 'APPOINTMENT_CANCELLED',
      appointment: {
        appointment_id: id('A'),
        cancellation_reason: 'the patient comes to the lab instead',
        source_updated_at: now(),
      },
    }),
  },
  // The next two are partial documents: what they leave out stays as it was.
  {
    category: 'PATIENT_UPDATED',
    route: '/patient/',
    happens: (number) => number % 3 === 2 || number % 4 === 0,
    body: ({ id, now }) => ({
      patient: {
        patient_id: id('P'),
        email: `${id('p')}@mail.example`,
        source_updated_at: now(),
      },
    }),
  },
  {
    category: 'BILL_UPDATED',
    route: '/billing/',
    happens: (number) => number % 2 === 0,
    body: ({ id, now }) => ({
      bill: { bill_id: id('B'), discount: 50, source_updated_at: now() },
    }),
  },
  {
    category: 'REPORT_SUBMITTED',
    route: '/report/submit/',
    happens: always,
    body: (visit) => ({
      report: {
        report_id: visit.id('R'),
        sample_id: visit.id('S'),
        ...linked(visit),
        accession_number: visit.accession,
        panel: visit.panel.name,
        results: measure(visit.random, visit.panel),
        source_updated_at: visit.now(),
      },
    }),
  },
  {
    category: 'REPORT_SIGNED',
    route: '/report/submit/',
    happens: always,
    body: ({ id, now, random }) => {
      const signedAt = now();
      return {
        action_category: 'REPORT_SIGNED',
        report: {
          report_id: id('R'),
          signed_by: random.pick(DOCTORS),
          signed_at: signedAt,
          source_updated_at: signedAt,
        },
      };
    },
  },
  {
    category: 'BILL_CANCELLED',
    route: '/billing/',
    happens: (number) => number % 5 === 2,
    body: ({ id, now }) => ({
      action_category: 'BILL_CANCELLED',
      bill: {
        bill_id: id('B'),
        cancellation_reason: 'billed twice at the desk',
        source_updated_at: now(),
      },
    }),
  },
];
