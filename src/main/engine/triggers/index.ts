import { appointmentCancelled } from './appointment-cancelled.ts';
import { appointmentConfirmed } from './appointment-confirmed.ts';
import { appointmentCreated } from './appointment-created.ts';
import { appointmentUpdated } from './appointment-updated.ts';
import { billCancelled } from './bill-cancelled.ts';
import { billGenerated } from './bill-generated.ts';
import { billUpdated } from './bill-updated.ts';
import { genericTrigger } from './generic.ts';
import { hl7ManualSampleUpdate } from './hl7-manual-sample-update.ts';
import type { DomainKind } from '../../../shared/model/vocabulary.ts';
import { patientRegistered } from './patient-registered.ts';
import { patientUpdated } from './patient-updated.ts';
import { paymentReceived } from './payment-received.ts';
import { reportSigned } from './report-signed.ts';
import { reportSubmitted } from './report-submitted.ts';
import { sampleReceived } from './sample-received.ts';
import { sampleRejected } from './sample-rejected.ts';
import type { Trigger } from './trigger.ts';

/** The built-in categories; a new one is one file and one line here. */
export const BUILT_IN_TRIGGERS: readonly Trigger[] = [
  billGenerated,
  billUpdated,
  billCancelled,
  paymentReceived,
  patientRegistered,
  patientUpdated,
  sampleReceived,
  sampleRejected,
  reportSubmitted,
  reportSigned,
  appointmentCreated,
  appointmentUpdated,
  appointmentConfirmed,
  appointmentCancelled,
  hl7ManualSampleUpdate,
];

const byCode = new Map(BUILT_IN_TRIGGERS.map((trigger) => [trigger.code, trigger]));

/** The trigger of a category: its own, or the generic one for those added in the console. */
export function triggerFor(code: string): Trigger {
  return byCode.get(code) ?? genericTrigger(code);
}

/** Codes of the built-in categories about a kind of object. */
export function categoriesAbout(principal: DomainKind): string[] {
  return BUILT_IN_TRIGGERS.filter((trigger) => trigger.principal === principal).map(
    ({ code }) => code,
  );
}
