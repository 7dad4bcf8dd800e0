import { DEMO_ORGANIZATION } from './events.ts';
import { accepted } from './outcomes.ts';
import type { DemoRule } from './rule.ts';

const GROUP = { organization_id: DEMO_ORGANIZATION.organization_id };

/** What calls into the lab lead to: a third party is told of appointments, and calls in itself. */
export const CALL_RULES: readonly DemoRule[] = [
  {
    scenario: 'accepted_appointment',
    title: 'accepted; the third party then confirms by a call of its own',
    name: 'Home visits: appointments',
    owner: GROUP,
    category: 'APPOINTMENT_CREATED',
    authentication: 'none',
    target: '/visits/booked',
    method: 'POST',
    expected: accepted(200),
  },
  {
    scenario: 'accepted_cancellation',
    title: 'accepted; a call that confirms it all the same is refused',
    name: 'Home visits: cancellations',
    owner: GROUP,
    category: 'APPOINTMENT_CANCELLED',
    authentication: 'none',
    target: '/visits/cancelled',
    method: 'POST',
    expected: accepted(204),
  },
  {
    scenario: 'fired_by_a_call',
    title: 'accepted; fired by the third party’s call, once for each appointment',
    name: 'Patient app: confirmed appointments',
    owner: GROUP,
    category: 'APPOINTMENT_CONFIRMED',
    authentication: 'api_key',
    target: '/patient-app/confirmations',
    method: 'POST',
    expected: accepted(200),
  },
];
