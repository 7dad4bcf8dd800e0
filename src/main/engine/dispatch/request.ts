import type {
  DeveloperAuthentication,
  LabIntegration,
} from '../../../shared/model/configuration.ts';
import {
  type ClaimedTask,
  type HeaderRecord,
  revisionKey,
} from '../../../shared/model/delivery.ts';
import { isJsonObject, type JsonValue } from '../../../shared/model/json.ts';
import type { ConfigurationLookup } from '../configuration/lookup.ts';
import { FLAT_OBJECT, queryParameters } from '../payload/query.ts';
import { type KnownCredentials, knownCredentials, NO_CREDENTIALS } from './known-credentials.ts';
import { maskHeaders } from './masking.ts';
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
  /** What must not be kept where the partner repeats it. */
  credentials: KnownCredentials;
}

/** Why an attempt cannot be made as configured; told to operators. */
export class NotSendable extends Error {}

/**
 * Makes an attempt ready from the rule's *current* version: URL, method, credentials, TLS and
 * time-outs are read when the attempt starts, so a mended rule reaches what waits; the body belongs
 * to its revision.
 *
 * @throws NotSendable where the rule cannot be used as it is
 */
export function prepareAttempt(
  task: ClaimedTask,
  configuration: ConfigurationLookup,
  now: number,
): PreparedAttempt {
  const rule = configuration.integration(task.labIntegrationId);
  if (!rule) throw new NotSendable('The rule of this delivery no longer exists.');
  const authentication = authenticationOf(rule, configuration);
  const secrets = authentication ? openSecrets(configuration, authentication) : {};
  const credential = authentication ? credentialHeader(authentication, secrets) : null;
  const key = revisionKey(task.logId, task.revision);
  const sendsBody = rule.method !== 'GET';

  const headers: HeaderRecord = { 'user-agent': 'LabRelay' };
  if (sendsBody) headers['content-type'] = task.contentType;
  for (const name in rule.headers) headers[name.toLowerCase()] = rule.headers[name] ?? '';
  if (credential) headers[credential.name] = credential.value;
  // The key by which the receiver may drop repeats; signed or not.
  headers['webhook-id'] = key;
  if (rule.signing) {
    const secret = secrets['signing_secret'];
    if (!secret) {
      throw new NotSendable(
        'The rule signs, but its developer authentication has no signing_secret. Add one or switch signing off.',
      );
    }
    const timestamp = Math.floor(now / 1_000);
    headers['webhook-timestamp'] = String(timestamp);
    headers['webhook-signature'] = signWebhook(secret, key, timestamp, sendsBody ? task.body : '');
  }

  return {
    rule,
    request: {
      method: rule.method,
      url: sendsBody ? rule.endPoint : withQuery(rule.endPoint, task),
      headers,
      body: sendsBody ? task.body : null,
    },
    limits: limitsOf(rule),
    storedHeaders: maskHeaders(headers, credential ? [credential.name] : []),
    credentials: authentication ? knownCredentials(authentication, secrets) : NO_CREDENTIALS,
  };
}

/** The parts of a rule's extra details that this transport reads. */
export function limitsOf(rule: LabIntegration): TransportLimits {
  const { tls, connect_timeout_ms: connect } = rule.integrationExtraDetails;
  return {
    connectTimeoutMs: typeof connect === 'number' ? connect : DEFAULT_CONNECT_TIMEOUT_MS,
    timeoutMs: rule.timeoutMs,
    tls: isJsonObject(tls)
      ? {
          ca: typeof tls['ca'] === 'string' ? tls['ca'] : null,
          serverName: typeof tls['server_name'] === 'string' ? tls['server_name'] : null,
        }
      : null,
  };
}

/**
 * What proves who calls a lab's own system.
 * @throws NotSendable where the credentials cannot be used as they are
 */
export function authorize(
  developerAuthenticationId: number | null,
  configuration: ConfigurationLookup,
): { headers: HeaderRecord; tls: null } {
  const authentication = authenticationOf({ developerAuthenticationId }, configuration);
  const credential = authentication
    ? credentialHeader(authentication, openSecrets(configuration, authentication))
    : null;
  return { headers: credential ? { [credential.name]: credential.value } : {}, tls: null };
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

function openSecrets(
  configuration: ConfigurationLookup,
  authentication: DeveloperAuthentication,
): Record<string, string> {
  try {
    return configuration.openSecrets(authentication);
  } catch {
    // Whatever the vault says, no part of a secret may reach a log.
    throw new NotSendable(
      `The secrets of the developer authentication "${authentication.name}" cannot be opened with the present key file. Enter them again.`,
    );
  }
}

/** The header that proves who calls; null where the kind needs none. */
function credentialHeader(
  { kind, name, publicKeys }: DeveloperAuthentication,
  secrets: Record<string, string>,
): { name: string; value: string } | null {
  const secret = (key: string): string => {
    const value = secrets[key];
    if (value) return value;
    throw new NotSendable(`The developer authentication "${name}" has no ${key}. Enter it again.`);
  };
  switch (kind) {
    case 'none':
      return null;
    case 'basic': {
      const user = textOf(publicKeys['username'], '');
      // RFC 7617: user-id and password joined by a colon, in base64.
      const pair = Buffer.from(`${user}:${secret('password')}`).toString('base64');
      return { name: 'authorization', value: `Basic ${pair}` };
    }
    case 'bearer':
      return { name: 'authorization', value: `Bearer ${secret('token')}` };
    case 'api_key':
      return {
        name: textOf(publicKeys['header'], 'x-api-key').toLowerCase(),
        value: secret('value'),
      };
    case 'oauth2':
    case 'mtls':
      throw new NotSendable(
        `The developer authentication "${name}" is of kind ${kind}, which this version of LabRelay cannot use.`,
      );
  }
}

function textOf(value: JsonValue | undefined, otherwise: string): string {
  return typeof value === 'string' ? value : otherwise;
}

/** @throws NotSendable where the payload cannot be carried in a query; none of it is quoted */
function withQuery(endPoint: string, { body }: ClaimedTask): string {
  const parameters = queryParameters(jsonOf(body));
  if (!parameters) throw new NotSendable(`Nothing was sent: ${FLAT_OBJECT}. Mend the mapping.`);
  const url = new URL(endPoint);
  for (const [name, value] of parameters) url.searchParams.set(name, value);
  return url.href;
}

function jsonOf(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}
