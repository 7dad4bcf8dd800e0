import { COAST, NIGHT_RESULT } from './events.ts';
import { accepted } from './outcomes.ts';
import type { DemoRule } from './rule.ts';

const inCoast = { lab_id: COAST };

/** A wait that a demo has time for; no jitter, so that every run tells the same story. */
const SHORT = { schedule: [1_000, 1_000, 1_000], jitter: 0 };

/** Deliveries that fail at first and arrive by being sent again. */
export const RETRY_RULES: readonly DemoRule[] = [
  {
    scenario: 'retry_corrected',
    title: 'accepted as revision 2; refused (422) until the bill was corrected and retried by hand',
    name: 'Auditor: bills',
    owner: inCoast,
    category: 'BILL_GENERATED',
    authentication: 'none',
    target: '/auditor/bills',
    method: 'POST',
    expected: accepted(200),
  },
  {
    scenario: 'retry_by_itself',
    title: 'accepted by itself, after two 503s with Retry-After: 1',
    name: 'Cooperative bank: payments',
    owner: inCoast,
    category: 'PAYMENT_RECEIVED',
    authentication: 'none',
    target: '/cooperative-bank/payments',
    method: 'POST',
    retryPolicy: SHORT,
    expected: accepted(200),
  },
  {
    scenario: 'retry_in_doubt',
    title: 'accepted; its first answer was lost, so that it took a reason to send it again',
    name: 'Referring doctor: signed reports',
    owner: inCoast,
    category: 'REPORT_SIGNED',
    authentication: 'none',
    target: '/doctor/reports',
    method: 'POST',
    retryPolicy: SHORT,
    expected: accepted(200),
  },
  {
    scenario: 'retry_in_bulk',
    title: 'accepted in a bulk retry; one before it was stopped by its canary',
    name: 'Research register: results of the night',
    owner: inCoast,
    category: NIGHT_RESULT,
    authentication: 'none',
    target: '/register/results',
    method: 'POST',
    expected: accepted(200),
  },
];
