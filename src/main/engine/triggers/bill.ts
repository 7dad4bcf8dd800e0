import { z } from 'zod';
import { billObject } from '../../../shared/contract/domain-objects.ts';
import type { JsonObject } from '../../../shared/model/json.ts';
import { sampleBill } from './samples.ts';
import { defineTrigger, type Trigger } from './trigger.ts';

/** What the categories about bills share; each says what its data holds beyond the bill. */
export function billTrigger(
  code: string,
  fields: { bill?: z.ZodType; payment?: z.ZodType } = {},
  sample: JsonObject = {},
): Trigger {
  return defineTrigger({
    code,
    principal: 'bill',
    data: z.looseObject({ bill: billObject, ...fields }),
    sample: { bill: sampleBill, ...sample },
  });
}
