import type { DeveloperAuthentication } from '../../../shared/model/configuration.ts';
import { isJsonObject } from '../../../shared/model/json.ts';
import { NotSendable } from './not-sendable.ts';
import type { Outcome, PartnerRequest, TransportLimits } from './transport.ts';

/** A token that a token endpoint gave. */
export interface GrantedToken {
  token: string;
  /** Seconds from the answer on. */
  expiresIn: number;
}

/**
 * Where an endpoint does not say how long its token lives (RFC 6749, 5.1 only recommends it). Short:
 * asking again costs little, and the partner's 401 tells in any case.
 */
const UNTOLD_LIFETIME_S = 300;

/** Longer lives are cut to it; the token is in memory only and ends with the engine anyway. */
const LONGEST_LIFETIME_S = 30 * 24 * 3_600;

/** RFC 6749, 5.2: the words with which an endpoint refuses; any other is not repeated to people. */
const REFUSALS: Record<string, string> = {
  invalid_request: 'Check scope, audience and client_authentication',
  invalid_client: 'Check client_id, client_secret and client_authentication',
  invalid_grant: 'Ask the partner whether this client may use client credentials',
  unauthorized_client: 'Ask the partner whether this client may use client credentials',
  unsupported_grant_type: 'Ask the partner whether this is its token_url for client credentials',
  invalid_scope: 'Check scope',
};

/** The request for a token by client credentials (RFC 6749, 4.4.2). */
export function tokenRequest(
  { publicKeys }: DeveloperAuthentication,
  clientSecret: string,
  timeoutMs: number,
): { request: PartnerRequest; limits: TransportLimits } {
  const text = (key: string): string => {
    const value = publicKeys[key];
    return typeof value === 'string' ? value : '';
  };
  const form = new URLSearchParams({ grant_type: 'client_credentials' });
  for (const key of ['scope', 'audience']) if (text(key)) form.set(key, text(key));
  const headers: Record<string, string> = {
    'user-agent': 'LabRelay',
    accept: 'application/json',
    'content-type': 'application/x-www-form-urlencoded',
  };
  if (text('client_authentication') === 'body') {
    form.set('client_id', text('client_id'));
    form.set('client_secret', clientSecret);
  } else {
    // RFC 6749, 2.3.1: both are written as form values first, so that a colon cannot split wrongly.
    const pair = `${formValue(text('client_id'))}:${formValue(clientSecret)}`;
    headers['authorization'] = `Basic ${Buffer.from(pair).toString('base64')}`;
  }
  return {
    request: { method: 'POST', url: text('token_url'), headers, body: form.toString() },
    limits: {
      connectTimeoutMs: Math.min(5_000, timeoutMs),
      timeoutMs,
      tls: text('ca') ? { ca: text('ca'), serverName: null } : null,
    },
  };
}

/**
 * The token of an endpoint's answer.
 * @throws NotSendable `CREDENTIALS` where there is none; nothing of the answer is in its message but
 *   its status and a word of RFC 6749
 */
export function grantedToken(
  { name, publicKeys }: DeveloperAuthentication,
  outcome: Outcome,
): GrantedToken {
  const url = publicKeys['token_url'];
  const host = (typeof url === 'string' && URL.parse(url)?.host) || 'nowhere';
  const refuse = (what: string): never => {
    throw new NotSendable(`No token for "${name}" from ${host}: ${what}`, 'CREDENTIALS');
  };
  const { responseStatusCode: status, errorKind, errorMessage } = outcome;
  if (errorKind === 'TIMEOUT') return refuse('it did not answer in time. Check whether it is up.');
  if (errorKind === 'CONNECTION_LOST' || errorKind === 'BAD_RESPONSE') {
    return refuse('its answer broke off or is no HTTP. Check token_url.');
  }
  // What the transport says of all others is that no connection came about, and why.
  if (errorKind !== null || status === null) return refuse(errorMessage ?? 'it gave no answer.');
  const answer = outcome.responseBodyCut ? null : parsed(outcome.responseBody ?? '');
  if (status !== 200) {
    const word = isJsonObject(answer) ? answer['error'] : null;
    if (typeof word === 'string' && Object.hasOwn(REFUSALS, word)) {
      return refuse(`it answered ${status} ${word}. ${REFUSALS[word]}.`);
    }
    return refuse(
      status >= 300 && status < 400
        ? `it answered ${status}, and redirects are not followed. Check token_url.`
        : `it answered ${status}. Check token_url, and whether the partner's token endpoint is up.`,
    );
  }
  if (!isJsonObject(answer)) return refuse('its answer is no JSON object. Check token_url.');
  const { access_token: token, token_type: type, expires_in: expiresIn } = answer;
  if (typeof token !== 'string' || !/^[\x21-\x7e]{1,16384}$/.test(token)) {
    return refuse('its answer has no access_token that a header can hold. Check token_url.');
  }
  if (type !== undefined && !(typeof type === 'string' && /^bearer$/i.test(type))) {
    return refuse('its token is not of type Bearer, the only one that LabRelay can use.');
  }
  // Some write the number as text.
  const seconds = expiresIn === undefined ? Number.NaN : Number(expiresIn);
  const told = Number.isFinite(seconds) && seconds >= 0 ? seconds : UNTOLD_LIFETIME_S;
  return { token, expiresIn: Math.min(told, LONGEST_LIFETIME_S) };
}

function formValue(text: string): string {
  return new URLSearchParams({ v: text }).toString().slice(2);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The parser's own message would quote the answer.
    return null;
  }
}
