import { z } from 'zod';
import { appointmentObject } from '../../../shared/contract/domain-objects.ts';
import { sampleAppointment } from './samples.ts';
import { defineTrigger } from './trigger.ts';

/** An appointment was confirmed. */
export const appointmentConfirmed = defineTrigger({
  code: 'APPOINTMENT_CONFIRMED',
  principal: 'appointment',
  data: z.looseObject({ appointment: appointmentObject }),
  sample: { appointment: sampleAppointment },
});
