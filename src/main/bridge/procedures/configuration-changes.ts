import type { DeveloperAuthenticationInput } from '../../../shared/contract/configuration/authentications.ts';
import {
  DOMAIN_SOURCE_CACHE_MS,
  DOMAIN_SOURCE_TIMEOUT_MS,
  type DomainSourceInput,
} from '../../../shared/contract/configuration/domain-source.ts';
import type { WebhookIntegrationInput } from '../../../shared/contract/configuration/integrations.ts';
import type { DomainSource } from '../../../shared/model/configuration.ts';
import type { JsonObject } from '../../../shared/model/json.ts';
import { DOMAIN_KINDS } from '../../../shared/model/vocabulary.ts';
import type { AuthenticationChange } from '../../engine/configuration/authentications.ts';
import { heldAction } from './held.ts';
import type { IntegrationChange } from '../../engine/configuration/integrations.ts';

export function authenticationChange(input: DeveloperAuthenticationInput): AuthenticationChange {
  return {
    developerAuthenticationId: input.developer_authentication_id,
    labId: input.lab_id,
    organizationId: input.organization_id,
    name: input.name,
    kind: input.kind,
    keys: input.keys,
    isActive: input.is_active,
    expectedVersion: input.expected_version,
  };
}

/** A domain source as it is kept; undefined stays undefined, null removes it. */
export function domainSourceOf(
  input: DomainSourceInput | null | undefined,
): DomainSource | null | undefined {
  if (!input) return input;
  const objects: DomainSource['objects'] = {};
  for (const kind of DOMAIN_KINDS) {
    const given = input.objects[kind];
    if (given) objects[kind] = { path: given.path, objectAt: given.object_at ?? null };
  }
  return {
    baseUrl: input.base_url,
    developerAuthenticationId: input.developer_authentication_id ?? null,
    objects,
    timeoutMs: input.timeout_ms ?? DOMAIN_SOURCE_TIMEOUT_MS,
    cacheMs: input.cache_ms ?? DOMAIN_SOURCE_CACHE_MS,
    ca: input.ca ?? null,
    isActive: input.is_active ?? true,
  };
}

export function integrationChange(input: WebhookIntegrationInput): IntegrationChange {
  const policy = input.retry_policy;
  return {
    labIntegrationId: input.lab_integration_id,
    expectedVersion: input.expected_version,
    waiting: input.waiting && heldAction(input.waiting),
    labId: input.lab_id,
    organizationId: input.organization_id,
    actionCategoryListId: input.action_category_list_id,
    developerAuthenticationId: input.developer_authentication_id,
    name: input.name,
    transport: input.transport,
    endPoint: input.end_point,
    method: input.method,
    headers: input.headers,
    mapping: input.mapping,
    checkData: input.check_data,
    responseSchema: input.response_schema,
    isActive: input.is_active,
    isRetryEnabled: input.is_retry_enabled,
    retryPolicy: policy && {
      schedule: policy.schedule,
      jitter: policy.jitter,
      retry5xx: policy.retry_5xx,
      overrides: policy.overrides,
      quietHours: policy.quiet_hours,
    },
    receiverDeduplicates: input.receiver_deduplicates,
    orderingKey: input.ordering_key,
    onRefused: input.on_refused,
    onUnknown: input.on_unknown,
    maxConcurrency: input.max_concurrency,
    ratePerMinute: input.rate_per_minute,
    timeoutMs: input.timeout_ms,
    signing: input.signing,
    executor: input.executor,
    integrationExtraDetails:
      input.integrationExtraDetails && extraDetails(input.integrationExtraDetails),
  };
}

/** Kept in the caller's own words: it is a document of the transport, not of the rule. */
function extraDetails(given: NonNullable<WebhookIntegrationInput['integrationExtraDetails']>) {
  const details: JsonObject = {};
  if (given.tls) {
    const tls: JsonObject = {};
    if (given.tls.ca !== undefined) tls.ca = given.tls.ca;
    if (given.tls.server_name !== undefined) tls.server_name = given.tls.server_name;
    details.tls = tls;
  }
  if (given.allowed_targets !== undefined) details.allowed_targets = given.allowed_targets;
  if (given.connect_timeout_ms !== undefined) details.connect_timeout_ms = given.connect_timeout_ms;
  return details;
}
