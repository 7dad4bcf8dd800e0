import type {
  DeveloperAuthentication,
  LabIntegration,
} from '../../../shared/model/configuration.ts';
import {
  type ClaimedTask,
  type HeaderRecord,
  revisionKey,
} from '../../../shared/model/delivery.ts';
import { isJsonObject } from '../../../shared/model/json.ts';
import type { ConfigurationLookup } from '../configuration/lookup.ts';
import { FLAT_OBJECT, queryOfBody } from '../payload/query.ts';
import { signingSecrets } from '../configuration/signing-keys.ts';
import { allowedTargetsOf } from '../targets/allowed.ts';
import { ANONYMOUS, type Credentials, type CredentialSource } from './credentials.ts';
import { type KnownCredentials, knownCredentials, NO_CREDENTIALS } from './known-credentials.ts';
import { maskHeaders } from './masking.ts';
import { NotSendable } from './not-sendable.ts';
import { signWebhook } from './signature.ts';
import type { PartnerRequest, TransportLimits } from './transport.ts';

const DEFAULT_CONNECT_TIMEOUT_MS = 5_000;

/** An attempt made ready: what leaves, how, and how it may be stored. */
export interface PreparedAttempt {
  rule: LabIntegration;
  request: PartnerRequest;
  limits: TransportLimits;
  /** The request's headers with secrets masked. */
  storedHeaders: HeaderRecord;
  /** What the request was given to prove who calls. */
  authorization: Credentials;
  /** What must not be kept where the partner repeats it. */
  credentials: KnownCredentials;
}

/** A rule that can be used, with its authentication's secrets, opened when first asked for. */
interface UsableRule {
  rule: LabIntegration;
  authentication: DeveloperAuthentication | null;
  secrets: () => Record<string, string>;
}

/**
 * Makes an attempt ready from the rule's *current* version: URL, method, credentials, TLS and
 * time-outs are read when the attempt starts, so a mended rule reaches what waits; the body belongs
 * to its revision.
 *
 * @returns a promise only where a token must be fetched first
 * @throws NotSendable (also as the promise's) where the rule cannot be used as it is
 */
export function prepareAttempt(
  task: ClaimedTask,
  configuration: ConfigurationLookup,
  source: CredentialSource,
  now: number,
): PreparedAttempt | Promise<PreparedAttempt> {
  const usable = usableRule(task.labIntegrationId, configuration, source);
  const { authentication, secrets } = usable;
  const authorization = authentication ? source.of(authentication, secrets) : ANONYMOUS;
  if (!(authorization instanceof Promise)) return attemptOf(task, usable, authorization, now);
  return authorization.then((fetched) =>
    // Whoever mended the rule while the token was fetched is to find that in what leaves.
    isCurrent(usable, configuration)
      ? attemptOf(task, usable, fetched, now)
      : prepareAttempt(task, configuration, source, now),
  );
}

/**
 * The rule as it is now, with what it is to be used with.
 * @throws NotSendable where it, or its authentication, is gone or switched off
 */
export function usableRule(
  labIntegrationId: number,
  configuration: ConfigurationLookup,
  source: Pick<CredentialSource, 'secretsOf'>,
): UsableRule {
  const rule = configuration.integration(labIntegrationId);
  if (!rule) throw new NotSendable('The rule of this delivery no longer exists.');
  const authentication = authenticationOf(rule, configuration);
  if (authentication?.kind === 'mtls' && !rule.endPoint.toLowerCase().startsWith('https:')) {
    throw new NotSendable(
      `The developer authentication "${authentication.name}" shows a certificate, which needs TLS. Change the end point to https.`,
    );
  }
  let opened: Record<string, string> | null = null;
  const secrets = () => (opened ??= authentication ? source.secretsOf(authentication) : {});
  return { rule, authentication, secrets };
}

function isCurrent({ rule, authentication }: UsableRule, configuration: ConfigurationLookup) {
  const { labIntegrationId, developerAuthenticationId: id } = rule;
  return (
    configuration.integration(labIntegrationId) === rule &&
    (id === null || configuration.authentication(id) === authentication)
  );
}

