import type { AttemptReport } from '../../../shared/model/delivery.ts';
import { newId } from '../../engine/intake/new-id.ts';
import type { PastDelivery } from '../../store/seed.ts';
import { billDelivery } from './bill-delivery.ts';

/**
 * The end of an attempt that the partner does not take for now. 425 (RFC 8470) is tried again as 503
 * is, and says nothing against the partner, so that no breaker opens over thousands of them.
 */
export function refusedForNow(logId: string, at: number): AttemptReport {
  return {
    logId,
    attempt: 1,
    status: 'FAIL',
    certainty: 'REFUSED_RETRYABLE',
    stage: 'REPORTED',
    errorKind: 'HTTP_STATUS',
    errorMessage: 'The partner answered 425 Too Early.',
    endPoint: 'http://partner.example/bills',
    requestHeaders: { 'content-type': 'application/json', 'webhook-id': logId },
    responseStatusCode: 425,
    responseHeaders: {},
    responseBody: '',
    responseBodyCut: false,
    responseTime: 5,
    activityDate: at,
  };
}

/** Deliveries that have just failed and whose retries are scheduled as their rule says. */
export function* farRetries(
  count: number,
  labIntegrationId: number,
  now: number,
): Generator<PastDelivery> {
  for (let index = 0; index < count; index++) {
    const logId = newId();
    yield {
      delivery: billDelivery({
        logId,
        eventId: `F-${index}`,
        billId: `F-${index}`,
        patientId: `F-${index}`,
        labIntegrationId,
        createdAt: now,
        body: JSON.stringify({ log_id: logId, bill_id: `F-${index}` }),
        // Nobody compares these bodies.
        sha256: '0'.repeat(64),
      }),
      report: refusedForNow(logId, now),
    };
  }
}
