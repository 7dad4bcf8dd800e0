import { billTrigger } from './bill.ts';

/** A known bill changed; the event may bring just what changed, the payload has the whole bill. */
export const billUpdated = billTrigger('BILL_UPDATED');
