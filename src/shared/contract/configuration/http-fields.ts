import { z } from 'zod';
import { isCredentialHeader, isCredentialParameter } from '../../credential-names.ts';

/** `token` of RFC 9110, 5.6.2: what a header name may consist of. */
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** Visible ASCII and spaces: the part of RFC 9110's field-value (5.5) that every receiver reads alike. */
const HEADER_VALUE = /^[\x20-\x7e]*$/;

/** Hop-by-hop fields (RFC 9110, 7.6.1) and those that the HTTP client writes itself. */
const MANAGED = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** Why a header cannot be set by a rule or an API-key authentication, with the cure; null: it can. */
export function headerNameFault(name: string): string | null {
  const lower = name.toLowerCase();
  if (name.length > 100 || !HEADER_NAME.test(name)) {
    return 'is not a header name; use letters, digits and hyphens (RFC 9110 token)';
  }
  if (MANAGED.has(lower) || lower.startsWith('webhook-') || lower.startsWith('x-labrelay-')) {
    return 'is set by LabRelay itself; remove the header';
  }
  if (lower.replaceAll('-', '_') === 'integration_callback_url') {
    return "reports go to LabRelay's own handler; remove the header";
  }
  return null;
}

/** Likewise for a header's value. */
export function headerValueFault(value: string): string | null {
  if (value.length > 4_000) return 'must have at most 4000 characters';
  if (!HEADER_VALUE.test(value)) return 'must be visible ASCII characters and spaces on one line';
  return null;
}

/** Extra headers of a rule. */
export const headers = z
  .record(z.string(), z.string({ error: 'must be text' }))
  .superRefine((record, context) => {
    const entries = Object.entries(record);
    const refuse = (path: string[], message: string) =>
      context.addIssue({ code: 'custom', path, message });
    if (entries.length > 50) refuse([], 'must not be more than 50 headers');
    const seen = new Set<string>();
    for (const [name, value] of entries) {
      const lower = name.toLowerCase();
      const fault =
        headerNameFault(name) ??
        (isCredentialHeader(name)
          ? 'carries a credential; use a developer authentication instead'
          : null) ??
        (seen.has(lower) ? 'is given twice; keep one' : null) ??
        headerValueFault(value);
      if (fault) refuse([name], fault);
      seen.add(lower);
    }
  });

/** Why an address cannot be an end point, with the cure; null: it can. */
function endPointFault(address: string): string | null {
  if (/[\s\p{Cc}]/u.test(address)) return 'must not hold spaces or control characters';
  if (!URL.canParse(address))
    return 'must be an absolute URL, e.g. https://partner.example/results';
  const url = new URL(address);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return 'must be an http or https URL';
  // The parser also takes `http:partner` and `http:\\partner`, which other programs read otherwise.
  if (!/^https?:\/\/[^/\\]/i.test(address)) {
    return 'must be an absolute URL, e.g. https://partner.example/results';
  }
  if (url.username || url.password || /^[^/]*\/\/[^/?#]*@/.test(address)) {
    return 'must not hold user and password; use a developer authentication of kind basic';
  }
  if (address.includes('#')) return 'must not hold a fragment; remove the # and what follows';
  const credential = [...url.searchParams.keys()].find(isCredentialParameter);
  // Rules are readable by every viewer, and addresses get into logs on the way.
  return credential === undefined
    ? null
    : `must not carry a credential in its query (${credential}); use a developer authentication of kind api_key`;
}

/** Where a rule sends to: an absolute http(s) URL. Whether the target is allowed is told when it resolves. */
export const endPoint = z
  .string({ error: 'must be an http or https URL' })
  .max(2_000, { error: 'must have at most 2000 characters' })
  .superRefine((address, context) => {
    const fault = endPointFault(address);
    if (fault) context.addIssue({ code: 'custom', message: fault });
  });
