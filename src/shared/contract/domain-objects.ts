import { z } from 'zod';
import { APPOINTMENT_STATUSES, type AppointmentStatus } from '../model/vocabulary.ts';
import { givenTime } from './common.ts';

const anId =
  'must be text of 1 to 200 characters, without control characters or spaces around it, or a whole number';

/**
 * The lab system's own id of a domain object: text or a whole number, answered as it was given.
 * 17 and "17" name the same object.
 */
export const objectId = z.union(
  [
    z
      .string()
      .max(200, anId)
      // NUL ends a text for some who read it, and a tab or line break looks like none.
      .regex(/^(?!\s)\P{Cc}+(?<!\s)$/u, anId),
    z.int(),
  ],
  {
    error: anId,
  },
);

/** A line of text about an object, such as a reason. */
export const words = z
  .string({ error: 'must be text' })
  .trim()
  .min(1, 'must not be empty')
  .max(1_000);

const common = {
  /** The lab system's own time of this state; an older one never overwrites a newer one. */
  source_updated_at: givenTime.optional(),
};

const patientFields = { patient_id: objectId, ...common };

export const patientObject = z.looseObject(patientFields, {
  error: 'must be an object with patient_id',
});

/** Who an object is about: the patient embedded, or named by id alone. */
const ofPatient = { patient: patientObject.optional(), patient_id: objectId.optional() };

interface OfPatient {
  patient?: { patient_id: string | number } | undefined;
  patient_id?: string | number | undefined;
}

function patientAgrees({ patient, patient_id }: OfPatient): boolean {
  return !patient || patient_id === undefined || String(patient.patient_id) === String(patient_id);
}

const patientDisagrees = {
  path: ['patient_id'],
  error: 'names another patient than patient.patient_id; give one of the two',
};

const billFields = { bill_id: objectId, ...ofPatient, ...common };
const billShape = { error: 'must be an object with bill_id' };

export const billObject = z
  .looseObject(billFields, billShape)
  .refine(patientAgrees, patientDisagrees);

export const cancelledBillObject = z
  .looseObject({ ...billFields, cancellation_reason: words.optional() }, billShape)
  .refine(patientAgrees, patientDisagrees);

const anAmount = 'must be a number or decimal text such as "1250.00"';

/** What was paid; a refund is negative. Amounts as decimal text keep their digits. */
export const paymentObject = z.looseObject(
  {
    amount: z.union([z.number(), z.string().regex(/^-?\d{1,15}(\.\d{1,6})?$/, anAmount)], {
      error: anAmount,
    }),
    payment_id: objectId.optional(),
  },
  { error: 'must be an object with amount' },
);

const sampleFields = { sample_id: objectId, bill_id: objectId.optional(), ...ofPatient, ...common };
const sampleShape = { error: 'must be an object with sample_id' };

export const sampleObject = z
  .looseObject(sampleFields, sampleShape)
  .refine(patientAgrees, patientDisagrees);

export const rejectedSampleObject = z
  .looseObject(
    {
      ...sampleFields,
      rejection_reason: z
        .string({ error: 'must say why the sample was rejected' })
        .trim()
        .min(1, 'must say why the sample was rejected')
        .max(1_000),
    },
    sampleShape,
  )
  .refine(patientAgrees, patientDisagrees);

export const correctedSampleObject = z
  .looseObject({ ...sampleFields, updated_by: words.optional() }, sampleShape)
  .refine(patientAgrees, patientDisagrees);

const reportFields = {
  report_id: objectId,
  sample_id: objectId.optional(),
  bill_id: objectId.optional(),
  ...ofPatient,
  ...common,
};
const reportShape = { error: 'must be an object with report_id' };

export const reportObject = z
  .looseObject(reportFields, reportShape)
  .refine(patientAgrees, patientDisagrees);

export const signedReportObject = z
  .looseObject(
    { ...reportFields, signed_by: words.optional(), signed_at: givenTime.optional() },
    reportShape,
  )
  .refine(patientAgrees, patientDisagrees);

const appointmentFields = {
  appointment_id: objectId,
  /** When it takes place. */
  scheduled_at: givenTime.nullable().optional(),
  status: z
    .enum(APPOINTMENT_STATUSES, { error: `must be ${APPOINTMENT_STATUSES.join(', ')}` })
    .optional(),
  confirmed_at: givenTime.nullable().optional(),
  confirmed_by: words.nullable().optional(),
  bill_id: objectId.optional(),
  ...ofPatient,
  ...common,
};
const appointmentShape = { error: 'must be an object with appointment_id' };

export const appointmentObject = z
  .looseObject(appointmentFields, appointmentShape)
  .refine(patientAgrees, patientDisagrees);

/** An appointment in an event that says itself how it stands from now on. */
const appointmentThatIs = (status: AppointmentStatus, more: z.ZodRawShape = {}) =>
  z
    .looseObject(
      {
        ...appointmentFields,
        status: z
          .literal(status, {
            error: `must be ${status} or left out: that is what this event says`,
          })
          .optional(),
        ...more,
      },
      appointmentShape,
    )
    .refine(patientAgrees, patientDisagrees);

export const confirmedAppointmentObject = appointmentThatIs('CONFIRMED');

export const cancelledAppointmentObject = appointmentThatIs('CANCELLED', {
  cancellation_reason: words.optional(),
});
