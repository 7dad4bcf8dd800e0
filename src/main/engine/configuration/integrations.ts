import { fieldError, LabRelayError } from '../../../shared/errors.ts';
import type {
  IntegrationSettings,
  LabIntegration,
  RetryPolicy,
} from '../../../shared/model/configuration.ts';
import type { HeldAction } from '../../../shared/model/held.ts';
import { NEW_INTEGRATION } from '../../../shared/model/integration-defaults.ts';
import type { JsonObject } from '../../../shared/model/json.ts';
import type { HttpMethod } from '../../../shared/model/vocabulary.ts';
import { allowedTargetFault, allowedTargetsOf } from '../targets/allowed.ts';
import { neverEnd } from '../retry/quiet-hours.ts';
import type { TargetGuard } from '../targets/guard.ts';
import type { ConfigurationMemory } from './memory.ts';
import { type Loose, mayUse, resolveOwner } from './owners.ts';
import { certificateFault, expressionFault, quietHourFault } from './syntax.ts';

/** A rule to be added or changed; what is left out stays as it is, or gets its default. */
export type IntegrationChange = Loose<Omit<IntegrationSettings, 'retryPolicy'>> & {
  labIntegrationId?: number | undefined;
  retryPolicy?: Loose<RetryPolicy> | undefined;
  expectedVersion?: number | undefined;
  /** An event's data on which the expressions are tried, instead of the category's sample. */
  checkData?: JsonObject | undefined;
  /** What is to become of the deliveries that wait, where the change enables the rule. */
  waiting?: HeldAction | undefined;
};

/** Fields of a rule that hold an expression over the event. */
export type ExpressionField = 'mapping' | 'ordering_key';

/**
 * Tries an expression where it can harm nobody.
 * @throws LabRelayError `MAPPING_FAILED`, naming the field, where it fails or makes nothing that
 *   could be used
 */
export type CheckMapping = (request: {
  field: ExpressionField;
  expression: string;
  actionCategory: string;
  /** A GET carries its payload in the query, which not every payload fits into. */
  method: HttpMethod;
  /** Null: the category's sample. */
  checkData: JsonObject | null;
}) => Promise<void>;

/**
 * The settings that a change leads to, checked for themselves and against what they refer to.
 * @throws LabRelayError naming the field and the cure
 */
export function mergeIntegration(
  memory: ConfigurationMemory,
  current: LabIntegration | null,
  change: IntegrationChange,
  targets: TargetGuard,
): IntegrationSettings {
  const owner = resolveOwner(memory, current, change);
  const base = current ?? NEW_INTEGRATION;
  const settings: IntegrationSettings = {
    ...owner,
    actionCategoryListId: needed(
      change.actionCategoryListId ?? current?.actionCategoryListId,
      'action_category_list_id',
    ),
    name: needed(change.name ?? current?.name, 'name'),
    endPoint: needed(change.endPoint ?? current?.endPoint, 'end_point'),
    developerAuthenticationId: chosen(
      change.developerAuthenticationId,
      base.developerAuthenticationId,
    ),
    transport: change.transport ?? base.transport,
    method: change.method ?? base.method,
    headers: change.headers ?? base.headers,
    mapping: chosen(change.mapping, base.mapping),
    responseSchema: chosen(change.responseSchema, base.responseSchema),
    isActive: change.isActive ?? base.isActive,
    isRetryEnabled: change.isRetryEnabled ?? base.isRetryEnabled,
    retryPolicy: {
      schedule: change.retryPolicy?.schedule ?? base.retryPolicy.schedule,
      jitter: change.retryPolicy?.jitter ?? base.retryPolicy.jitter,
      retry5xx: change.retryPolicy?.retry5xx ?? base.retryPolicy.retry5xx,
      overrides: change.retryPolicy?.overrides ?? base.retryPolicy.overrides,
      quietHours: change.retryPolicy?.quietHours ?? base.retryPolicy.quietHours,
    },
    receiverDeduplicates: change.receiverDeduplicates ?? base.receiverDeduplicates,
    orderingKey: chosen(change.orderingKey, base.orderingKey),
    onRefused: change.onRefused ?? base.onRefused,
    onUnknown: change.onUnknown ?? base.onUnknown,
    maxConcurrency: change.maxConcurrency ?? base.maxConcurrency,
    ratePerMinute: chosen(change.ratePerMinute, base.ratePerMinute),
    timeoutMs: change.timeoutMs ?? base.timeoutMs,
    signing: change.signing ?? base.signing,
    executor: change.executor ?? base.executor,
    integrationExtraDetails: change.integrationExtraDetails ?? base.integrationExtraDetails,
  };
  if (!memory.categories.has(settings.actionCategoryListId)) {
    throw fieldError(
      'UNKNOWN_ACTION_CATEGORY',
      'action_category_list_id',
      `there is no action category ${settings.actionCategoryListId}; getActionCategoryList lists them`,
    );
  }
  checkCredentials(memory, settings, change);
  checkSyntax(settings, change);
  checkTarget(settings, change, targets);
  checkExecutor(memory, settings);
  return settings;
}

/**
/**
 * The expressions that must be tried (again) before the rule is saved: the category decides what
 * data they will be given, and whoever gives data wants them tried on these.
 * @throws LabRelayError where the method needs a mapping and there is none
 */
