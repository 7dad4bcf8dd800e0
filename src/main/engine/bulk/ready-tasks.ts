import { parseInput } from '../../../shared/contract/common.ts';
import { readyTask, type taskPayload } from '../../../shared/contract/bulk.ts';
import { checkDocument, type RefusedKeys } from '../../../shared/contract/json-document.ts';
import { isCredentialHeader, isCredentialParameter } from '../../../shared/credential-names.ts';
import { fieldError } from '../../../shared/errors.ts';
import type { ActionCategory, Lab, LabIntegration } from '../../../shared/model/configuration.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../../../shared/model/json.ts';
import type { z } from 'zod';
import type { ConfigurationLookup } from '../configuration/lookup.ts';
import { canonicalHash } from '../intake/canonical.ts';
import type { CheckedEvent } from '../intake/check.ts';
import { newId } from '../intake/new-id.ts';
import { distinct } from '../intake/object-set.ts';
import { FLAT_OBJECT, queryParameters } from '../payload/query.ts';

type TaskPayload = z.output<typeof taskPayload>;

/** What tells where a request goes, and how: the rule's business alone. */
const ADDRESSES = new Set([
  'url',
  'uri',
  'end_point',
  'endpoint',
  'host',
  'port',
  'method',
  'request',
  'request_method',
  'headers',
  'request_headers',
  'integration_callback_url',
  'callback_url',
]);

const NOT_FROM_CALLERS =
  "is refused: where a task goes, how, and with which credentials is its rule's business; remove the field";

/** A body is passed on as it is, so it must not name an address for reports. */
const REFUSED_IN_BODIES: RefusedKeys = new Map([
  [
    'integration_callback_url',
    "is refused: reports go to LabRelay's own handler; remove the field",
  ],
]);

/** A ready task as an event of its own, with the rule by which its body goes. */
export interface CheckedTask {
  event: CheckedEvent;
  rule: LabIntegration;
  body: JsonValue;
  /** Where its event_id stands. */
  eventIdField: string;
}

/** Whether a record is a task whose body is ready, rather than the data of an event. */
export function isReadyTask(record: JsonValue): record is JsonObject {
  return (
    isJsonObject(record) &&
    ('lab_integration_id' in record ||
      'integration_payload' in record ||
      (isJsonObject(record.args) &&
        ('integration_payload' in record.args ||
          (isJsonObject(record.args.payload) && 'integration_payload' in record.args.payload))))
  );
}

/**
 * Checks a ready task.
 * @param category that of its batch; null: its rule's
 * @throws LabRelayError naming the field
 */
export function checkReadyTask(
  record: JsonObject,
  lab: Lab,
  category: ActionCategory | null,
  accessKeyId: number | null,
  common: JsonObject,
  configuration: ConfigurationLookup,
): CheckedTask {
  checkDocument(record, REFUSED_IN_BODIES);
  refuseAddresses(record);
  const task = parseInput(readyTask, record);
  const { payload, path } = payloadOf(task);
  const rule = ruleOf(task.lab_integration_id, lab, category, configuration);
  const own = configuration.actionCategoryById(rule.actionCategoryListId);
  if (!own?.isActive) {
    const reason = 'is a rule whose action category is switched off; switch it on first';
    throw fieldError('INVALID_INPUT', 'lab_integration_id', reason);
  }
  const body = record.body ?? null;
  if (rule.method === 'GET' && queryParameters(body) === null) {
    throw fieldError(
      'INVALID_INPUT',
      'body',
      FLAT_OBJECT.replace('the mapping must produce', 'it must be'),
    );
  }
  const references = payload.references ?? [];
  return {
    rule,
    body,
    eventIdField: `${path}.event_id`,
    event: {
      route: '/api/v1/events',
      plan: null,
      body: { lab_id: lab.labId, ...common, ...optionsOf(payload) },
      accessKeyId,
      lab,
      category: own,
      data: record,
      carried: [],
      about: distinct(references.map(({ kind, id }) => ({ kind, id: String(id) }))),
      eventId: payload.event_id ?? newId(),
      bodyHash: payload.event_id === undefined ? '' : canonicalHash(record),
      idempotency: null,
    },
  };
}

/** What it says of itself and is heard; an absent one leaves the batch's word. */
function optionsOf({ event_id, priority, deliver_by, ordering_key }: TaskPayload) {
  return Object.fromEntries(
    Object.entries({ event_id, priority, deliver_by, ordering_key }).filter(
      ([, value]) => value !== undefined,
    ),
  ) as Pick<CheckedEvent['body'], 'event_id' | 'priority' | 'deliver_by' | 'ordering_key'>;
}

/** Its `integration_payload`, wherever it stands; it may stand in one place only. */
function payloadOf(task: z.output<typeof readyTask>): { payload: TaskPayload; path: string } {
  const places: [string, TaskPayload | undefined][] = [
    ['integration_payload', task.integration_payload],
    ['args.integration_payload', task.args?.integration_payload],
    ['args.payload.integration_payload', task.args?.payload?.integration_payload],
  ];
  const given = places.filter(([, payload]) => payload !== undefined);
  const [first, second] = given;
  if (second) {
    throw fieldError('INVALID_INPUT', second[0], 'is given in two places; give it in one');
  }
  return { payload: first?.[1] ?? {}, path: first?.[0] ?? 'integration_payload' };
}

function ruleOf(
  labIntegrationId: number,
  lab: Lab,
  category: ActionCategory | null,
  configuration: ConfigurationLookup,
): LabIntegration {
  const refuse = (reason: string) => fieldError('INVALID_INPUT', 'lab_integration_id', reason);
  const rule = configuration.integration(labIntegrationId);
  const owner = rule?.organizationId ?? null;
  const isLabs = rule?.labId === lab.labId || (owner !== null && owner === lab.organizationId);
  if (!rule || !isLabs) {
    throw refuse(
      'is no integration of this lab or its organization; take one that listLabIntegrations shows',
    );
  }
  if (!rule.isActive) throw refuse('is switched off; switch it on, or leave this task out');
  if (category && rule.actionCategoryListId !== category.actionCategoryListId) {
    throw refuse(
      `is not an integration for ${category.code}; correct one of them, or leave action_category out`,
    );
  }
  return rule;
}

/** Refuses by name what only a rule may say; a task's body is its own. */
function refuseAddresses(record: JsonObject): void {
  // A list of what is still to be looked at: a recursion could be made to exhaust the stack.
  const waiting: { path: string; value: object }[] = [{ path: '', value: record }];
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    for (const [key, value] of Object.entries(next.value)) {
      if (next.path === '' && key === 'body') continue;
      const path = next.path === '' ? key : `${next.path}.${key}`;
      const isList = Array.isArray(next.value);
      if (
        !isList &&
        (ADDRESSES.has(key) || isCredentialHeader(key) || isCredentialParameter(key))
      ) {
        throw fieldError('INVALID_INPUT', path, NOT_FROM_CALLERS);
      }
      if (typeof value === 'object' && value !== null) waiting.push({ path, value });
    }
  }
}
