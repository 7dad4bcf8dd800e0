import { X509Certificate } from 'node:crypto';
import jsonata from 'jsonata';
import { validate } from 'node-cron';

const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g;

/** Why a text is no list of PEM certificates, with the cure; null: it is one. */
export function certificateFault(pem: string): string | null {
  const certificates = pem.match(PEM_CERTIFICATE) ?? [];
  if (certificates.length === 0) {
    return 'must hold PEM certificates (-----BEGIN CERTIFICATE-----)';
  }
  if (pem.replaceAll(PEM_CERTIFICATE, '').includes('-----BEGIN')) {
    return 'must hold whole certificates only; remove keys and broken parts';
  }
  const broken = certificates.findIndex((certificate) => !isCertificate(certificate));
  return broken === -1 ? null : `certificate ${broken + 1} cannot be read; export it again as PEM`;
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).serialNumber !== '';
  } catch {
    return false;
  }
}

/**
 * Why a text is no JSONata expression; null: it parses. Parsing alone is harmless (no evaluation,
 * and the contract bounds the length), so it needs no child process.
 */
export function expressionFault(expression: string): string | null {
  try {
    jsonata(expression);
    return null;
  } catch (error) {
    const told = (error as { message?: unknown } | null)?.message;
    return `is no JSONata expression: ${typeof told === 'string' ? told : 'it does not parse'}`;
  }
}

/** Why a text is no cron expression; null: it is one. */
export function quietHourFault(expression: string): string | null {
  return expression.trim().split(/\s+/).length === 5 && validate(expression)
    ? null
    : 'must be a cron expression of five fields, e.g. "* 22-23 * * *"';
}
