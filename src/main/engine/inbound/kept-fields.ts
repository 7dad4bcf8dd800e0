import { isCredentialParameter } from '../../../shared/credential-names.ts';
import type { HeaderRecord } from '../../../shared/model/delivery.ts';
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
  for (const name in masked) masked[name] = withoutToken(masked[name] ?? '', token);
  return masked;
}

/** The path of a call with the credentials of its query masked. */
export function keptPath(url: string, token: string | null): string {
  const query = url.indexOf('?');
  if (query < 0) return url;
  const parameters = url
    .slice(query + 1)
    .split('&')
    .map((parameter) => {
      const [name = ''] = parameter.split('=', 1);
      return isCredentialParameter(decoded(name)) ? `${name}=${MASK}` : parameter;
    });
  return withoutToken(`${url.slice(0, query)}?${parameters.join('&')}`, token);
}

/** Text in which the caller's own token does not stand, wherever it was put. */
export function withoutToken(text: string, token: string | null): string {
  if (token === null || token.length < SHORTEST_SOUGHT || !text.includes(token)) return text;
  return text.replaceAll(token, MASK);
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
