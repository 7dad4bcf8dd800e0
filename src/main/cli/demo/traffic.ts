import { isDeepStrictEqual } from 'node:util';
import type { EngineClient } from '../client.ts';
import type { DemoEvent } from './events.ts';

/** So many visits are under way at once. */
const LANES = 16;

/** An event that the engine has acknowledged. */
export interface Acknowledged {
  event: DemoEvent;
  /** Null: it came in a batch, whose answer names deliveries alone. */
  eventId: string | null;
  logIds: string[];
}

/** What became of the events sent. */
export interface Traffic {
  acknowledged: Acknowledged[];
  /** Events sent a second time with their `Idempotency-Key`. */
  repeats: number;
  /** What was not answered as it must be, in words. */
  faults: string[];
}

/**
 * Posts visits as the lab system would: the events of one visit in their order, several visits
 * side by side.
 */
export async function sendVisits(
  client: EngineClient,
  visits: readonly DemoEvent[][],
  signal: AbortSignal,
): Promise<Traffic> {
  const traffic: Traffic = { acknowledged: [], repeats: 0, faults: [] };
  const waiting = visits.values();
  const lane = async (): Promise<void> => {
    // One iterator shared by all lanes: each takes the next visit that none has taken.
    for (const visit of waiting) {
      for (const event of visit) {
        signal.throwIfAborted();
        await sendEvent(client, event, traffic);
      }
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  return traffic;
}

/** Posts one event, and once more where it is to be repeated. */
export async function sendEvent(
  client: EngineClient,
  event: DemoEvent,
  traffic: Traffic,
): Promise<void> {
  const options = event.idempotencyKey === null ? {} : { idempotencyKey: event.idempotencyKey };
  const post = () => client.post(event.route, JSON.stringify(event.body), options);
  try {
    const first = await post();
    const { event_id, log_ids } = first.body as { event_id: string; log_ids: string[] };
    traffic.acknowledged.push({ event, eventId: event_id, logIds: log_ids });
    if (event.idempotencyKey === null) return;
    const second = await post();
    traffic.repeats += 1;
    if (second.status !== first.status || !isDeepStrictEqual(second.body, first.body)) {
      traffic.faults.push(`${event.category}: repeated with its key, it got another answer`);
    }
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    traffic.faults.push(`${event.category} at ${event.route}: ${why}`);
  }
}
