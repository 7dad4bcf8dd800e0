import { checkDocument } from '../../../shared/contract/json-document.ts';
import { fieldError, LabRelayError } from '../../../shared/errors.ts';
import type { BulkRoute, OpenBatch, Rejection } from '../../../shared/model/batch.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../../../shared/model/json.ts';
import { checkWholeCharacters } from '../../../shared/whole-characters.ts';
import type { ConfigurationLookup } from '../configuration/lookup.ts';
import { type CheckedEvent, checkEvent, speaksFor } from '../intake/check.ts';
import type { EventRoute } from '../../../shared/contract/events.ts';
import { type CheckedTask, checkReadyTask, isReadyTask } from './ready-tasks.ts';

/** A record as the event that it is, or why it is none. */
export type CheckedRecord = { index: number } & (
  | { kind: 'EVENT'; event: CheckedEvent; document: string }
  | ({ kind: 'TASK'; document: string } & CheckedTask)
  | { kind: 'REJECTED'; field: string; reason: string }
);

/** How the records of a route would be sent one by one, and under which name they stand there. */
const SINGLE: Record<BulkRoute, { route: EventRoute; name: string }> = {
  '/integrationWebhookBulkAPI/': { route: '/api/v1/events', name: 'data' },
  '/report/submit/': { route: '/report/submit/', name: 'report' },
};

/** Checks the records of one batch, each as if it had come alone. */
export class RecordChecks {
  readonly #batch: OpenBatch;
  readonly #configuration: ConfigurationLookup;
  /** What the batch says of each of its records. */
  readonly #common: JsonObject;

  constructor(batch: OpenBatch, configuration: ConfigurationLookup) {
    this.#batch = batch;
    this.#configuration = configuration;
    const { envelope } = batch;
    if (!envelope) throw new Error('a batch is built that has not arrived');
    const { labId, actionCategory, priority, deliverBy } = envelope;
    this.#common = {
      lab_id: labId,
      ...(actionCategory === null ? {} : { action_category: actionCategory }),
      priority,
      ...(deliverBy === null ? {} : { deliver_by: new Date(deliverBy).toISOString() }),
    };
  }

  /** @param text the record's JSON, as it was kept */
  check(index: number, text: string): CheckedRecord {
    try {
      const record = JSON.parse(text) as JsonValue;
      if (!isJsonObject(record)) throw fieldError('INVALID_INPUT', '', 'must be a JSON object');
      checkWholeCharacters(text, record);
      // Escaped, the name may hide.
      if (text.includes('"constructor"') || text.includes('\\u')) refusePrototypes(record);
      return { index, ...this.#checked(record, text) };
    } catch (error) {
      if (!(error instanceof LabRelayError)) throw error;
      return { index, kind: 'REJECTED', ...this.#fault(error) };
    }
  }

  #checked(record: JsonObject, text: string) {
    const { route, accessKeyId } = this.#batch;
    const configuration = this.#configuration;
    // Whose labs the key speaks for was asked when the batch arrived.
    const caller = { accessKeyId, labIds: null, idempotencyKey: null };
    if (route === '/integrationWebhookBulkAPI/' && isReadyTask(record)) {
      const { lab_id, action_category: code, ...common } = this.#common;
      const lab = speaksFor(caller, Number(lab_id), configuration);
      const category =
        typeof code === 'string' ? (configuration.actionCategory(code) ?? null) : null;
      const task = checkReadyTask(record, lab, category, accessKeyId, common, configuration);
      return { kind: 'TASK' as const, ...task, document: text };
    }
    const single = SINGLE[route];
    const body = { ...this.#common, [single.name]: record };
    const event = checkEvent(single.route, body, caller, configuration);
    // As it came, which spares writing it once more.
    const document = event.data === record ? text : JSON.stringify(event.data);
    return { kind: 'EVENT' as const, event, document };
  }

  /** The first fault, in the record's own words. */
  #fault({ errors, message }: LabRelayError): Pick<Rejection, 'field' | 'reason'> {
    const [first = { field: '', reason: message }] = errors;
    const { name } = SINGLE[this.#batch.route];
    const own = first.field.startsWith(`${name}.`) ? first.field.slice(name.length + 1) : null;
    return { field: own ?? (first.field === name ? '' : first.field), reason: first.reason };
  }
}

/** As for single events, whose parser refuses such keys. */
function refusePrototypes(record: JsonObject): void {
  // Before recursing: deep documents are refused.
  checkDocument(record);
  const waiting: { path: string; value: object }[] = [{ path: '', value: record }];
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    for (const [key, value] of Object.entries(next.value)) {
      if (typeof value !== 'object' || value === null) continue;
      const path = next.path === '' ? key : `${next.path}.${key}`;
      if (key === 'constructor' && Object.hasOwn(value, 'prototype')) {
        const reason = 'holds a key that documents may not use (prototype); remove or rename it';
        throw fieldError('INVALID_INPUT', path, reason);
      }
      waiting.push({ path, value });
    }
  }
}
