import type { CallInput } from '../../../shared/contract/index.ts';
import type { HttpMethod } from '../../../shared/model/vocabulary.ts';
import { DEMO_LABS, type DemoEvent } from './events.ts';
import type { Expected } from './outcomes.ts';
import type { PartnerPath } from './partner-routes.ts';

/** The credentials that the demo sets up; `expired` is a token that the partner no longer takes. */
export type DemoAuthentication = 'none' | 'basic' | 'bearer' | 'api_key' | 'expired';

/** One integration of the demo, with what its deliveries must come to. */
export interface DemoRule {
  /** Stable name in the JSON document. */
  scenario: string;
  /** What it shows, for people. */
  title: string;
  name: string;
  owner: { lab_id: number } | { organization_id: number };
  category: string;
  authentication: DemoAuthentication;
  /** `closed`: a port on which nobody listens. */
  target: PartnerPath | 'closed';
  method: HttpMethod;
  mapping?: string;
  signing?: boolean;
  timeoutMs?: number;
  /** Left out: they are. */
  isRetryEnabled?: boolean;
  /** Left out: LabRelay's own. */
  retryPolicy?: CallInput<'addUpdateWebhookIntegration'>['retry_policy'];
  /** Left out: LabRelay itself; `external`: an outside worker makes the calls. */
  executor?: 'external';
  /** Where its address is corrected to once everything else is done. */
  mendedTo?: PartnerPath;
  /** Null: the rule is soft-disabled, so nothing may be sent. */
  expected: ((event: DemoEvent) => Expected) | null;
}

/** Whether the rule is the lab's, or its organization's. */
export function appliesTo(rule: DemoRule, event: DemoEvent): boolean {
  if (rule.category !== event.category) return false;
  const { owner } = rule;
  if ('lab_id' in owner) return owner.lab_id === event.labId;
  const lab = DEMO_LABS.find(({ lab_id }) => lab_id === event.labId);
  return lab?.organization_id === owner.organization_id;
}
