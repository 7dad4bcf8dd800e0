import type { EventRoute } from '../../../shared/contract/events.ts';
import { fieldError } from '../../../shared/errors.ts';
import type { ActionCategory } from '../../../shared/model/configuration.ts';
import type { ConfigurationLookup } from '../configuration/lookup.ts';
import { categoriesAbout, triggerFor } from '../triggers/index.ts';
import type { DomainKind } from '../../../shared/model/vocabulary.ts';

/** What a route's events are about, and which category they have unless the caller says. */
export interface RoutePlan {
  principal: DomainKind;
  /** Keys of the body that make up the event's data. */
  data: readonly string[];
  /** Category of an object's first event. */
  first: string;
  /** Category of every later one. */
  later: string;
  /** Its calls confirm an appointment that must be there. */
  confirms?: true;
}

/** Null: the caller names category and data itself. */
export const ROUTE_PLANS: Record<EventRoute, RoutePlan | null> = {
  '/billing/': {
    principal: 'bill',
    data: ['bill', 'payment'],
    first: 'BILL_GENERATED',
    later: 'BILL_UPDATED',
  },
  '/patient/': {
    principal: 'patient',
    data: ['patient'],
    first: 'PATIENT_REGISTERED',
    later: 'PATIENT_UPDATED',
  },
  '/sample/receive/': {
    principal: 'sample',
    data: ['sample'],
    first: 'SAMPLE_RECEIVED',
    later: 'SAMPLE_RECEIVED',
  },
  '/report/submit/': {
    principal: 'report',
    data: ['report'],
    first: 'REPORT_SUBMITTED',
    later: 'REPORT_SUBMITTED',
  },
  '/appointment/': {
    principal: 'appointment',
    data: ['appointment'],
    first: 'APPOINTMENT_CREATED',
    later: 'APPOINTMENT_UPDATED',
  },
  '/appointmentConfirmAPI/': {
    principal: 'appointment',
    data: [],
    first: 'APPOINTMENT_CONFIRMED',
    later: 'APPOINTMENT_CONFIRMED',
    confirms: true,
  },
  '/api/v1/events': null,
};

/**
 * The category that a caller names, if this route takes it.
 * @throws LabRelayError `UNKNOWN_ACTION_CATEGORY` where it does not exist or is inactive,
 *   `INVALID_INPUT` where its events are about another kind of object; field `action_category`.
 */
export function namedCategory(
  code: string,
  route: EventRoute,
  configuration: ConfigurationLookup,
): ActionCategory {
  const category = configuration.actionCategory(code);
  if (!category) {
    const reason = 'is not in the action category list; take one that is there, or add it';
    throw fieldError('UNKNOWN_ACTION_CATEGORY', 'action_category', reason);
  }
  if (!category.isActive) {
    const reason = 'is switched off in the action category list; switch it on or take another';
    throw fieldError('UNKNOWN_ACTION_CATEGORY', 'action_category', reason);
  }
  const plan = ROUTE_PLANS[route];
  const { principal } = triggerFor(code);
  if (plan && principal !== null && principal !== plan.principal) {
    const taken = categoriesAbout(plan.principal).join(', ');
    const reason = `is about a ${principal}, not a ${plan.principal}; ${route} takes ${taken} and categories of your own`;
    throw fieldError('INVALID_INPUT', 'action_category', reason);
  }
  return category;
}

/** The category of an event whose caller names none. */
export function impliedCategory(
  plan: RoutePlan,
  isFirst: boolean,
  configuration: ConfigurationLookup,
): ActionCategory {
  const code = isFirst ? plan.first : plan.later;
  const category = configuration.actionCategory(code);
  if (!category) throw new Error(`The built-in action category ${code} is missing.`);
  return category;
}
