/** Words by which names of headers and parameters tell that they carry a credential. */
const CREDENTIAL_WORDS =
  /(api|access|subscription|functions|private)[-_]?key|token|secret|passw(or)?d|credential|signature/i;

/** Headers that carry one without such a word (RFC 9110, 11; RFC 6265). */
const CREDENTIAL_HEADERS = /^(proxy-)?authorization$|^(set-)?cookie$/i;

/** Parameters likewise, as many services call them. */
const CREDENTIAL_PARAMETERS = /^(key|sig|auth|pass|pwd|authorization)$/i;

/** Signatures of Standard Webhooks prove a message and open nothing; partners' support reads them. */
const NOT_SECRET = /^webhook-signature$/i;

/**
 * Whether a header of this name carries a credential, whoever sends it: rules must not hold one,
 * since every viewer reads them, and none is kept in clear.
 */
export function isCredentialHeader(name: string): boolean {
  return (CREDENTIAL_HEADERS.test(name) || CREDENTIAL_WORDS.test(name)) && !NOT_SECRET.test(name);
}

/** Whether a query parameter of this name carries a credential. */
export function isCredentialParameter(name: string): boolean {
  return CREDENTIAL_PARAMETERS.test(name) || CREDENTIAL_WORDS.test(name);
}
