import type { ActionCategory, Lab, LabIntegration } from '../../../shared/model/configuration.ts';
import type { NewDelivery, NewLog } from '../../../shared/model/delivery.ts';
import type { Reference } from '../../../shared/model/domain.ts';
import type { JsonObject } from '../../../shared/model/json.ts';
import type { Priority } from '../../../shared/model/vocabulary.ts';
import type { BuiltPayload, PayloadBuilder } from '../payload/builder.ts';
import type { BuiltKey } from '../payload/ordering-key.ts';
import type { Trigger } from '../triggers/trigger.ts';
import { newId } from './new-id.ts';

/** What all deliveries of one event have in common. */
export interface EventFacts {
  eventId: string;
  lab: Lab;
  category: ActionCategory;
  priority: Priority;
  /** Epoch milliseconds. */
  deliverBy: number | null;
  /** The event's own, which wins over its rules'. */
  orderingKey: string | null;
  /** The event first. */
  references: Reference[];
  /** The batch that it came in. */
  batchId: string | null;
  /** The `log_id` of the call that brought it. */
  triggeredBy: string | null;
  callbackUrl: string;
  receivedAt: number;
}

function newLog(
  logId: string,
  event: EventFacts,
  rule: LabIntegration,
  orderingKey: string | null,
): NewLog {
  return {
    logId,
    direction: 'OUTBOUND',
    status: 'PENDING',
    certainty: null,
    retryState: 'NONE',
    stage: 'ENQUEUED',
    priority: event.priority,
    deliverBy: event.deliverBy,
    orderingKey,
    labId: event.lab.labId,
    organizationId: event.lab.organizationId,
    labIntegrationId: rule.labIntegrationId,
    configVersion: rule.version,
    actionCategoryListId: event.category.actionCategoryListId,
    actionCategory: event.category.code,
    eventId: event.eventId,
    batchId: event.batchId,
    triggeredBy: event.triggeredBy,
    references: event.references,
    transport: rule.transport,
    endPoint: rule.endPoint,
    requestMethod: rule.method,
    errorKind: null,
    errorMessage: null,
    integrationCallbackUrl: event.callbackUrl,
    isRetryEnabled: rule.isRetryEnabled,
    retryContext: { actionCategory: event.category.code, references: event.references },
    createdAt: event.receivedAt,
  };
}

function delivery(log: NewLog, rule: LabIntegration, payload: BuiltPayload): NewDelivery {
  if (!payload.ok) {
    // The event is taken all the same; its author finds out here why nothing was sent.
    return {
      log: {
        ...log,
        status: 'FAIL',
        certainty: 'NOT_SENT',
        stage: 'CREATED',
        errorKind: 'PAYLOAD',
        errorMessage: payload.message,
      },
      revision: null,
      enqueue: false,
    };
  }
  const { body, contentType, sha256 } = payload;
  return {
    log,
    revision: {
      number: 1,
      body,
      contentType,
      sha256,
      configVersion: rule.version,
      reason: 'FIRST',
    },
    enqueue: true,
  };
}

/**
 * A rule's delivery of an event, with its log, its first body and (through `enqueue`) its task.
 * @param ready the body that it came with; null where the rule makes one
 */
export async function buildDelivery(
  rule: LabIntegration,
  event: EventFacts,
  trigger: Trigger,
  args: JsonObject,
  payloads: PayloadBuilder,
  ready: BuiltPayload | null,
): Promise<NewDelivery> {
  const logId = newId();
  const bindings = {
    log_id: logId,
    event_id: event.eventId,
    lab_id: event.lab.labId,
    action_category: event.category.code,
  };
  // Asked for in one turn: the child process is given both together.
  const [payload, ordering] = await Promise.all([
    ready ?? payloads.build({ integration: rule, trigger, args, bindings }),
    keyOf(event, rule, () => payloads.orderingKey(rule.orderingKey ?? '', args, bindings)),
  ]);
  // In no order it must not go: the partner would take it before what it follows.
  const built = payload.ok && !ordering.ok ? ordering : payload;
  const log = newLog(logId, event, rule, ordering.ok ? ordering.key : null);
  // Its trigger would make another body of the event than the one that it came with.
  if (ready) log.retryContext.isBodyGiven = true;
  return delivery(log, rule, built);
}

function keyOf(
  { orderingKey }: EventFacts,
  rule: LabIntegration,
  evaluate: () => Promise<BuiltKey>,
): BuiltKey | Promise<BuiltKey> {
  return orderingKey === null && rule.orderingKey !== null
    ? evaluate()
    : { ok: true, key: orderingKey };
}
