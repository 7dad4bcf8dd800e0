import { z } from 'zod';
import { patientObject } from '../../../shared/contract/domain-objects.ts';
import { samplePatient } from './samples.ts';
import { defineTrigger, type Trigger } from './trigger.ts';

/** What the categories about patients share. */
export function patientTrigger(code: string): Trigger {
  return defineTrigger({
    code,
    principal: 'patient',
    data: z.looseObject({ patient: patientObject }),
    sample: { patient: samplePatient },
  });
}
