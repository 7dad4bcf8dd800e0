import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import type { FieldError } from '../../../shared/errors.ts';
import type { JsonValue } from '../../../shared/model/json.ts';

/** What people want to know of a client certificate. */
export interface CertificateFacts {
  /** One line, e.g. `CN=lab-north, O=Lab North`. */
  subject: string;
  issuer: string;
  /** Epoch ms. */
  expiresAt: number;
}

/** The facts of the first certificate of a PEM chain, which is ours; null where it does not read. */
export function certificateFacts(pem: string): CertificateFacts | null {
  try {
    const { subject, issuer, validTo } = new X509Certificate(pem);
    return {
      subject: oneLine(subject),
      issuer: oneLine(issuer),
      expiresAt: new Date(validTo).getTime(),
    };
  } catch {
    // OpenSSL's own words for it would help nobody.
    return null;
  }
}

/**
 * Why TLS could not show a certificate with this key, with the cure; null: it can. The certificate
 * itself reads already.
 * @param key its parts, null where a stored one does not open any more
 */
export function clientCertificateFault(
  certificate: JsonValue | undefined,
  { privateKey, passphrase }: { privateKey: string | null; passphrase: string | null | undefined },
): FieldError | null {
  if (typeof certificate !== 'string') return null;
  if (privateKey === null || passphrase === null) {
    const field = privateKey === null ? 'keys.private_key' : 'keys.passphrase';
    return { field, reason: 'cannot be opened with the present key file; enter it again' };
  }
  const key = readKey(privateKey, passphrase);
  if ('field' in key) return key;
  if (!new X509Certificate(certificate).checkPrivateKey(key.read)) {
    return {
      field: 'keys.private_key',
      reason:
        "is not the certificate's key; the chain begins with our own certificate, followed by those of its authorities",
    };
  }
  try {
    createSecureContext({ cert: certificate, key: privateKey, passphrase });
    return null;
  } catch {
    return {
      field: 'keys.certificate',
      reason: 'is one that TLS does not take, e.g. for its weak key or signature; ask for another',
    };
  }
}

function readKey(pem: string, passphrase: string | undefined): { read: KeyObject } | FieldError {
  try {
    return { read: createPrivateKey({ key: pem, passphrase: passphrase ?? '' }) };
  } catch {
    // What OpenSSL says differs between versions and may quote; whether it is encrypted stands in it.
    if (!/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(pem)) {
      return {
        field: 'keys.private_key',
        reason: 'must be a PEM private key (-----BEGIN PRIVATE KEY-----)',
      };
    }
    if (!/ENCRYPTED/.test(pem)) {
      return { field: 'keys.private_key', reason: 'cannot be read; export it again as PEM' };
    }
    return {
      field: 'keys.passphrase',
      reason:
        passphrase === undefined
          ? 'is needed: the private key is encrypted'
          : 'does not open the private key',
    };
  }
}

function oneLine(name: string): string {
  return name.replaceAll('\n', ', ');
}
