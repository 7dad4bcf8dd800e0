import type { EventRoute } from '../../../shared/contract/events.ts';
import type { JsonObject } from '../../../shared/model/json.ts';

/** One business event as the simulated lab system posts it. */
export interface DemoEvent {
  route: EventRoute;
  labId: number;
  /** The category that the engine must find, whether the event names it or not. */
  category: string;
  body: JsonObject;
  /** Sent a second time with the same key, as a lab system does after a lost answer. */
  idempotencyKey: string | null;
  /** The patient told an age but no date of birth, which one rule's mapping cannot take. */
  withoutBirthDate: boolean;
}

/** The invented labs: two of one organization in India, one on its own in Kenya and one in India. */
export const DEMO_ORGANIZATION = { organization_id: 7, name: 'Sahyadri Diagnostics Group' };
/** A category of the demo's own, added through the console's procedure. */
export const HOME_VISIT = 'HOME_VISIT_BOOKED';
/** Another: results that come by the hundred. */
export const NIGHT_RESULT = 'NIGHT_RESULT_READY';

export const PUNE = 4101;
export const NASHIK = 4102;
export const MOMBASA = 5200;
/** Its deliveries fail at first: those that the demo retries. */
export const COAST = 5300;
export const DEMO_LABS = [
  {
    lab_id: PUNE,
    name: 'Sahyadri Diagnostics, Pune',
    organization_id: 7,
    time_zone: 'Asia/Kolkata',
  },
  {
    lab_id: NASHIK,
    name: 'Sahyadri Diagnostics, Nashik',
    organization_id: 7,
    time_zone: 'Asia/Kolkata',
  },
  {
    lab_id: MOMBASA,
    name: 'Pwani Clinical Laboratory',
    organization_id: null,
    time_zone: 'Africa/Nairobi',
  },
  {
    lab_id: COAST,
    name: 'Konkan Coast Pathology',
    organization_id: null,
    time_zone: 'Asia/Kolkata',
  },
] as const;
