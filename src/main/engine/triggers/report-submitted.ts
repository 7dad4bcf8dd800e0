import { reportTrigger } from './report.ts';

/** Results were entered and submitted for signing. */
export const reportSubmitted = reportTrigger('REPORT_SUBMITTED');
