import { X509Certificate } from 'node:crypto';
import { createSecureContext, getCACertificates, type SecureContext } from 'node:tls';

const PEM = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

/** A custom CA that holds no certificate, or one that cannot be read. */
export class UnreadableCa extends Error {
  constructor() {
    super(
      "The rule's custom CA holds no readable certificate. Give it as PEM, from BEGIN CERTIFICATE to END CERTIFICATE.",
    );
  }
}

/**
 * What TLS trusts for a rule with a custom CA: that, beside the authorities that are trusted anyway,
 * so that a partner may move to a public certificate. It takes some 20 ms, so it is made once for
 * many connections.
 *
 * @throws UnreadableCa, since Node would pass over what it cannot read and trust nobody's word
 */
export function trusting(ca: string): SecureContext {
  const certificates = ca.match(PEM) ?? [];
  if (certificates.length === 0 || !certificates.every(isReadable)) throw new UnreadableCa();
  return createSecureContext({ ca: [...getCACertificates('default'), ...certificates] });
}

function isReadable(certificate: string): boolean {
  try {
    return new X509Certificate(certificate).validTo !== '';
  } catch {
    // OpenSSL's own words for it would help nobody.
    return false;
  }
}
