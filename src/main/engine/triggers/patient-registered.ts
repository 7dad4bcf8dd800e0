import { patientTrigger } from './patient.ts';

/** A patient is seen for the first time. */
export const patientRegistered = patientTrigger('PATIENT_REGISTERED');
