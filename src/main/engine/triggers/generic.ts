import { z } from 'zod';
import { sampleBill } from './samples.ts';
import { defineTrigger, type Trigger } from './trigger.ts';

/**
 * For categories added in the console: any JSON object is data. What stands in it under a kind's
 * name and carries that kind's id is a domain object here too; the rest is the event's own.
 */
export function genericTrigger(code: string): Trigger {
  return defineTrigger({
    code,
    principal: null,
    data: z.record(z.string(), z.unknown()),
    sample: { bill: sampleBill, note: 'Sample data of a category of your own' },
  });
}
