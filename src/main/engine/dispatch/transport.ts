import type { HeaderRecord } from '../../../shared/model/delivery.ts';
import type { ErrorKind, HttpMethod } from '../../../shared/model/vocabulary.ts';

/** What the partner is sent, and nothing else: the `request` of a task. */
export interface PartnerRequest {
  method: HttpMethod;
  url: string;
  headers: HeaderRecord;
  /** Null where the method carries its payload in the query (GET). */
  body: string | null;
}

/** How an attempt may go about it; read from the rule's current version when the attempt starts. */
export interface TransportLimits {
  connectTimeoutMs: number;
  /** From the start of the attempt to the last byte of the answer. */
  timeoutMs: number;
  tls: { ca: string | null; serverName: string | null } | null;
  /** How much of the answer is kept (bytes); left out, `KEPT_RESPONSE_BYTES`. */
  keptResponseBytes?: number;
  /** Addresses, ranges and names that alone may be connected to; left out: no list is given. */
  allowedTargets?: readonly string[];
  /** What is shown to a partner that asks for a certificate; left out: none. */
  clientCertificate?: ClientCertificate;
}

/** A certificate by which a partner knows us. */
export interface ClientCertificate {
  /** Tells certificates apart without their key: connections made with one are no other's. */
  id: string;
  /** PEM, our own certificate first, then those between it and the authority's. */
  certificate: string;
  privateKey: string;
  passphrase: string | null;
}

/** What became of one attempt, before anyone judges it. */
export interface Outcome {
  /** Null where a complete answer came; `HTTP_STATUS` is the judge's to set. */
  errorKind: ErrorKind | null;
  /** One sentence for an operator; never a word of the payload or the answer. */
  errorMessage: string | null;
  responseStatusCode: number | null;
  responseHeaders: HeaderRecord | null;
  responseBody: string | null;
  responseBodyCut: boolean;
  /** Milliseconds. */
  responseTime: number;
}

/** Carries one request to a partner. It never throws: whatever happens is an outcome. */
export interface Transport {
  send(request: PartnerRequest, limits: TransportLimits): Promise<Outcome>;
  /** Ends idle connections; calls under way finish first. Idempotent. */
  close(): Promise<void>;
}

/** An outcome without an answer. */
export function failure(kind: ErrorKind, message: string, responseTime: number): Outcome {
  return {
    errorKind: kind,
    errorMessage: message,
    responseStatusCode: null,
    responseHeaders: null,
    responseBody: null,
    responseBodyCut: false,
    responseTime,
  };
}
