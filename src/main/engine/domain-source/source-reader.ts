import type { z } from 'zod';
import {
  appointmentObject,
  billObject,
  patientObject,
  reportObject,
  sampleObject,
} from '../../../shared/contract/domain-objects.ts';
import type { DomainSource } from '../../../shared/model/configuration.ts';
import type { HeaderRecord } from '../../../shared/model/delivery.ts';
import { isJsonObject, type JsonObject } from '../../../shared/model/json.ts';
import type { DomainKind } from '../../../shared/model/vocabulary.ts';
import { NotSendable } from '../dispatch/request.ts';
import type { Outcome, Transport, TransportLimits } from '../dispatch/transport.ts';
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

/** What proves who calls. */
export interface SourceAuthorization {
  headers: HeaderRecord;
  tls: TransportLimits['tls'];
}

/**
 * Makes the credentials of one call ready.
 * @param developerAuthenticationId null: none are needed
 * @throws NotSendable in words for an operator where they cannot be had
 */
export type AuthorizeSource = (
  developerAuthenticationId: number | null,
) => Promise<SourceAuthorization>;

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
  let authorization: SourceAuthorization;
  try {
    authorization = await parts.authorize(source.developerAuthenticationId);
  } catch (error) {
    if (!(error instanceof NotSendable)) throw error;
    return failed('credentials', error.message);
  }
  const outcome = await parts.transport.send(
    {
      method: 'GET',
      url: addressOf(source, at.path, labId, id),
      headers: {
        'user-agent': 'LabRelay',
        accept: 'application/json',
        ...authorization.headers,
      },
      body: null,
    },
    {
      connectTimeoutMs: Math.min(source.timeoutMs, LONGEST_CONNECT_MS),
      timeoutMs: source.timeoutMs,
      tls: authorization.tls,
      keptResponseBytes: LONGEST_ANSWER,
    },
  );
  return answerOf(outcome, kind, id, at.objectAt);
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
