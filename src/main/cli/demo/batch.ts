import { isDeepStrictEqual } from 'node:util';
import type { Output } from '../../../shared/contract/index.ts';
import type { JsonObject } from '../../../shared/model/json.ts';
import type { EngineClient } from '../client.ts';
import { type DemoEvent, NIGHT_RESULT, PUNE } from './events.ts';
import type { Acknowledged } from './traffic.ts';

/** Records that the lab's system sends in one call: more than go without an `Idempotency-Key`. */
const RECORDS = 120;
/** The one among them that brings an address of its own, which is refused. */
const BAD_RECORD = 57;

/** It is sent, and sent again. */
export const BATCH_CALLS = 2;

/** What the engine answered to a batch. */
export interface BatchTold {
  batch_id: string;
  accepted: number;
  log_ids: string[];
  rejected: { index: number; field: string; reason: string }[];
  /** Sent a second time under its key, it got the same answer. */
  isSameAgain: boolean;
}

/** What the demo shows of the batch. */
export interface BatchShown {
  records: number;
  accepted: number;
  rejected: BatchTold['rejected'];
  progress: Output<'getBatch'>['progress'];
}

/** The results of one night, as an analyser's computer hands them over in the morning. */
function nightResults(): JsonObject[] {
  return Array.from({ length: RECORDS }, (_, index) => ({
    result: {
      accession_number: `N-${700_001 + index}`,
      code: 'HGB',
      value: 11 + (index % 40) / 10,
      unit: 'g/dL',
    },
    ...(index === BAD_RECORD ? { integration_callback_url: 'http://elsewhere.example/' } : {}),
  }));
}

/**
 * Sends the night's results in one call, and the same call once more, as after a time-out.
 * @param key its `Idempotency-Key`
 */
export async function sendBatch(client: EngineClient, key: string): Promise<BatchTold> {
  const body = JSON.stringify({
    lab_id: PUNE,
    action_category: NIGHT_RESULT,
    records: nightResults(),
  });
  const post = () => client.post('/integrationWebhookBulkAPI/', body, { idempotencyKey: key });
  const first = await post();
  const again = await post();
  const told = first.body as Omit<BatchTold, 'isSameAgain'>;
  return { ...told, isSameAgain: isDeepStrictEqual(first.body, again.body) };
}

/**
 * Compares what was sent with what the engine took, refused and delivered.
 * @param batch as it stands at the end
 */
export function judgeBatch(
  told: BatchTold,
  batch: Pick<Output<'getBatch'>, 'progress'>,
): { shown: BatchShown; acknowledged: Acknowledged[]; faults: string[] } {
  const { accepted, rejected, log_ids, isSameAgain } = told;
  const { progress } = batch;
  const faults: string[] = [];
  const must = (isSo: boolean, fault: string) => {
    if (!isSo) faults.push(`batch: ${fault}`);
  };
  const isNamed =
    rejected.length === 1 &&
    rejected[0]?.index === BAD_RECORD &&
    rejected[0].field === 'integration_callback_url';
  must(accepted === RECORDS - 1, `${accepted} of ${RECORDS} records were taken`);
  must(isNamed, 'the bad record was not named');
  must(isSameAgain, 'repeated with its key, it got another answer');
  must(progress.done && progress.failed === 0, 'it is not done, or something of it has failed');
  const ended = progress.sent + progress.suppressed;
  must(ended === log_ids.length, `${ended} of its ${log_ids.length} deliveries have ended`);
  return {
    shown: { records: RECORDS, accepted, rejected, progress },
    acknowledged: byRecord(log_ids, accepted),
    faults,
  };
}

/** The deliveries of each record: they are told in the records' order, as many for one as for another. */
function byRecord(logIds: readonly string[], records: number): Acknowledged[] {
  const each = Math.max(1, Math.round(logIds.length / Math.max(1, records)));
  return Array.from({ length: Math.ceil(logIds.length / each) }, (_, index) => ({
    event: EVENT,
    eventId: null,
    logIds: logIds.slice(index * each, (index + 1) * each),
  }));
}

/** What its rules are told that each record is. */
const EVENT: DemoEvent = {
  route: '/api/v1/events',
  labId: PUNE,
  category: NIGHT_RESULT,
  body: {},
  idempotencyKey: null,
  withoutBirthDate: false,
};
