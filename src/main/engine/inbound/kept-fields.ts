import { isCredentialParameter } from '../../../shared/credential-names.ts';
import type { HeaderRecord } from '../../../shared/model/delivery.ts';
import { withoutMadeKeys } from '../configuration/access-keys.ts';
import { MASK, maskHeaders } from '../dispatch/masking.ts';

/** Fields of the connection and of a browser's negotiations: they tell nothing of the call. */
const NOISE =
  /^(accept(-.*)?|connection|keep-alive|te|trailer|transfer-encoding|upgrade(-.*)?|pragma|cache-control|dnt|priority|origin|sec-.*)$/;

/** From so many characters on four of them give nothing away: made keys have 43 random ones. */
const HINTED_FROM = 32;

/** Shorter tokens occur in texts by chance. */
const SHORTEST_SOUGHT = 8;

/** An origin as browsers write it (RFC 6454, 6.2). */
const ORIGIN = /^(null|[a-z][a-z0-9+.-]{0,20}:\/\/[a-z0-9.:[\]_-]{1,255})$/i;

/**
 * The header fields of a call that are kept, credentials masked. `origin` has a field of its own in
 * the log.
 */
export function keptHeaders(
  headers: Readonly<Record<string, string | string[] | undefined>>,
  token: string | null,
): HeaderRecord {
  const kept: HeaderRecord = {};
  for (const name in headers) {
    const value = headers[name];
    if (value === undefined || NOISE.test(name)) continue;
    kept[name] = typeof value === 'string' ? value : value.join(', ');
  }
  const masked = maskHeaders(kept);
  for (const name in masked) {
    masked[name] = withoutToken(withoutCredentials(masked[name] ?? ''), token);
  }
  return masked;
}

/** A parameter of an address, in its query or behind it. */
const PARAMETER = /([?#&;])([^?#&;=\s]+)=[^?#&;\s]*/g;

/** Name and password within an address (RFC 3986, 3.2.1). */
const USER = /:\/\/[^/?#\s]*@/g;

/** Scheme and host of a request that is addressed as to a proxy (RFC 9112, 3.2.2). */
const AUTHORITY = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i;

/** The path of a call with the credentials of its query masked. */
export function keptPath(url: string, token: string | null): string {
  const path = url.startsWith('/') ? url : url.replace(AUTHORITY, '');
  return withoutToken(withoutParameters(path), token);
}

/** A text with addresses in it without their credentials. */
function withoutCredentials(text: string): string {
  const hidden = text.includes('@') ? text.replaceAll(USER, `://${MASK}@`) : text;
  return withoutParameters(hidden);
}

function withoutParameters(text: string): string {
  if (!text.includes('=')) return text;
  return text.replaceAll(PARAMETER, (whole, before: string, name: string) =>
    isCredentialParameter(decoded(name)) ? `${before}${name}=${MASK}` : whole,
  );
}

/**
 * Text in which the caller's own token does not stand, wherever it was put, nor any key that we have
 * made: one shown in the wrong place opens what it opens all the same.
 */
export function withoutToken(text: string, token: string | null): string {
  const known =
    token === null || token.length < SHORTEST_SOUGHT || !text.includes(token)
      ? text
      : text.replaceAll(token, MASK);
  return withoutMadeKeys(known);
}

/** The end of a token that no key has; null where the rest could be guessed from it. */
export function hintOf(token: string | null): string | null {
  return token !== null && token.length >= HINTED_FROM ? token.slice(-4) : null;
}

/** The `Origin` that a call names; masked where it is none, since then it may be anything. */
export function originOf(given: string | undefined): string | null {
  if (given === undefined) return null;
  return ORIGIN.test(given) ? given : MASK;
}

function decoded(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}
