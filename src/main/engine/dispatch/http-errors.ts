import { TargetRefused } from '../targets/guard.ts';
import type { ErrorKind } from '../../../shared/model/vocabulary.ts';

/** What an HTTP call's error means, by its code alone: texts differ between versions and platforms. */
export interface HttpFault {
  kind: ErrorKind;
  message: string;
}

/** Name of undici's parser errors, whose own code is undefined in undici 8. */
const PARSER_ERROR = 'HTTPParserError';

const TLS_CODES =
  /^(ERR_TLS_|ERR_SSL_|ERR_OSSL_|CERT_|UNABLE_TO_|DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT|HOSTNAME_MISMATCH|INVALID_CA|EPROTO)/;

/**
 * Alerts by which a partner refuses the certificate that we showed, or that we showed none. In TLS 1.3
 * they come when the handshake is over for us and the request may be on its way already; the partner
 * ends the handshake with them, so it has read none of that (RFC 8446, 4.4.2.4 and 6.2).
 */
const CERTIFICATE_ALERTS =
  /_ALERT_(CERTIFICATE_REQUIRED|BAD_CERTIFICATE|UNSUPPORTED_CERTIFICATE|CERTIFICATE_REVOKED|CERTIFICATE_EXPIRED|CERTIFICATE_UNKNOWN|UNKNOWN_CA|ACCESS_DENIED)$/;

/** Likewise, where it came before the handshake was over: then it may mean other things as well. */
const HANDSHAKE_ALERTS = /_ALERT_(HANDSHAKE_FAILURE|DECRYPT_ERROR)$/;

/** What undici's parser says of bytes that are no HTTP answer. */
const NOT_HTTP = new Set([
  PARSER_ERROR,
  'UND_ERR_RES_CONTENT_LENGTH_MISMATCH',
  // A status code below 100.
  'ERR_ASSERTION',
]);

/**
 * How far a call had come: before `sent` no byte of the request had left, whatever the error says;
 * from `answering` on the partner's status line was read.
 */
export type CallPhase = 'connecting' | 'sent' | 'answering';

/** Sorts an error of a call. */
export function httpFault(error: unknown, host: string, phase: CallPhase): HttpFault {
  if (error instanceof TargetRefused) return { kind: 'TARGET_REFUSED', message: error.message };
  const code = codeOf(error);
  if (phase !== 'answering' && CERTIFICATE_ALERTS.test(code)) {
    return {
      kind: 'TLS',
      message: `${host} did not take our client certificate (${code}). Give the rule a developer authentication of kind mtls with a certificate that the partner knows.`,
    };
  }
  return phase === 'connecting' ? faultBeforeBytes(code, host) : faultAfterBytes(code, phase);
}

function faultBeforeBytes(code: string, host: string): HttpFault {
  if (code === 'ENOTFOUND' || code.startsWith('EAI_')) {
    return {
      kind: 'DNS',
      message: `The name ${host} did not resolve (${code}). Check the end point's host name and this machine's DNS.`,
    };
  }
  if (code === 'UND_ERR_CONNECT_TIMEOUT' || code === 'ETIMEDOUT') {
    return {
      kind: 'CONNECT_TIMEOUT',
      message: `No connection to ${host} within the connect time-out. Check that the partner is up and no firewall drops the packets.`,
    };
  }
  if (HANDSHAKE_ALERTS.test(code)) {
    return {
      kind: 'TLS',
      message: `${host} broke off the TLS handshake (${code}). Check whether it demands a client certificate, and which one.`,
    };
  }
  if (TLS_CODES.test(code)) {
    return {
      kind: 'TLS',
      message: `The TLS handshake with ${host} failed (${code}). Check the partner's certificate and the rule's custom CA.`,
    };
  }
  if (code === 'UND_ERR_INVALID_ARG') {
    return {
      kind: 'CONFIGURATION',
      message:
        "The request cannot be written as HTTP. Check the rule's headers and its credentials for characters that no header may hold.",
    };
  }
  return {
    kind: 'CONNECT',
    message: `No connection to ${host} (${code}). Check that the partner is up and the port is right.`,
  };
}

function faultAfterBytes(code: string, phase: CallPhase): HttpFault {
  if (code === 'UND_ERR_HEADERS_OVERFLOW') {
    return { kind: 'BAD_RESPONSE', message: "The answer's headers are larger than 16 KiB." };
  }
  // Once an answer has begun, the parser also complains of one that is cut off.
  if (phase === 'sent' && NOT_HTTP.has(code)) {
    return { kind: 'BAD_RESPONSE', message: `The answer is not valid HTTP (${code}).` };
  }
  return {
    kind: 'CONNECTION_LOST',
    message: `The connection broke before the answer was complete (${code}); the partner may have the message.`,
  };
}

/** The code of an error, or of what caused it. */
function codeOf(error: unknown): string {
  let current: unknown = error;
  for (let depth = 0; depth < 4 && current instanceof Error; depth++) {
    const code: unknown = 'code' in current ? current.code : undefined;
    if (typeof code === 'string') return code;
    if (current.name === PARSER_ERROR) return PARSER_ERROR;
    current = current instanceof AggregateError ? current.errors[0] : current.cause;
  }
  return 'no code';
}
