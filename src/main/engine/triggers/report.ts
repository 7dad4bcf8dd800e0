import { z } from 'zod';
import { reportObject } from '../../../shared/contract/domain-objects.ts';
import type { JsonObject } from '../../../shared/model/json.ts';
import { sampleReport } from './samples.ts';
import { defineTrigger, type Trigger } from './trigger.ts';

/** What the categories about reports share; sample and bill join by their ids. */
export function reportTrigger(
  code: string,
  report: z.ZodType = reportObject,
  extra: JsonObject = {},
): Trigger {
  return defineTrigger({
    code,
    principal: 'report',
    data: z.looseObject({ report }),
    sample: { report: { ...sampleReport, ...extra } },
  });
}
