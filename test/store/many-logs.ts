import Database from 'better-sqlite3';
import { v7 as uuid } from 'uuid';
import type { LogRecord, NewDelivery } from '../../src/shared/model/delivery.ts';
import type { LogSearch } from '../../src/shared/model/search.ts';
import {
  CERTAINTIES,
  DIRECTIONS,
  ERROR_KINDS,
  LOG_STATUSES,
  PRIORITIES,
  RETRY_STATES,
} from '../../src/shared/model/vocabulary.ts';
import { type OpenStore, openLocalStore } from './local-store.ts';
import { configure, delivery, event } from './samples.ts';

export { EVERY_LOG as ANY } from '../../src/shared/model/search.ts';

/** Numbers from 0 to 1 that are the same at every run. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    // mulberry32
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export const WORDS = ['asha', 'verma', 'glucose', 'sodium', 'refused', 'timeout'];
export const LABS = [1, 2];
export const CATEGORIES = ['BILL_GENERATED', 'REPORT_SIGNED'];
export const BATCHES = ['b-1', 'b-2'];
export const EVENTS = ['e-1', 'e-2', 'e-3'];
export const CONTROL_IDS = ['C1', 'C2'];
export const CODES = [200, 201, 209, 404, 503];
export const PATIENTS = ['P1', 'P2', 'P3'];
/** Several logs share each time, so that the order within one matters. */
export const TIMES = Array.from({ length: 12 }, (_, index) => 1_000 + 10 * index);

/** A store with logs of every kind, and what is in them, in the order of acceptance. */
export async function manyLogs(
  count: number,
): Promise<{ store: OpenStore; logs: LogRecord[]; rules: number[] }> {
  const store = openLocalStore();
  const rules = [await configure(store), await configure(store)];
  const next = randomNumbers(4711);
  const one = <T>(values: readonly T[]): T => values[Math.floor(next() * values.length)] as T;
  const orNull = <T>(value: T, share = 0.5): T | null => (next() < share ? value : null);

  const deliveries = Array.from({ length: count }, (): NewDelivery => {
    const status = one(LOG_STATUSES);
    const patient = { kind: 'patient' as const, id: one(PATIENTS) };
    const eventId = orNull(one(EVENTS));
    const references = [
      ...(eventId === null ? [] : [{ kind: 'event' as const, id: eventId }]),
      ...(next() < 0.6 ? [patient] : []),
    ];
    return delivery(
      one(rules),
      {
        logId: uuid(),
        status,
        certainty: status === 'PENDING' ? null : one(CERTAINTIES),
        retryState: one(RETRY_STATES),
        direction: one(DIRECTIONS),
        priority: one(PRIORITIES),
        labId: one(LABS),
        actionCategory: one(CATEGORIES),
        batchId: orNull(one(BATCHES)),
        eventId,
        references,
        retryContext: { actionCategory: 'BILL_GENERATED', references },
        errorKind: orNull(one(ERROR_KINDS)),
        errorMessage: orNull(`${one(WORDS)} happened`, 0.3),
        createdAt: one(TIMES),
      },
      JSON.stringify({ name: one(WORDS), note: `${one(WORDS)}, ${one(WORDS)}` }),
    );
  });
  await store.acceptEvent(event(deliveries));

  // What only later parts of a delivery's life, or later features, write.
  const db = new Database(store.file);
  const set = db.prepare(
    'UPDATE log SET control_id = ?, response_status_code = ? WHERE log_id = ?',
  );
  for (const { log } of deliveries)
    set.run(orNull(one(CONTROL_IDS)), orNull(one(CODES)), log.logId);
  db.close();

  const logs: LogRecord[] = [];
  for (const { log } of deliveries) {
    const record = await store.getLog(log.logId);
    if (record) logs.push(record);
  }
  return { store, logs, rules };
}

/** What a search should find, told the long way round. `words` of ASCII alone. */
export function expected(logs: readonly LogRecord[], search: LogSearch): LogRecord[] {
  const of = <T>(values: readonly T[] | null, value: T | null) =>
    values === null || (value !== null && values.includes(value));
  const is = <T>(wanted: T | null, value: T | null) => wanted === null || wanted === value;
  const found = logs.filter((log) => {
    const words = `${log.requestBody ?? log.revisions[0]?.body} ${log.errorMessage}`.split(
      /[^a-z]+/,
    );
    return (
      of(search.status, log.status) &&
      of(search.certainty, log.certainty) &&
      of(search.retryState, log.retryState) &&
      is(search.direction, log.direction) &&
      is(search.labId, log.labId) &&
      is(search.labIntegrationId, log.labIntegrationId) &&
      is(search.actionCategory, log.actionCategory) &&
      is(search.batchId, log.batchId) &&
      is(search.eventId, log.eventId) &&
      is(search.controlId, log.controlId) &&
      is(search.responseStatusCode, log.responseStatusCode) &&
      is(search.errorKind, log.errorKind) &&
      is(search.priority, log.priority) &&
      (search.reference === null ||
        log.references.some(
          ({ kind, id }) => kind === search.reference?.kind && id === search.reference.id,
        )) &&
      (search.from === null || log.createdAt >= search.from) &&
      (search.to === null || log.createdAt < search.to) &&
      (search.includeSuppressed ||
        log.status !== 'SUPPRESSED' ||
        search.status?.includes('SUPPRESSED') === true) &&
      (search.text === null || search.text.split(' ').every((word) => words.includes(word)))
    );
  });
  const newestFirst = found.toReversed();
  return search.text === null
    ? newestFirst.toSorted((a, b) => b.createdAt - a.createdAt)
    : newestFirst;
}
