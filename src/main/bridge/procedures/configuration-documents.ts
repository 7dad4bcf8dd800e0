import type { AccessKeyDocument } from '../../../shared/contract/configuration/access-keys.ts';
import {
  type DeveloperAuthenticationDocument,
  SECRET_MASK,
} from '../../../shared/contract/configuration/authentications.ts';
import type {
  IntegrationSettingsDocument,
  LabIntegrationDocument,
} from '../../../shared/contract/configuration/integrations.ts';
import type {
  ActionCategoryDocument,
  LabDocument,
  OrganizationDocument,
} from '../../../shared/contract/configuration/labs.ts';
import type { DomainSourceDocument } from '../../../shared/contract/configuration/domain-source.ts';
import type { SettingsDocument } from '../../../shared/contract/configuration/settings.ts';
import type { AuthenticationFacts } from '../../engine/configuration/authentication-facts.ts';
import { toIso } from '../../../shared/contract/common.ts';
import type {
  AccessKey,
  ActionCategory,
  DeliveryPause,
  DeveloperAuthentication,
  DomainSource,
  IntegrationSettings,
  Lab,
  LabIntegration,
  Organization,
  Settings,
} from '../../../shared/model/configuration.ts';
import { DOMAIN_KINDS } from '../../../shared/model/vocabulary.ts';

export function organizationDocument(organization: Organization): OrganizationDocument {
  return { organization_id: organization.organizationId, name: organization.name };
}

export function labDocument(lab: Lab): LabDocument {
  return {
    lab_id: lab.labId,
    name: lab.name,
    organization_id: lab.organizationId,
    time_zone: lab.timeZone,
    is_active: lab.isActive,
    domain_source: lab.domainSource && domainSourceDocument(lab.domainSource),
  };
}

function domainSourceDocument(source: DomainSource): DomainSourceDocument {
  const objects: DomainSourceDocument['objects'] = {};
  for (const kind of DOMAIN_KINDS) {
    const given = source.objects[kind];
    if (given) objects[kind] = { path: given.path, object_at: given.objectAt };
  }
  return {
    base_url: source.baseUrl,
    developer_authentication_id: source.developerAuthenticationId,
    objects,
    timeout_ms: source.timeoutMs,
    cache_ms: source.cacheMs,
    ca: source.ca,
    is_active: source.isActive,
  };
}

export function actionCategoryDocument(category: ActionCategory): ActionCategoryDocument {
  return {
    action_category_list_id: category.actionCategoryListId,
    code: category.code,
    name: category.name,
    is_built_in: category.isBuiltIn,
    is_active: category.isActive,
  };
}

/** Kept with an authentication's keys, but by LabRelay alone. */
const OWN_KEYS = new Set(['signing_replaced_at']);

/** An authentication without its secrets. */
export function developerAuthenticationDocument(
  authentication: DeveloperAuthentication,
  { hints, signingOverlapEndsAt, certificate, notices }: AuthenticationFacts,
): DeveloperAuthenticationDocument {
  const keys: DeveloperAuthenticationDocument['keys'] = {};
  for (const [key, value] of Object.entries(authentication.publicKeys)) {
    if (OWN_KEYS.has(key)) continue;
    if (typeof value === 'string' || typeof value === 'number') keys[key] = value;
  }
  for (const key of Object.keys(authentication.sealedKeys)) keys[key] = SECRET_MASK;
  if (signingOverlapEndsAt === null) delete keys['signing_secret_previous'];
  return {
    developer_authentication_id: authentication.developerAuthenticationId,
    lab_id: authentication.labId,
    organization_id: authentication.organizationId,
    name: authentication.name,
    kind: authentication.kind,
    keys,
    hints: hints ?? {},
    secrets_readable: hints !== null,
    signing_overlap_ends_at: toIso(signingOverlapEndsAt),
    certificate: certificate && {
      subject: certificate.subject,
      issuer: certificate.issuer,
      expires_at: toIso(certificate.expiresAt),
    },
    notices,
    is_active: authentication.isActive,
    version: authentication.version,
    updated_at: toIso(authentication.updatedAt),
  };
}

/** @param category code of the rule's action category */
export function integrationSettingsDocument(
  rule: IntegrationSettings,
  category: string,
): IntegrationSettingsDocument {
  return {
    lab_id: rule.labId,
    organization_id: rule.organizationId,
    action_category_list_id: rule.actionCategoryListId,
    action_category: category,
    developer_authentication_id: rule.developerAuthenticationId,
    name: rule.name,
    transport: rule.transport,
    end_point: rule.endPoint,
    method: rule.method,
    headers: rule.headers,
    mapping: rule.mapping,
    response_schema: rule.responseSchema,
    is_active: rule.isActive,
    is_retry_enabled: rule.isRetryEnabled,
    retry_policy: {
      schedule: rule.retryPolicy.schedule,
      jitter: rule.retryPolicy.jitter,
      retry_5xx: rule.retryPolicy.retry5xx,
      overrides: rule.retryPolicy.overrides,
      quiet_hours: rule.retryPolicy.quietHours,
    },
    receiver_deduplicates: rule.receiverDeduplicates,
    ordering_key: rule.orderingKey,
    on_refused: rule.onRefused,
    on_unknown: rule.onUnknown,
    max_concurrency: rule.maxConcurrency,
    rate_per_minute: rule.ratePerMinute,
    timeout_ms: rule.timeoutMs,
    signing: rule.signing,
    executor: rule.executor,
    integrationExtraDetails: rule.integrationExtraDetails,
  };
}

/** @param category code of the rule's action category */
export function labIntegrationDocument(
  rule: LabIntegration,
  category: string,
): LabIntegrationDocument {
  return {
    ...integrationSettingsDocument(rule, category),
    lab_integration_id: rule.labIntegrationId,
    version: rule.version,
    created_at: toIso(rule.createdAt),
    updated_at: toIso(rule.updatedAt),
  };
}

/** A key's row; neither the key nor its hash is in it. */
export function accessKeyDocument(key: AccessKey): AccessKeyDocument {
  return {
    access_key_id: key.accessKeyId,
    kind: key.kind,
    name: key.name,
    role: key.role,
    lab_ids: key.labIds,
    routes: key.routes,
    hint: key.hint,
    created_at: toIso(key.createdAt),
    revoked_at: toIso(key.revokedAt),
  };
}

export function settingsDocument(settings: Settings): SettingsDocument {
  return {
    callback_transport: settings.callbackTransport,
    max_concurrency: settings.maxConcurrency,
    event_rate_limit: settings.eventRateLimit,
    callback_rate_limit: settings.callbackRateLimit,
    console_rate_limit: settings.consoleRateLimit,
    delivery_paused: pauseDocument(settings.deliveryPaused),
    backup_schedule: settings.backupSchedule,
    backup_keep: settings.backupKeep,
    backup_folder: settings.backupFolder,
    session_hours: settings.sessionHours,
    session_idle_minutes: settings.sessionIdleMinutes,
    legacy_callbacks_enabled: settings.legacyCallbacksEnabled,
  };
}

export function pauseDocument(pause: DeliveryPause | null): SettingsDocument['delivery_paused'] {
  return pause && { since: toIso(pause.since), by: pause.by, reason: pause.reason };
}
