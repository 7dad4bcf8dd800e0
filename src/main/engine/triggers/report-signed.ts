import { signedReportObject } from '../../../shared/contract/domain-objects.ts';
import { reportTrigger } from './report.ts';

/** A report became final; `report.signed_by` and `report.signed_at` say by whom and when. */
export const reportSigned = reportTrigger('REPORT_SIGNED', signedReportObject, {
  signed_by: 'Dr. Example',
  signed_at: '2026-01-05T12:30:00.000Z',
});
