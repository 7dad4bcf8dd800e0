import { z } from 'zod';
import { sampleObject } from '../../../shared/contract/domain-objects.ts';
import type { JsonObject } from '../../../shared/model/json.ts';
import { sampleSample } from './samples.ts';
import { defineTrigger, type Trigger } from './trigger.ts';

/** What the categories about samples share; the sample's bill joins by `bill_id`. */
export function sampleTrigger(
  code: string,
  sample: z.ZodType = sampleObject,
  extra: JsonObject = {},
): Trigger {
  return defineTrigger({
    code,
    principal: 'sample',
    data: z.looseObject({ sample }),
    sample: { sample: { ...sampleSample, ...extra } },
  });
}
