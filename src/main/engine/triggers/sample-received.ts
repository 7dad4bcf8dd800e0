import { sampleTrigger } from './sample.ts';

/** A sample arrived in the lab. */
export const sampleReceived = sampleTrigger('SAMPLE_RECEIVED');
