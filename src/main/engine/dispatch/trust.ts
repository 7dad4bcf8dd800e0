import { X509Certificate } from 'node:crypto';
import { createSecureContext, getCACertificates, type SecureContext } from 'node:tls';
import type { ClientCertificate } from './transport.ts';

const PEM = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

/** What a rule brings for TLS cannot be used; told to operators, and nothing was sent. */
export class UnusableTls extends Error {}

/** A custom CA that holds no certificate, or one that cannot be read. */
class UnreadableCa extends UnusableTls {
  constructor() {
    super(
      "The rule's custom CA holds no readable certificate. Give it as PEM, from BEGIN CERTIFICATE to END CERTIFICATE.",
    );
  }
}

/** A client certificate that TLS does not take; it was checked when it was saved. */
class UnusableCertificate extends UnusableTls {
  constructor() {
    super(
      'The client certificate cannot be used with its private key. Enter both again in the developer authentication.',
    );
  }
}

/**
 * What TLS works with for a rule: whom it trusts, and what it shows. A custom CA comes beside the
 * authorities that are trusted anyway, so that a partner may move to a public certificate. It takes
 * some 20 ms, so it is made once for many connections.
 *
 * @returns null where nothing differs from the usual
 * @throws UnusableTls, since Node would pass over what it cannot read and trust nobody's word
 */
export function secureContextOf(
  ca: string | null,
  client: ClientCertificate | null,
): SecureContext | null {
  if (ca === null && client === null) return null;
  const trusted = ca === null ? {} : { ca: [...getCACertificates('default'), ...readable(ca)] };
  if (client === null) return createSecureContext(trusted);
  const { certificate, privateKey, passphrase } = client;
  try {
    return createSecureContext({
      ...trusted,
      cert: certificate,
      key: privateKey,
      ...(passphrase === null ? {} : { passphrase }),
    });
  } catch {
    // OpenSSL's own words for it would help nobody, and none of the key may reach a log.
    throw new UnusableCertificate();
  }
}

function readable(ca: string): string[] {
  const certificates = ca.match(PEM) ?? [];
  if (certificates.length === 0 || !certificates.every(isReadable)) throw new UnreadableCa();
  return certificates;
}

function isReadable(certificate: string): boolean {
  try {
    return new X509Certificate(certificate).validTo !== '';
  } catch {
    // OpenSSL's own words for it would help nobody.
    return false;
  }
}
