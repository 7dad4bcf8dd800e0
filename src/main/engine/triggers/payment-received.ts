import { paymentObject } from '../../../shared/contract/domain-objects.ts';
import { billTrigger } from './bill.ts';

/**
 * Money came in for a bill. The payment stands beside the bill and belongs to this event alone:
 * kept in the bill, the next payment would overwrite it.
 */
export const paymentReceived = billTrigger(
  'PAYMENT_RECEIVED',
  { payment: paymentObject },
  { payment: { payment_id: 60_001, amount: 500, mode: 'CARD' } },
);
