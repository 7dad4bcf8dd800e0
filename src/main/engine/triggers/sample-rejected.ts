import { rejectedSampleObject } from '../../../shared/contract/domain-objects.ts';
import { sampleTrigger } from './sample.ts';

/** A sample cannot be used; partners must learn why, so `sample.rejection_reason` is required. */
export const sampleRejected = sampleTrigger('SAMPLE_REJECTED', rejectedSampleObject, {
  rejection_reason: 'Haemolysed',
});
