import type { Behaviour } from './partner-behaviours.ts';
import type { Guard } from './partner-guards.ts';

/** What a path answers. */
export interface Answer {
  status: number;
  body?: object;
  headers?: Record<string, string>;
}

/** What is at one path of the third party. */
export interface Route {
  method: string;
  guard: Guard;
  /** `never`: the call is taken and not answered. A behaviour depends on what came before. */
  answer: Answer | Behaviour | 'never';
  /** What is told here about appointments moves it to call in. */
  isHeard?: boolean;
}

/** One route per way in which third parties are known to answer. */
export const PARTNER_ROUTES = {
  '/ledger/bills': {
    method: 'POST',
    guard: 'basic',
    answer: { status: 200, body: { booked: true } },
  },
  '/ledger/bills/changed': {
    method: 'PUT',
    guard: 'basic',
    answer: { status: 200, body: { booked: true } },
  },
  '/ledger/bills/cancelled': { method: 'DELETE', guard: 'basic', answer: { status: 204 } },
  '/warehouse/bills': {
    method: 'POST',
    guard: 'api_key',
    answer: { status: 201, body: { stored: true } },
  },
  '/insurer/claims': {
    method: 'POST',
    guard: 'bearer',
    answer: { status: 202, body: { claim: 'received' } },
  },
  '/visits': { method: 'POST', guard: 'none', answer: { status: 200, body: { planned: true } } },
  '/bank/payments': {
    method: 'POST',
    guard: 'signature',
    answer: { status: 200, body: { receipt: 'ok' } },
  },
  '/registry/patients': {
    method: 'POST',
    guard: 'bearer',
    answer: { status: 201, body: { registered: true } },
  },
  '/registry/patients/changed': {
    method: 'PATCH',
    guard: 'none',
    answer: { status: 200, body: { updated: true } },
  },
  '/worklist/samples': {
    method: 'POST',
    guard: 'api_key',
    answer: { status: 200, body: { queued: 'analyser' } },
  },
  '/worklist/rejections': {
    method: 'POST',
    guard: 'none',
    answer: { status: 422, body: { message: 'rejection code is not known here' } },
  },
  '/dashboard/preliminary': {
    method: 'POST',
    guard: 'none',
    answer: { status: 209, body: { noted: true } },
  },
  '/dashboard/quiet': {
    method: 'POST',
    guard: 'none',
    answer: { status: 200, body: { message: '#NOTFORDASHBOARD' } },
  },
  '/physician/portal': {
    method: 'POST',
    guard: 'signature',
    answer: { status: 200, body: { filed: true } },
  },
  '/clinic/reports': { method: 'POST', guard: 'none', answer: { status: 200 } },
  '/archive/reports': {
    method: 'POST',
    guard: 'none',
    answer: { status: 500, body: { message: 'archive failed' } },
  },
  '/archive/night': {
    method: 'POST',
    guard: 'api_key',
    answer: { status: 200, body: { stored: true } },
  },
  '/state/registry': {
    method: 'POST',
    guard: 'none',
    answer: {
      status: 503,
      body: { message: 'under maintenance' },
      headers: { 'retry-after': '3600' },
    },
  },
  '/visits/booked': {
    method: 'POST',
    guard: 'none',
    answer: { status: 200, body: { noted: true } },
    isHeard: true,
  },
  '/visits/cancelled': { method: 'POST', guard: 'none', answer: { status: 204 }, isHeard: true },
  '/patient-app/confirmations': {
    method: 'POST',
    guard: 'api_key',
    answer: { status: 200, body: { notified: true } },
  },
  '/reference-lab/samples': {
    method: 'POST',
    guard: 'bearer',
    answer: { status: 201, body: { registered: true } },
  },
  '/reference-lab/payments': {
    method: 'POST',
    guard: 'bearer',
    answer: { status: 209, body: { noted: true } },
  },
  '/auditor/bills': { method: 'POST', guard: 'none', answer: 'checks_amount' },
  '/cooperative-bank/payments': { method: 'POST', guard: 'none', answer: 'busy_twice' },
  '/doctor/reports': { method: 'POST', guard: 'none', answer: 'breaks_once' },
  '/register/results': { method: 'POST', guard: 'none', answer: 'until_mended' },
  '/slow/reports': { method: 'POST', guard: 'none', answer: 'never' },
} as const satisfies Record<string, Route>;

export type PartnerPath = keyof typeof PARTNER_ROUTES;
