import { v7 as uuid } from 'uuid';
import type { InboundCall } from '../../src/shared/model/call.ts';

/** A call into the lab that was answered as asked, but for what is given. */
export function inboundCall(given: Partial<InboundCall> = {}): InboundCall {
  return {
    logId: uuid(),
    arrivedAt: 900,
    status: 'SUCCESS',
    errorKind: null,
    errorMessage: null,
    labId: 1,
    organizationId: null,
    actionCategoryListId: 1,
    actionCategory: 'BILL_GENERATED',
    eventId: 'e-1',
    batchId: null,
    priority: 'ROUTINE',
    references: [
      { kind: 'event', id: 'e-1' },
      { kind: 'bill', id: 'B-1' },
    ],
    endPoint: '/billing/',
    requestMethod: 'POST',
    requestHeaders: { 'user-agent': 'LIS/4.2' },
    requestBody: '{"bill":{"name":"Asha Verma"}}',
    requestBodyCut: false,
    responseStatusCode: 201,
    responseHeaders: { 'content-type': 'application/json; charset=utf-8' },
    responseBody: '{"note":"sodium"}',
    responseTime: 40,
    responseBodyCut: false,
    ip: '10.0.0.7',
    origin: null,
    tokenHint: 'wXyZ',
    tokenOwner: 'LIS',
    ...given,
  };
}

/** One that was refused before anything was known of it. */
export function refusedCall(given: Partial<InboundCall> = {}): InboundCall {
  return inboundCall({
    status: 'FAIL',
    errorKind: 'CALL_REFUSED',
    errorMessage: 'INVALID_JSON: The body is not valid JSON.',
    labId: null,
    actionCategoryListId: null,
    actionCategory: null,
    eventId: null,
    references: [],
    responseStatusCode: 400,
    ...given,
  });
}
