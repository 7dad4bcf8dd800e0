import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

/** What a third party gives a lab so that it may call: made anew at every start of the partner. */
export interface PartnerCredentials {
  username: string;
  password: string;
  bearer_token: string;
  api_key: string;
  /** Standard Webhooks secret, `whsec_` and base64. */
  signing_secret: string;
}

/** Header in which the partner wants its API key. */
export const API_KEY_HEADER = 'x-partner-key';

/** How far a signed call's time may be off, in seconds (Standard Webhooks recommends 5 minutes). */
const SIGNATURE_TOLERANCE_S = 300;

const randomText = (): string => randomBytes(18).toString('base64url');

export function makeCredentials(): PartnerCredentials {
  return {
    username: 'sahyadri-lab',
    password: randomText(),
    bearer_token: randomText(),
    api_key: randomText(),
    signing_secret: `whsec_${randomBytes(24).toString('base64')}`,
  };
}

/** What a route of the partner asks of its callers. */
export type Guard = 'none' | 'basic' | 'bearer' | 'api_key' | 'signature';

/** Why a call is turned away with 401, or null where it may pass. */
export function refusal(
  guard: Guard,
  headers: IncomingHttpHeaders,
  body: Buffer,
  credentials: PartnerCredentials,
  now: number,
): string | null {
  switch (guard) {
    case 'none':
      return null;
    case 'basic': {
      const pair = Buffer.from(`${credentials.username}:${credentials.password}`);
      return same(headers.authorization, `Basic ${pair.toString('base64')}`)
        ? null
        : 'wrong user name or password';
    }
    case 'bearer':
      return same(headers.authorization, `Bearer ${credentials.bearer_token}`)
        ? null
        : 'wrong bearer token';
    case 'api_key':
      return same(headers[API_KEY_HEADER], credentials.api_key) ? null : 'wrong API key';
    case 'signature':
      return signatureRefusal(headers, body, credentials.signing_secret, now);
  }
}

/**
 * Verifies a Standard Webhooks signature as a receiver would, from the published scheme alone and
 * with none of the sender's code: HMAC-SHA256 over `id.timestamp.body`, base64, listed as `v1,…`
 * with spaces between several keys' signatures.
 */
export function signatureRefusal(
  headers: IncomingHttpHeaders,
  body: Buffer,
  secret: string,
  now: number,
): string | null {
  const id = headers['webhook-id'];
  const timestamp = headers['webhook-timestamp'];
  const signatures = headers['webhook-signature'];
  if (typeof id !== 'string' || typeof timestamp !== 'string' || typeof signatures !== 'string') {
    return 'webhook-id, webhook-timestamp or webhook-signature is missing';
  }
  const sentAt = Number(timestamp);
  if (!Number.isInteger(sentAt)) return 'webhook-timestamp is no time in whole seconds';
  if (Math.abs(now / 1_000 - sentAt) > SIGNATURE_TOLERANCE_S) return 'webhook-timestamp is off';
  const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
  const expected = createHmac('sha256', key)
    .update(`${id}.${timestamp}.`)
    .update(body)
    .digest('base64');
  return signatures.split(' ').some((signature) => same(signature, `v1,${expected}`))
    ? null
    : 'no signature fits';
}

function same(given: string | string[] | undefined, expected: string): boolean {
  if (typeof given !== 'string') return false;
  const a = Buffer.from(given);
  const b = Buffer.from(expected);
  return a.length === b.length && timingSafeEqual(a, b);
}
