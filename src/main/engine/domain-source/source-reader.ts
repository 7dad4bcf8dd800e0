import type { z } from 'zod';
import {
  appointmentObject,
  billObject,
  patientObject,
  reportObject,
  sampleObject,
} from '../../../shared/contract/domain-objects.ts';
import type { DomainSource } from '../../../shared/model/configuration.ts';
import { isJsonObject, type JsonObject } from '../../../shared/model/json.ts';
import type { DomainKind } from '../../../shared/model/vocabulary.ts';
import type { Credentials } from '../dispatch/credentials.ts';
import { NotSendable } from '../dispatch/not-sendable.ts';
import type { Outcome, Transport } from '../dispatch/transport.ts';
import { idOf } from '../triggers/objects.ts';

/** Longest answer that is read (bytes); a report may carry its document. */
const LONGEST_ANSWER = 5 * 1024 * 1024;

const LONGEST_CONNECT_MS = 5_000;

const SCHEMAS: Record<DomainKind, z.ZodType> = {
  patient: patientObject,
  bill: billObject,
  sample: sampleObject,
  report: reportObject,
  appointment: appointmentObject,
};

/**
 * Makes the credentials of one call ready.
 * @param developerAuthenticationId null: none are needed
 * @throws NotSendable in words for an operator where they cannot be had
 */
export type AuthorizeSource = (developerAuthenticationId: number | null) => Promise<Credentials>;

/** What one call to a lab's information system gave. */
export type SourceAnswer =
  | { outcome: 'FOUND'; document: JsonObject; statusCode: number }
  /** The lab system says that there is no such object (404, 410). */
  | { outcome: 'MISSING'; statusCode: number }
  | {
      outcome: 'FAILED';
      /** Where it went wrong. */
      step: 'credentials' | 'request' | 'object';
      /** One sentence for an operator; no value of any object. */
      message: string;
      statusCode: number | null;
    };

/** Reads one object from a lab's information system. It never throws. */
export async function readFromSource(
  parts: { transport: Transport; authorize: AuthorizeSource },
  source: DomainSource,
  labId: number,
  kind: DomainKind,
  id: string,
): Promise<SourceAnswer> {
  const at = source.objects[kind];
  if (!at) return failed('request', `The domain source names no path for objects of kind ${kind}.`);
  if (/^\.{1,2}$/.test(id)) {
    // A step up in any spelling (WHATWG URL, 4.1): it would lead to another path.
    return failed('object', 'An object whose id is nothing but dots cannot be asked for.');
  }
  let authorization: Credentials;
  try {
    authorization = await parts.authorize(source.developerAuthenticationId);
  } catch (error) {
    if (!(error instanceof NotSendable)) throw error;
    return failed('credentials', error.message);
  }
  if (authorization.clientCertificate && !/^https:/i.test(source.baseUrl)) {
    return failed('credentials', 'A client certificate needs TLS; change the base_url to https.');
  }
  const url = addressOf(source, at.path, labId, id);
  let outcome = await ask(parts.transport, source, url, authorization);
  if (outcome.responseStatusCode === 401) {
    // Reading again changes nothing there, so a token that is over is worth a second call.
    const renewed = (await authorization.renew?.()) ?? null;
    if (renewed) outcome = await ask(parts.transport, source, url, renewed);
  }
  return answerOf(outcome, labId, kind, id, at.objectAt);
}

function ask(
  transport: Transport,
  source: DomainSource,
  url: string,
  { headers, clientCertificate }: Credentials,
): Promise<Outcome> {
  return transport.send(
    {
      method: 'GET',
      url,
      headers: { 'user-agent': 'LabRelay', accept: 'application/json', ...headers },
      body: null,
    },
    {
      connectTimeoutMs: Math.min(source.timeoutMs, LONGEST_CONNECT_MS),
      timeoutMs: source.timeoutMs,
      tls: source.ca === null ? null : { ca: source.ca, serverName: null },
      ...(clientCertificate ? { clientCertificate } : {}),
      keptResponseBytes: LONGEST_ANSWER,
    },
  );
}

/** Where an object is; its id is encoded, so that no id leads to another path. */
function addressOf(source: DomainSource, path: string, labId: number, id: string): string {
  const filled = path
    .replaceAll('{lab_id}', String(labId))
    // As a function: `$&` in an id is no pattern.
    .replaceAll('{id}', () => encodeURIComponent(id));
  return source.baseUrl.replace(/\/+$/, '') + filled;
}

function answerOf(
  outcome: Outcome,
  labId: number,
  kind: DomainKind,
  id: string,
  objectAt: string | null,
): SourceAnswer {
  const code = outcome.responseStatusCode;
  if (outcome.errorKind !== null || code === null) {
    return failed('request', outcome.errorMessage ?? 'The lab system did not answer.', code);
  }
  if (code === 404 || code === 410) return { outcome: 'MISSING', statusCode: code };
  if (code !== 200) return failed('request', `The lab system answered ${code}.`, code);
  if (outcome.responseBodyCut) {
    return failed('object', 'The answer is longer than 5 MiB and was not read.', code);
  }
  const document = objectIn(outcome.responseBody ?? '', objectAt);
  if (typeof document === 'string') return failed('object', document, code);
  if (idOf(kind, document) !== id) {
    return failed('object', `The answer is no ${kind} of the ${kind}_id that was asked for.`, code);
  }
  const { lab_id: ofLab } = document;
  if (ofLab !== undefined && ofLab !== null && ofLab !== labId && ofLab !== String(labId)) {
    return failed('object', `The ${kind} that was answered is another lab's.`, code);
  }
  const checked = SCHEMAS[kind].safeParse(document);
  if (!checked.success) {
    const fields = [...new Set(checked.error.issues.map((issue) => issue.path.join('.')))];
    return failed('object', `The ${kind} cannot be used; at fault: ${fields.join(', ')}.`, code);
  }
  return { outcome: 'FOUND', document, statusCode: code };
}

/** @returns the object at the pointer (RFC 6901), or what is wrong */
function objectIn(body: string, pointer: string | null): JsonObject | string {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    // The parser's own message would quote the body.
    return 'The answer is not JSON.';
  }
  const parts = pointer === null ? [] : pointer.slice(1).split('/');
  for (const part of parts) {
    const name = part.replaceAll('~1', '/').replaceAll('~0', '~');
    const inside: unknown = Array.isArray(value) || isJsonObject(value) ? value : null;
    value =
      inside !== null && Object.hasOwn(inside as object, name)
        ? (inside as Record<string, unknown>)[name]
        : undefined;
  }
  if (isJsonObject(value)) return value;
  return pointer === null
    ? 'The answer is no JSON object; name where the object is in it (object_at).'
    : `There is no JSON object at ${pointer} of the answer.`;
}

function failed(
  step: 'credentials' | 'request' | 'object',
  message: string,
  statusCode: number | null = null,
): SourceAnswer {
  return { outcome: 'FAILED', step, message, statusCode };
}
