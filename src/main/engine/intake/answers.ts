import type { JsonObject } from '../../../shared/model/json.ts';
import type { Repeat } from '../../../shared/model/event.ts';
import { type Confirmed, confirmedBefore } from '../appointments/confirmation.ts';
import type { CheckedEvent } from './check.ts';
import type { ObjectSet } from './object-set.ts';
import type { IntakePort } from './port.ts';

/** What the caller of an event is answered once it is committed. */
export function answerOf(event: CheckedEvent, objects: ObjectSet, logIds: string[]): JsonObject {
  const committed = { event_id: event.eventId, log_ids: logIds };
  const { plan } = event;
  if (!plan) return committed;
  const name = `${plan.principal}_id`;
  const given = event.data[plan.principal] as JsonObject | undefined;
  const about = { [name]: given?.[name] ?? null };
  if (!plan.confirms) return { ...about, ...committed };
  const [appointment] = event.about;
  const confirmedAt = appointment && objects.document(appointment)?.confirmed_at;
  return {
    ...about,
    status: 'CONFIRMED',
    confirmed_at: confirmedAt ?? null,
    already_confirmed: false,
    ...committed,
  };
}

/**
 * What a call is answered that confirms an appointment which is confirmed already: the first
 * confirmation, and nothing is fired.
 * @returns null where this one is the first
 * @throws LabRelayError where there is nothing to confirm, see `confirmedBefore`
 */
export async function confirmedAlready(
  event: CheckedEvent,
  objects: ObjectSet,
  now: number,
  store: Pick<IntakePort, 'answerOfEvent'>,
): Promise<Repeat | null> {
  const [appointment] = event.about;
  const document = appointment && objects.document(appointment);
  const first = confirmedBefore(document, event.carried, now);
  if (!first) return null;
  const answer = {
    appointment_id: event.body.appointment_id ?? null,
    status: 'CONFIRMED',
    confirmed_at: first.confirmedAt,
    already_confirmed: true,
    event_id: first.eventId,
    log_ids: await logIdsOf(event, first, store),
  };
  return { kind: 'SAME', status: 200, answer };
}

async function logIdsOf(
  { lab: { labId } }: CheckedEvent,
  { eventId }: Confirmed,
  store: Pick<IntakePort, 'answerOfEvent'>,
): Promise<string[]> {
  if (eventId === null) return [];
  const answer = await store.answerOfEvent({ labId, eventId });
  return Array.isArray(answer?.log_ids) ? answer.log_ids.map(String) : [];
}
