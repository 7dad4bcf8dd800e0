import { DEMO_ORGANIZATION, MOMBASA, NIGHT_RESULT, PUNE } from './events.ts';
import { accepted, suppressed } from './outcomes.ts';
import type { DemoRule } from './rule.ts';

const GROUP = { organization_id: DEMO_ORGANIZATION.organization_id };

const inPune = { lab_id: PUNE };
const inMombasa = { lab_id: MOMBASA };

/**
 * What calls into the lab lead to: a third party is told of appointments, and calls in itself; an
 * outside worker leases tasks and makes the calls; many records come in one call.
 */
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
  {
    scenario: 'external_accepted',
    title: 'accepted; leased and sent by an outside worker',
    name: 'Reference laboratory: samples',
    owner: inMombasa,
    category: 'SAMPLE_RECEIVED',
    authentication: 'bearer',
    target: '/reference-lab/samples',
    method: 'POST',
    executor: 'external',
    expected: accepted(201),
  },
  {
    scenario: 'external_suppressed',
    title: 'suppressed; an outside worker reports 209 like any outcome',
    name: 'Reference laboratory: payments',
    owner: inMombasa,
    category: 'PAYMENT_RECEIVED',
    authentication: 'bearer',
    target: '/reference-lab/payments',
    method: 'POST',
    executor: 'external',
    expected: suppressed(209),
  },
  {
    scenario: 'batch_accepted',
    title: 'accepted; many records in one call, each delivered on its own',
    name: 'Archive: results of the night',
    owner: inPune,
    category: NIGHT_RESULT,
    authentication: 'api_key',
    target: '/archive/night',
    method: 'POST',
    expected: accepted(200),
  },
  {
    scenario: 'batch_suppressed',
    title: 'suppressed; of the same batch, and no failure of it',
    name: 'Dashboard: results of the night',
    owner: inPune,
    category: NIGHT_RESULT,
    authentication: 'none',
    target: '/dashboard/preliminary',
    method: 'POST',
    expected: suppressed(209),
  },
];
