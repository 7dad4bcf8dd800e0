import { setTimeout as pause } from 'node:timers/promises';
import { type EventRoute, eventRoutes } from '../../../shared/contract/events.ts';
import { type ErrorCode, fieldError, LabRelayError } from '../../../shared/errors.ts';
import type { CallFacts } from '../../../shared/model/call.ts';
import type { NewLog } from '../../../shared/model/delivery.ts';
import type { DomainObject, Reference } from '../../../shared/model/domain.ts';
import type { AcceptEvent, IntakeAnswer, Repeat } from '../../../shared/model/event.ts';
import type { JsonObject } from '../../../shared/model/json.ts';
import { answerOf, confirmedAlready } from './answers.ts';
import type { BringingCall } from './bringing-call.ts';
import { type CheckedEvent, checkEvent, type IntakeCaller, idempotencyOf } from './check.ts';
import { categoryOf, type ComposeParts, deliveriesOf } from './compose.ts';
import type { FirstSight } from './first-sight.ts';
import type { KeyedQueue } from './keyed-queue.ts';
import { mergeEvent } from './merge-event.ts';
import { ObjectSet } from './object-set.ts';
import type { IntakePort } from './port.ts';

/** How often an event is merged anew when others change the same objects at the same time. */
export const MAX_TRIES = 8;
export const IDEMPOTENCY_KEPT_MS = 7 * 24 * 60 * 60 * 1_000;

/** Refusals that an event may meet which was taken before. */
const SWITCHED_OFF = new Set<ErrorCode>(['UNKNOWN_LAB', 'UNKNOWN_ACTION_CATEGORY']);

/** What is assumed where nothing was read; repeats are told by the commit itself. */
const NOTHING_KNOWN: IntakeAnswer = { objects: [], repeat: null };

export interface IntakeDependencies extends ComposeParts {
  store: IntakePort;
  /** Epoch milliseconds. */
  clock: () => number;
  /** Shared with whoever else takes events: who changes which objects. */
  contended: KeyedQueue;
  firstSight: FirstSight;
  /** Told after the commit, where deliveries were made: wakes the dispatcher. */
  onCommitted: (logs: NewLog[]) => void;
}

export interface IntakeAnswered {
  status: number;
  body: JsonObject;
  /** True where an earlier request was answered again. */
  repeated: boolean;
}

/**
 * Takes business events: merges what they bring into the domain objects, matches the lab's rules,
 * builds their payloads, and commits event, objects, logs and tasks together. Whoever is answered
 * 2xx finds all of it on disk (design rule 1).
 */
export class Intake {
  readonly #deps: IntakeDependencies;
  readonly #contended: KeyedQueue;
  readonly #firstSight: FirstSight;

  constructor(deps: IntakeDependencies) {
    this.#deps = deps;
    this.#contended = deps.contended;
    this.#firstSight = deps.firstSight;
  }

