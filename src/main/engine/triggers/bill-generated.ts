import { billTrigger } from './bill.ts';

/** A bill is seen for the first time. */
export const billGenerated = billTrigger('BILL_GENERATED');
