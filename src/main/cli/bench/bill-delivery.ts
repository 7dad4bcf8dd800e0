import type { NewDelivery } from '../../../shared/model/delivery.ts';
import type { Reference } from '../../../shared/model/domain.ts';

/** What distinguishes one delivery of a benchmark from another. */
export interface BillDelivery {
  logId: string;
  eventId: string;
  billId: string;
  patientId: string;
  labIntegrationId: number;
  isStat?: boolean;
  /** Left out: it came alone. */
  batchId?: string;
  /** Epoch milliseconds. */
  createdAt: number;
  body: string;
  sha256: string;
}

/** A bill's delivery as intake makes it, queued and not yet sent. */
export function billDelivery(given: BillDelivery): NewDelivery {
  const { logId, eventId, labIntegrationId, isStat = false, createdAt, body, sha256 } = given;
  const references: Reference[] = [
    { kind: 'event', id: eventId },
    { kind: 'bill', id: given.billId },
    { kind: 'patient', id: given.patientId },
  ];
  return {
    log: {
      logId,
      direction: 'OUTBOUND',
      status: 'PENDING',
      certainty: null,
      retryState: 'NONE',
      stage: 'ENQUEUED',
      priority: isStat ? 'STAT' : 'ROUTINE',
      deliverBy: null,
      orderingKey: null,
      labId: 1,
      organizationId: null,
      labIntegrationId,
      configVersion: 1,
      actionCategoryListId: 1,
      actionCategory: 'BILL_GENERATED',
      eventId,
      batchId: given.batchId ?? null,
      triggeredBy: null,
      references,
      transport: 'http',
      endPoint: 'http://partner.example/bills',
      requestMethod: 'POST',
      errorKind: null,
      errorMessage: null,
      integrationCallbackUrl: 'http://127.0.0.1:7420/integration_callback/',
      isRetryEnabled: true,
      retryContext: { actionCategory: 'BILL_GENERATED', references },
      createdAt,
    },
    revision: {
      number: 1,
      body,
      contentType: 'application/json',
      sha256,
      configVersion: 1,
      reason: 'FIRST',
    },
    enqueue: true,
  };
}