  /**
   * Takes one event.
   * @param body parsed JSON as the caller sent it; validated here
   * @param call what brings it, kept in the event's commit; null: it comes in process
   * @throws LabRelayError `INVALID_INPUT`, `UNKNOWN_LAB`, `FORBIDDEN`, `UNKNOWN_ACTION_CATEGORY`,
   *   `IDEMPOTENCY_KEY_REUSED`, `EVENT_ID_REUSED`, `CONTENDED`, or what the store throws; nothing
   *   of the event is kept then
   */
  async accept(
    route: EventRoute,
    body: unknown,
    caller: IntakeCaller,
    call: BringingCall | null = null,
  ): Promise<IntakeAnswered> {
    const event = await this.#checked(route, body, caller);
    if ('repeat' in event) return answerRepeat(event.repeat, call);
    const objects = changedBy(event);
    // Events about objects that nobody fights over (nearly all) do not queue.
    if (!this.#contended.isBusy(objects)) {
      const isGuess = isGuessable(event) && this.#firstSight.guesses(objects);
      const answered = await this.#try(event, objects, isGuess, call);
      if (answered) return answered;
    }
    return this.#contended.run(objects, async () => {
      for (let tries = 1; tries <= MAX_TRIES; tries++) {
        const answered = await this.#try(event, objects, false, call);
        if (answered) return answered;
        // Random, so that contenders do not meet again.
        await pause(Math.random() * 2 * tries);
      }
      const detail = 'Others keep changing the same objects; send the event again.';
      throw new LabRelayError('CONTENDED', detail);
    });
  }

  /**
   * Checks an event. One that is refused now may have been taken before, when its category or lab
   * was still switched on: such a repeat is answered as it was.
   */
  async #checked(
    route: EventRoute,
    body: unknown,
    caller: IntakeCaller,
  ): Promise<CheckedEvent | { repeat: Repeat }> {
    try {
      return checkEvent(route, body, caller, this.#deps.configuration);
    } catch (error) {
      if (!(error instanceof LabRelayError) || !SWITCHED_OFF.has(error.code)) throw error;
      const idempotency = idempotencyOf(caller, route, body);
      if (!idempotency) throw error;
      const { bodyHash } = idempotency;
      const question = { labId: 0, references: [], eventId: null, bodyHash, idempotency };
      const { repeat } = await this.#deps.store.readIntake(question);
      if (repeat?.kind !== 'SAME') throw error;
      return { repeat };
    }
  }

  /**
   * @param isGuess takes the event's objects for new instead of reading them
   * @returns null where a domain object was changed by another event between reading and committing,
   *   or a guess was wrong
   */
  async #try(
    event: CheckedEvent,
    objects: readonly string[],
    isGuess: boolean,
    call: BringingCall | null,
  ): Promise<IntakeAnswered | null> {
    const built = await this.#build(event, isGuess, call);
    if ('repeat' in built) return answerRepeat(built.repeat, call);
    const result = await this.#deps.store.acceptEvent(built.command);
    if (result.outcome === 'CONFLICT') {
      if (isGuess) this.#firstSight.wrong();
      return null;
    }
    if (result.outcome === 'REPEAT') return answerRepeat(result.repeat, call);
    call?.kept();
    this.#firstSight.committed(objects, isGuess);
    const { deliveries, answer, answerStatus } = built.command;
    this.#announce(deliveries.map(({ log }) => log));
    return { status: answerStatus, body: answer, repeated: false };
  }

  async #build(
    event: CheckedEvent,
    isGuess: boolean,
    call: BringingCall | null,
  ): Promise<{ command: AcceptEvent } | { repeat: Repeat }> {
    const { store, configuration } = this.#deps;
    const { route, plan, body, lab, about, eventId, bodyHash, idempotency } = event;
    const known = isGuess
      ? NOTHING_KNOWN
      : await store.readIntake({
          labId: lab.labId,
          references: about,
          eventId: body.event_id ?? null,
          bodyHash,
          idempotency,
        });
    if (known.repeat) return { repeat: known.repeat };

    const receivedAt = this.#deps.clock();
    const objects = new ObjectSet();
    objects.add(about, known.objects);
    if (plan?.confirms) {
      // A call that is refused is found by what it named.
      call?.about({ references: about });
      const confirmed = await confirmedAlready(event, objects, receivedAt, store);
      if (confirmed) return { repeat: confirmed };
    }
    const category = categoryOf(event, objects, configuration);
    mergeEvent(event, category, objects, receivedAt);
    const origin = { batchId: null, triggeredBy: call?.logId ?? null, receivedAt };
    const deliveries = await deliveriesOf(
      this.#deps,
      event,
      category,
      objects,
      origin,
      (references) => this.#read(lab.labId, references),
    );
    const logIds = deliveries.map(({ log }) => log.logId);
    const answerStatus = eventRoutes[route].status;
    const facts: CallFacts = {
      labId: lab.labId,
      organizationId: lab.organizationId,
      actionCategoryListId: category.actionCategoryListId,
      actionCategory: category.code,
      eventId,
      batchId: null,
      priority: body.priority ?? 'ROUTINE',
      references: [{ kind: 'event', id: eventId }, ...objects.references()],
    };
    return {
      command: {
        event: {
          eventId,
          labId: lab.labId,
          actionCategory: category.code,
          actionCategoryListId: category.actionCategoryListId,
          document: event.data,
          bodyHash,
          accessKeyId: event.accessKeyId,
          receivedAt,
        },
        objects: objects.writes(),
        deliveries,
        answer: answerOf(event, objects, logIds),
        answerStatus,
        idempotency: idempotency && {
          ...idempotency,
          expiresAt: receivedAt + IDEMPOTENCY_KEPT_MS,
        },
        call: call && call.taken(answerStatus, facts),
      },
    };
  }

  async #read(labId: number, references: Reference[]): Promise<(DomainObject | null)[]> {
    const question = { labId, references, eventId: null, bodyHash: '', idempotency: null };
    return (await this.#deps.store.readIntake(question)).objects;
  }

  #announce(logs: NewLog[]): void {
    if (logs.length === 0) return;
    try {
      this.#deps.onCommitted(logs);
    } catch (error) {
      // The event is committed and the dispatcher also polls: a listener must not turn it into a
      // failure that makes the caller send again.
      process.emitWarning(error instanceof Error ? error : String(error));
    }
  }
}

/** The objects that an event changes, as those that take events tell each other. */
export function changedBy({ lab, carried }: CheckedEvent): string[] {
  return carried.map(({ kind, id }) => `${lab.labId} ${kind} ${id}`);
}

/**
 * Only an event that writes all it is about: what it merely names would not be checked. What is
 * confirmed must have been there.
 */
function isGuessable({ carried, about, plan }: CheckedEvent): boolean {
  return carried.length === about.length && !plan?.confirms;
}

function answerRepeat(repeat: Repeat, call: BringingCall | null): IntakeAnswered {
  if (repeat.kind === 'SAME') {
    const { event_id: eventId } = repeat.answer;
    if (typeof eventId === 'string') call?.about({ eventId });
    return { status: repeat.status, body: repeat.answer, repeated: true };
  }
  if (repeat.by === 'event_id') {
    const reason = 'was used for another event of this lab; give each event its own';
    throw fieldError('EVENT_ID_REUSED', 'event_id', reason);
  }
  const reason = 'was used with another body; give each request its own key';
  throw fieldError('IDEMPOTENCY_KEY_REUSED', 'Idempotency-Key', reason);
}
