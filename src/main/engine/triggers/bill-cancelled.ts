import { cancelledBillObject } from '../../../shared/contract/domain-objects.ts';
import { billTrigger } from './bill.ts';
import { sampleBill } from './samples.ts';

/** A bill was cancelled; `bill.cancellation_reason` may say why and stays with the bill. */
export const billCancelled = billTrigger(
  'BILL_CANCELLED',
  { bill: cancelledBillObject },
  { bill: { ...sampleBill, cancellation_reason: 'Entered twice' } },
);
