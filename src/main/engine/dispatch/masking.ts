import { isCredentialHeader } from '../../../shared/credential-names.ts';
import type { HeaderRecord } from '../../../shared/model/delivery.ts';

/** What stands in a stored document in place of a secret. */
export const MASK = '••••';

/**
 * Headers as they may be stored: credentials are masked before they are written. An authorization
 * scheme stays readable, since "Basic instead of Bearer" is a fault people look for.
 *
 * @param alsoSecret names, in lower case, that the rule's authentication uses
 */
export function maskHeaders(
  headers: HeaderRecord,
  alsoSecret: readonly string[] = [],
): HeaderRecord {
  const masked: HeaderRecord = {};
  for (const name in headers) {
    const value = headers[name] ?? '';
    const secret = alsoSecret.includes(name.toLowerCase()) || isCredentialHeader(name);
    masked[name] = secret ? maskValue(value) : value;
  }
  return masked;
}

function maskValue(value: string): string {
  const scheme = /^(Basic|Bearer|Digest) /i.exec(value)?.[0] ?? '';
  return scheme + MASK;
}
