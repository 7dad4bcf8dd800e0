import { correctedSampleObject } from '../../../shared/contract/domain-objects.ts';
import { sampleTrigger } from './sample.ts';

/** Somebody corrected a sample by hand and its HL7 receivers are told; `sample.updated_by` says who. */
export const hl7ManualSampleUpdate = sampleTrigger(
  'HL7_MANUAL_SAMPLE_UPDATE',
  correctedSampleObject,
  { updated_by: 'front desk' },
);
