import { parseInput } from '../../../shared/contract/common.ts';
import { fieldError } from '../../../shared/errors.ts';
import type { LabIntegration } from '../../../shared/model/configuration.ts';
import type { Reference } from '../../../shared/model/domain.ts';
import type { JsonObject, JsonValue } from '../../../shared/model/json.ts';
import type { HttpMethod } from '../../../shared/model/vocabulary.ts';
import { sha256 } from '../intake/canonical.ts';
import { triggerFor } from '../triggers/index.ts';
import type { Trigger } from '../triggers/trigger.ts';
import type { MappingBindings, MappingEvaluator, MappingResult } from './evaluator.ts';
import { type BuiltKey, keyFrom } from './ordering-key.ts';
import { FLAT_OBJECT, queryParameters } from './query.ts';

/** The parts of a rule that decide on its body. */
export type PayloadRule = Pick<LabIntegration, 'mapping' | 'headers'>;

export interface PayloadRequest {
  integration: PayloadRule;
  trigger: Trigger;
  args: JsonObject;
  bindings: MappingBindings;
}

export type BuiltPayload =
  | {
      ok: true;
      body: string;
      contentType: string;
      /** Lower-case hex SHA-256 of the body's UTF-8 bytes. */
      sha256: string;
    }
  /** For the rule's author; holds no value of the input. */
  | { ok: false; message: string };

/** Stands for ids that a preview has none of. */
const PREVIEW_ID = '00000000-0000-7000-8000-000000000000';

function contentTypeOf(headers: Record<string, string>, fallback: string): string {
  for (const name in headers) {
    if (name.toLowerCase() === 'content-type') return headers[name] ?? fallback;
  }
  return fallback;
}

function built(body: string, { headers }: PayloadRule, type: string): BuiltPayload {
  return { ok: true, body, contentType: contentTypeOf(headers, type), sha256: sha256(body) };
}

function fromMapping(result: MappingResult, rule: PayloadRule): BuiltPayload {
  if (!result.ok) return { ok: false, message: result.message };
  const { value } = result;
  if (value === undefined || value === null || value === '') {
    return { ok: false, message: 'the mapping produced nothing' };
  }
  if (typeof value === 'string') return built(value, rule, 'text/plain; charset=utf-8');
  if (typeof value === 'object') return built(JSON.stringify(value), rule, 'application/json');
  const message = `the mapping produced a ${typeof value}; it must produce an object, an array or text`;
  return { ok: false, message };
}

/** The arguments that an event with these data would give, were it the first of its lab. */
function argumentsOf(trigger: Trigger, data: JsonObject): JsonObject {
  const carried = trigger.carried(data);
  const references: Reference[] = [
    { kind: 'event', id: PREVIEW_ID },
    ...carried.map(({ kind, id }) => ({ kind, id })),
  ];
  const lookup = ({ kind, id }: Reference) =>
    kind === 'event' ? data : carried.find((one) => one.kind === kind && one.id === id)?.document;
  return trigger.prepare(references, lookup) ?? data;
}

/** Builds the bodies that partners are sent: a category's default shape, or the rule's mapping. */
export class PayloadBuilder {
  readonly #evaluator: MappingEvaluator;

  constructor({ evaluator }: { evaluator: MappingEvaluator }) {
    this.#evaluator = evaluator;
  }

  /**
   * Builds one delivery's body; without a mapping at once, with one when it has been evaluated on
   * the arguments. A failing mapping is a result.
   * @throws LabRelayError `INTERNAL` where mappings cannot be evaluated at all.
   */
  build(request: PayloadRequest): BuiltPayload | Promise<BuiltPayload> {
    const { integration, trigger, args, bindings } = request;
    if (integration.mapping === null) {
      const body = JSON.stringify(trigger.defaultPayload(args, bindings));
      return built(body, integration, 'application/json');
    }
    return this.#evaluator
      .evaluate(integration.mapping, args, bindings)
      .then((result) => fromMapping(result, integration));
  }