export function expressionsToCheck(
  current: LabIntegration | null,
  settings: IntegrationSettings,
  change: IntegrationChange,
): [field: ExpressionField, expression: string][] {
  const { mapping, method, orderingKey } = settings;
  const always =
    change.checkData !== undefined ||
    current?.actionCategoryListId !== settings.actionCategoryListId;
  const isOtherMapping = mapping !== current?.mapping || method !== current?.method;
  if (mapping === null && method === 'GET' && (always || isOtherMapping)) {
    throw fieldError(
      'INVALID_INPUT',
      'mapping',
      'is needed with the method GET, which carries its payload in the query; give one that produces a flat object, or use POST',
    );
  }
  const tried: [field: ExpressionField, expression: string][] = [];
  if (mapping !== null && (always || isOtherMapping)) tried.push(['mapping', mapping]);
  if (orderingKey !== null && (always || orderingKey !== current?.orderingKey)) {
    tried.push(['ordering_key', orderingKey]);
  }
  return tried;
}

function needed<T>(value: T | undefined, field: string): T {
  if (value === undefined) {
    throw fieldError('INVALID_INPUT', field, 'is needed to add an integration');
  }
  return value;
}

/** Where null is a value of its own: only a field that was left out keeps the stored one. */
function chosen<T>(given: T | undefined, stored: T): T {
  return given === undefined ? stored : given;
}

function checkCredentials(
  memory: ConfigurationMemory,
  settings: IntegrationSettings,
  change: IntegrationChange,
): void {
  const id = settings.developerAuthenticationId;
  const authentication = id === null ? null : memory.authentications.get(id);
  const field = 'developer_authentication_id';
  if (authentication === undefined) {
    const reason = `there is no developer authentication ${id}; add it first (addUpdateDeveloperAuthentication)`;
    throw fieldError('INVALID_INPUT', field, reason);
  }
  if (authentication && !mayUse(memory, settings, authentication)) {
    throw fieldError(
      'INVALID_INPUT',
      field,
      "belongs to someone else; use one of the integration's own lab or organization",
    );
  }
  const isNewWay = change.endPoint !== undefined || change.developerAuthenticationId !== undefined;
  if (authentication?.kind === 'mtls' && isNewWay && !/^https:/i.test(settings.endPoint)) {
    throw fieldError(
      'INVALID_INPUT',
      'end_point',
      `must be https: developer authentication ${id} shows a certificate, which needs TLS`,
    );
  }
  if (settings.signing && authentication?.sealedKeys.signing_secret === undefined) {
    throw fieldError(
      'INVALID_INPUT',
      'signing',
      'needs a developer authentication with a signing_secret; add one to its keys, or set signing to false',
    );
  }
}

/**
 * What is refused whatever a resolver says; the rest is told when it is connected to. Asked only of
 * what is given: a rule must be switched off even where its end point is refused by now.
 */
function checkTarget(
  settings: IntegrationSettings,
  change: IntegrationChange,
  targets: TargetGuard,
): void {
  if (change.endPoint === undefined && change.integrationExtraDetails === undefined) return;
  const list = allowedTargetsOf(settings);
  const errors = (list ?? []).flatMap((entry, index) => {
    const reason = allowedTargetFault(entry);
    return reason ? [{ field: `integrationExtraDetails.allowed_targets.${index}`, reason }] : [];
  });
  const first = errors[0];
  if (first) throw new LabRelayError('INVALID_INPUT', `${first.field}: ${first.reason}`, errors);
  const fault = targets.fault(settings.endPoint, list);
  if (fault) throw fieldError('INVALID_INPUT', 'end_point', fault);
}

/**
 * What an outside worker cannot do. Its connections are its own: LabRelay gives it what to send, but no
 * private key, and speaks MLLP only itself.
 */
function checkExecutor(memory: ConfigurationMemory, settings: IntegrationSettings): void {
  if (settings.executor !== 'external') return;
  const fault = (reason: string) => fieldError('INVALID_INPUT', 'executor', reason);
  if (settings.transport !== 'http') {
    throw fault('external goes with the transport http only; use local');
  }
  const id = settings.developerAuthenticationId;
  if (id !== null && memory.authentications.get(id)?.kind === 'mtls') {
    throw fault(
      `external cannot show the client certificate of developer authentication ${id}, which LabRelay gives to nobody; use local, or other credentials`,
    );
  }
}

/** What the contract cannot check, since it needs a parser of the engine's. */
function checkSyntax(settings: IntegrationSettings, change: IntegrationChange): void {
  if (change.orderingKey) {
    const fault = expressionFault(change.orderingKey);
    if (fault) throw fieldError('MAPPING_FAILED', 'ordering_key', fault);
  }
  const errors = (change.retryPolicy?.quietHours ?? []).flatMap((expression, index) => {
    const reason = quietHourFault(expression);
    return reason ? [{ field: `retry_policy.quiet_hours.${index}`, reason }] : [];
  });
  if (errors.length === 0 && neverEnd(change.retryPolicy?.quietHours ?? [])) {
    const free = 'leave no minute of the week free, so nothing would ever be sent again';
    const cure = 'shorten them, or set is_retry_enabled to false';
    errors.push({ field: 'retry_policy.quiet_hours', reason: `${free}; ${cure}` });
  }
  const ca = caOf(settings);
  const reason = ca === null ? null : certificateFault(ca);
  if (reason) errors.push({ field: 'integrationExtraDetails.tls.ca', reason });
  const first = errors[0];
  if (first) throw new LabRelayError('INVALID_INPUT', `${first.field}: ${first.reason}`, errors);
}

function caOf(settings: IntegrationSettings): string | null {
  const tls = settings.integrationExtraDetails.tls;
  if (typeof tls !== 'object' || tls === null || Array.isArray(tls)) return null;
  return typeof tls.ca === 'string' ? tls.ca : null;
}
