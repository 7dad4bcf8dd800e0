import Database from 'better-sqlite3';
import { v7 as uuid } from 'uuid';
import type { IntegrationSettings } from '../../src/shared/model/configuration.ts';
import {
  type AttemptReport,
  type ClaimedTask,
  type NewDelivery,
  type NewLog,
  stampOf,
} from '../../src/shared/model/delivery.ts';
import type { AcceptEvent } from '../../src/shared/model/event.ts';
import { NEW_INTEGRATION } from '../../src/shared/model/integration-defaults.ts';
import type { OpenStore } from './local-store.ts';

export const RULE: IntegrationSettings = {
  ...NEW_INTEGRATION,
  labId: 1,
  organizationId: null,
  actionCategoryListId: 1,
  name: 'rule',
  endPoint: 'http://127.0.0.1:9/',
  retryPolicy: { ...NEW_INTEGRATION.retryPolicy, schedule: [], jitter: 0 },
  timeoutMs: 1_000,
};

/** Lab 1 with one rule for bills. @returns the rule's id */
export async function configure(
  store: OpenStore,
  rule: Partial<IntegrationSettings> = {},
): Promise<number> {
  await store.configuration.saveLab({
    labId: 1,
    name: 'lab',
    organizationId: null,
    timeZone: 'UTC',
    isActive: true,
    domainSource: null,
  });
  const saved = await store.configuration.saveLabIntegration({
    labIntegrationId: null,
    expectedVersion: null,
    settings: { ...RULE, ...rule },
    changedBy: 'test',
    now: 1,
  });
  if (saved.outcome !== 'SAVED') throw new Error(saved.outcome);
  return saved.row.labIntegrationId;
}

export function delivery(rule: number, log: Partial<NewLog> = {}, body = '{"a":1}'): NewDelivery {
  return {
    log: {
      logId: uuid(),
      direction: 'OUTBOUND',
      status: 'PENDING',
      certainty: null,
      retryState: 'NONE',
      stage: 'ENQUEUED',
      priority: 'ROUTINE',
      deliverBy: null,
      orderingKey: null,
      labId: 1,
      organizationId: null,
      labIntegrationId: rule,
      configVersion: 1,
      actionCategoryListId: 1,
      actionCategory: 'BILL_GENERATED',
      eventId: null,
      batchId: null,
      triggeredBy: null,
      references: [],
      transport: 'http',
      endPoint: 'http://127.0.0.1:9/',
      requestMethod: 'POST',
      errorKind: null,
      errorMessage: null,
      integrationCallbackUrl: 'http://127.0.0.1:7420/integration_callback/',
      isRetryEnabled: true,
      retryContext: { actionCategory: 'BILL_GENERATED', references: log.references ?? [] },
      createdAt: 1_000,
      ...log,
    },
    revision: {
      number: 1,
      body,
      contentType: 'application/json',
      sha256: 'x',
      configVersion: 1,
      reason: 'FIRST',
    },
    enqueue: (log.status ?? 'PENDING') === 'PENDING',
  };
}

export function event(deliveries: NewDelivery[], more: Partial<AcceptEvent> = {}): AcceptEvent {
  return {
    event: {
      eventId: uuid(),
      labId: 1,
      actionCategory: 'BILL_GENERATED',
      actionCategoryListId: 1,
      document: { bill: 1 },
      bodyHash: '',
      accessKeyId: null,
      receivedAt: 1_000,
    },
    objects: [],
    deliveries,
    answer: { log_ids: deliveries.map(({ log }) => log.logId) },
    answerStatus: 202,
    idempotency: null,
    call: null,
    ...more,
  };
}

export function report(logId: string, more: Partial<AttemptReport> = {}): AttemptReport {
  return {
    logId,
    attempt: 1,
    status: 'SUCCESS',
    certainty: 'ACCEPTED',
    stage: 'REPORTED',
    errorKind: null,
    errorMessage: null,
    endPoint: 'http://127.0.0.1:9/',
    requestHeaders: { 'content-type': 'application/json' },
    responseStatusCode: 200,
    responseHeaders: {},
    responseBody: 'fine',
    responseBodyCut: false,
    responseTime: 12,
    activityDate: 2_000,
    ...more,
  };
}

/** Claims one task and stamps it, as a slot does. */
export async function stampNext(store: OpenStore, worker = 'w', now = 1_500) {
  const [task] = await store.claim({ worker, limit: 1, leaseUntil: now + 60_000, now: 0 });
  if (!task) throw new Error('nothing to claim');
  const stamped = await store.stamp({
    worker,
    stamp: stampOf(task, {
      configVersion: 1,
      endPoint: 'http://127.0.0.1:9/',
      requestMethod: 'POST',
      requestHeaders: {},
      startedAt: now,
    }),
  });
  return { task, stamped };
}

/** An attempt's outcome where nobody listens at the endpoint. */
export const UNREACHED: Partial<AttemptReport> = {
  status: 'FAIL',
  certainty: 'NOT_SENT',
  errorKind: 'CONNECT',
  responseStatusCode: null,
};

/** Settles a claimed task's attempt in process. */
export function settleAs(store: OpenStore, task: ClaimedTask, outcome: Partial<AttemptReport>) {
  return store.settle({
    taskId: task.taskId,
    report: report(task.logId, { attempt: task.attempt, ...outcome }),
    reportOverHttp: null,
  });
}

/** The states of all tasks of a store's file, in the order in which they were queued. */
export function statesIn(file: string): unknown[] {
  const db = new Database(file, { readonly: true });
  try {
    return db.prepare('SELECT state FROM task ORDER BY task_id').pluck().all();
  } finally {
    db.close();
  }
}