function attemptOf(
  task: ClaimedTask,
  { rule, authentication, secrets }: UsableRule,
  authorization: Credentials,
  now: number,
): PreparedAttempt {
  const key = revisionKey(task.logId, task.revision);
  const sendsBody = rule.method !== 'GET';

  const headers: HeaderRecord = { 'user-agent': 'LabRelay' };
  if (sendsBody) headers['content-type'] = task.contentType;
  for (const name in rule.headers) headers[name.toLowerCase()] = rule.headers[name] ?? '';
  Object.assign(headers, authorization.headers);
  // The key by which the receiver may drop repeats; signed or not.
  headers['webhook-id'] = key;
  if (rule.signing) {
    const keys = authentication ? signingSecrets(authentication, secrets(), now) : [];
    if (keys.length === 0) {
      throw new NotSendable(
        'The rule signs, but its developer authentication has no signing_secret. Add one or switch signing off.',
      );
    }
    const timestamp = Math.floor(now / 1_000);
    const body = sendsBody ? task.body : '';
    headers['webhook-timestamp'] = String(timestamp);
    headers['webhook-signature'] = keys
      .map((secret) => signWebhook(secret, key, timestamp, body))
      .join(' ');
  }

  const limits = limitsOf(rule);
  if (authorization.clientCertificate) limits.clientCertificate = authorization.clientCertificate;
  return {
    rule,
    request: {
      method: rule.method,
      url: sendsBody ? rule.endPoint : withQuery(rule.endPoint, task),
      headers,
      body: sendsBody ? task.body : null,
    },
    limits,
    storedHeaders: maskHeaders(headers, authorization.secretHeaders),
    authorization,
    credentials: authentication ? knownCredentials(authentication, secrets()) : NO_CREDENTIALS,
  };
}

/** The parts of a rule's extra details that this transport reads. */
export function limitsOf(rule: LabIntegration): TransportLimits {
  const { tls, connect_timeout_ms: connect } = rule.integrationExtraDetails;
  const allowed = allowedTargetsOf(rule);
  return {
    connectTimeoutMs: typeof connect === 'number' ? connect : DEFAULT_CONNECT_TIMEOUT_MS,
    timeoutMs: rule.timeoutMs,
    tls: isJsonObject(tls)
      ? {
          ca: typeof tls['ca'] === 'string' ? tls['ca'] : null,
          serverName: typeof tls['server_name'] === 'string' ? tls['server_name'] : null,
        }
      : null,
    ...(allowed ? { allowedTargets: allowed } : {}),
  };
}

/**
 * What proves who calls a lab's own system.
 * @throws NotSendable where the credentials cannot be used as they are, or no token is to be had
 */
export async function authorize(
  developerAuthenticationId: number | null,
  configuration: ConfigurationLookup,
  source: CredentialSource,
): Promise<Credentials> {
  const authentication = authenticationOf({ developerAuthenticationId }, configuration);
  return authentication ? await source.of(authentication) : ANONYMOUS;
}

/** The rule's authentication; null where it needs none. One that is missing is never passed over. */
function authenticationOf(
  { developerAuthenticationId }: Pick<LabIntegration, 'developerAuthenticationId'>,
  configuration: ConfigurationLookup,
): DeveloperAuthentication | null {
  if (developerAuthenticationId === null) return null;
  const authentication = configuration.authentication(developerAuthenticationId);
  if (!authentication) {
    throw new NotSendable(
      'The developer authentication of this rule no longer exists. Give the rule another.',
    );
  }
  if (!authentication.isActive) {
    throw new NotSendable(
      `The developer authentication "${authentication.name}" is switched off. Switch it on or give the rule another.`,
    );
  }
  return authentication;
}

/** @throws NotSendable where the payload cannot be carried in a query; none of it is quoted */
function withQuery(endPoint: string, { body }: ClaimedTask): string {
  const parameters = queryOfBody(body);
  if (!parameters) {
    throw new NotSendable(`Nothing was sent: ${FLAT_OBJECT}. Mend the mapping.`, 'PAYLOAD');
  }
  const url = new URL(endPoint);
  for (const [name, value] of parameters) url.searchParams.set(name, value);
  return url.href;
}