  /** A body that came ready with its task: text stays as it is, anything else is written as JSON. */
  given(body: JsonValue, integration: PayloadRule): BuiltPayload {
    return fromMapping({ ok: true, value: body }, integration);
  }

  /**
   * The ordering key that a rule's expression makes of a delivery, evaluated as a mapping is. An
   * expression that fails is a result.
   * @throws LabRelayError `INTERNAL` where mappings cannot be evaluated at all.
   */
  async orderingKey(
    expression: string,
    args: JsonObject,
    bindings: MappingBindings,
  ): Promise<BuiltKey> {
    return keyFrom(await this.#evaluator.evaluate(expression, args, bindings));
  }

  /**
   * The body that a rule would make of an event; sends nothing.
   * @param request.data the event's data; null or left out, the category's own sample
   * @throws LabRelayError `MAPPING_FAILED` (field `mapping`), `INVALID_INPUT` (fields of `data`)
   */
  async preview(request: {
    actionCategory: string;
    labId: number;
    mapping: string | null;
    headers?: Record<string, string>;
    data?: JsonObject | null;
  }): Promise<{ body: string; contentType: string }> {
    const { actionCategory, labId, mapping, headers = {} } = request;
    const trigger = triggerFor(actionCategory);
    if (request.data) parseInput(trigger.data, request.data, 'data');
    const payload = await this.build({
      integration: { mapping, headers },
      trigger,
      args: argumentsOf(trigger, request.data ?? trigger.sample),
      bindings: {
        log_id: PREVIEW_ID,
        event_id: PREVIEW_ID,
        lab_id: labId,
        action_category: actionCategory,
      },
    });
    if (!payload.ok) throw fieldError('MAPPING_FAILED', 'mapping', payload.message);
    return { body: payload.body, contentType: payload.contentType };
  }

  /**
   * Tries an expression of a rule before it is saved.
   * @param request.checkData an event's data; null: the category's sample, which has none of the
   *   lab's own fields
   * @throws LabRelayError `MAPPING_FAILED` (its field) where it fails or makes nothing that could be
   *   used, `INVALID_INPUT` (fields of `check_data`)
   */
  async checkMapping(request: {
    field: 'mapping' | 'ordering_key';
    expression: string;
    actionCategory: string;
    method: HttpMethod;
    checkData: JsonObject | null;
  }): Promise<void> {
    const { field, expression, actionCategory, method, checkData } = request;
    const trigger = triggerFor(actionCategory);
    if (checkData) parseInput(trigger.data, checkData, 'check_data');
    const result = await this.#evaluator.evaluate(
      expression,
      argumentsOf(trigger, checkData ?? trigger.sample),
      {
        log_id: PREVIEW_ID,
        event_id: PREVIEW_ID,
        lab_id: 1,
        action_category: actionCategory,
      },
    );
    const fault = field === 'mapping' ? faultOf(result, method) : keyFault(result);
    if (fault === null) return;
    // What is wrong whatever the data are needs no other data.
    const dependsOnData = result.ok || result.fault === 'RUNTIME';
    const reason = dependsOnData ? `${fault}; ${whichData(checkData)}` : fault;
    throw fieldError('MAPPING_FAILED', field, reason);
  }
}

/** Why what a mapping made cannot be sent by a rule; null: it can. */
function faultOf(result: MappingResult, method: HttpMethod): string | null {
  const payload = fromMapping(result, { mapping: null, headers: {} });
  if (!payload.ok) return payload.message;
  const fitsMethod = method !== 'GET' || (result.ok && queryParameters(result.value) !== null);
  return fitsMethod ? null : FLAT_OBJECT;
}

/** Why what an expression made cannot be an ordering key; null: it can, or it made none. */
function keyFault(result: MappingResult): string | null {
  const key = keyFrom(result);
  return key.ok ? null : key.message;
}

function whichData(checkData: JsonObject | null): string {
  return checkData
    ? 'this is what it makes of check_data; mend it, or give the data of a whole event'
    : "this is what it makes of the category's sample; mend it, or, if it needs fields of your own, give an event's data as check_data";
}
