import { z } from 'zod';
import { appointmentObject } from '../../../shared/contract/domain-objects.ts';
import type { JsonObject } from '../../../shared/model/json.ts';
import type { AppointmentStatus } from '../../../shared/model/vocabulary.ts';
import { sampleAppointment } from './samples.ts';
import { defineTrigger, type Trigger } from './trigger.ts';

/**
 * What the categories about appointments share.
 * @param event `becomes`: how the appointment stands from this event on, whatever its data say
 */
export function appointmentTrigger(
  code: string,
  event: { appointment?: z.ZodType; becomes?: AppointmentStatus; extra?: JsonObject } = {},
): Trigger {
  const { appointment = appointmentObject, becomes, extra = {} } = event;
  return defineTrigger({
    code,
    principal: 'appointment',
    data: z.looseObject({ appointment }),
    sample: { appointment: { ...sampleAppointment, ...extra } },
    ...(becomes ? { sets: { status: becomes } } : {}),
  });
}
