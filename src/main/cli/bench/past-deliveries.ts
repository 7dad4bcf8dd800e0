import type { AttemptReport, NewDelivery } from '../../../shared/model/delivery.ts';
import { certaintyOfStatus, statusOfCertainty } from '../../../shared/model/certainty.ts';
import { newId } from '../../engine/intake/new-id.ts';
import type { PastDelivery } from '../../store/seed.ts';
import { billDelivery } from './bill-delivery.ts';

/** Words of the seeded payloads; each stands in about one log of five hundred. */
export const WORDS = Array.from({ length: 5_000 }, (_, index) => `finding${index.toString(36)}`);
const WORDS_PER_LOG = 10;

/** Answers in the proportions of an ordinary week. */
const CODES = [200, 200, 200, 200, 200, 200, 200, 201, 202, 422, 503, 500];
const DAY_MS = 86_400_000;

/** A small generator (mulberry32): the same store for the same number of rows. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let value = Math.imul(state ^ (state >>> 15), 1 | state);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/**
 * Deliveries over the ninety days before now, for the lookup benchmark.
 * @param onLog told every `log_id`
 */
export function* pastDeliveries(
  rows: number,
  labIntegrationIds: readonly number[],
  now: number,
  onLog: (logId: string) => void,
): Generator<PastDelivery> {
  const next = random(rows);
  const pick = <T>(from: readonly T[]): T => from[Math.floor(next() * from.length)] as T;
  for (let index = 0; index < rows; index++) {
    const createdAt = Math.floor(now - (90 * DAY_MS * (rows - index)) / rows);
    const logId = newId();
    const code = pick(CODES);
    const words = Array.from({ length: WORDS_PER_LOG }, () => pick(WORDS));
    const body = JSON.stringify({
      log_id: logId,
      bill_id: `B-${index}`,
      patient: { patient_id: `P-${index % 50_000}`, name: 'Benchmark Patient' },
      findings: words,
      note: `row ${index} of ${rows}`,
    });
    onLog(logId);
    yield {
      delivery: deliveryOf(logId, pick(labIntegrationIds), index, createdAt, body),
      report: reportOf(logId, code, createdAt + 150),
    };
  }
}

function deliveryOf(
  logId: string,
  labIntegrationId: number,
  index: number,
  createdAt: number,
  body: string,
): NewDelivery {
  return billDelivery({
    logId,
    eventId: `E-${index}`,
    billId: `B-${index}`,
    patientId: `P-${index % 50_000}`,
    labIntegrationId,
    isStat: index % 50 === 0,
    createdAt,
    body,
    // Nobody compares these bodies.
    sha256: '0'.repeat(64),
  });
}

function reportOf(logId: string, code: number, at: number): AttemptReport {
  const certainty = certaintyOfStatus(code);
  const failed = code >= 300;
  return {
    logId,
    attempt: 1,
    status: statusOfCertainty(certainty),
    certainty,
    stage: 'REPORTED',
    errorKind: failed ? 'HTTP_STATUS' : null,
    errorMessage: failed ? `The partner answered ${code}.` : null,
    endPoint: 'http://partner.example/bills',
    requestHeaders: { 'content-type': 'application/json', 'webhook-id': logId },
    responseStatusCode: code,
    responseHeaders: { 'content-type': 'application/json' },
    responseBody: failed ? '{"error":"not taken"}' : '{"received":true}',
    responseBodyCut: false,
    responseTime: 120,
    activityDate: at,
  };
}
