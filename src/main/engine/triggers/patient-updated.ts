import { patientTrigger } from './patient.ts';

/** A known patient's data changed. */
export const patientUpdated = patientTrigger('PATIENT_UPDATED');
