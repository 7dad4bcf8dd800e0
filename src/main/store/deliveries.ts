import type { Database } from 'better-sqlite3';
import type { NewDelivery } from '../../shared/model/delivery.ts';
import { encodeBody } from './bodies.ts';
import type { Tasks } from './tasks.ts';

/**
 * Pre-creates a log with its first revision and its task, inside the caller's transaction: no code
 * path sends without a `log_id`, and no log waits without a task. That of a batch waits for the whole
 * batch.
 */
export function createInsertDelivery(
  db: Database,
  tasks: Tasks,
): (delivery: NewDelivery, batchSeq?: number) => void {
  const insertLog = db.prepare(
    `INSERT INTO log (log_id, direction, status, certainty, retry_state, stage, priority, deliver_by,
       ordering_key, lab_id, organization_id, lab_integration_id, config_version,
       action_category_list_id, action_category, event_id, batch_id, triggered_by, transport,
       end_point, request_method, revision, error_kind, error_message, integration_callback_url,
       is_retry_enabled, retry_context, created_at, updated_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const insertReference = db.prepare(
    'INSERT OR IGNORE INTO log_reference (id, kind, log_seq) VALUES (?, ?, ?)',
  );
  const insertRevision = db.prepare(
    `INSERT INTO revision (log_seq, number, body, content_type, sha256, config_version, reason, created_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const insertTextPending = db.prepare('INSERT OR IGNORE INTO text_pending (log_seq) VALUES (?)');

  return ({ log, revision, enqueue }, batchSeq) => {
    const { lastInsertRowid: logSeq } = insertLog.run(
      log.logId,
      log.direction,
      log.status,
      log.certainty,
      log.retryState,
      log.stage,
      log.priority,
      log.deliverBy,
      log.orderingKey,
      log.labId,
      log.organizationId,
      log.labIntegrationId,
      log.configVersion,
      log.actionCategoryListId,
      log.actionCategory,
      log.eventId,
      log.batchId,
      log.triggeredBy,
      log.transport,
      log.endPoint,
      log.requestMethod,
      revision?.number ?? 0,
      log.errorKind,
      log.errorMessage,
      log.integrationCallbackUrl,
      log.isRetryEnabled ? 1 : 0,
      JSON.stringify(log.retryContext),
      log.createdAt,
      log.createdAt,
    );
    for (const { kind, id } of log.references) {
      // The event has its own index on the log.
      if (kind !== 'event') insertReference.run(id, kind, logSeq);
    }
    if (revision) {
      insertRevision.run(
        logSeq,
        revision.number,
        encodeBody(revision.body),
        revision.contentType,
        revision.sha256,
        revision.configVersion,
        revision.reason,
        log.createdAt,
      );
    }
    if (enqueue) {
      tasks.add({
        logSeq,
        labIntegrationId: log.labIntegrationId,
        priority: log.priority,
        orderingKey: log.orderingKey,
        deliverBy: log.deliverBy,
        dueAt: log.createdAt,
        kind: 'FIRST',
        attempt: 1,
        revision: revision?.number ?? 1,
        batchSeq: batchSeq ?? null,
      });
    }
    // The words of a batch are looked at once it is released: until then they would only be in its way.
    if (batchSeq === undefined || !enqueue) insertTextPending.run(logSeq);
  };
}
