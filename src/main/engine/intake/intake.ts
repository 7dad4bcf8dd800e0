import { setTimeout as pause } from 'node:timers/promises';
import { type EventRoute, eventRoutes } from '../../../shared/contract/events.ts';
import { type ErrorCode, fieldError, LabRelayError } from '../../../shared/errors.ts';
import type { CallFacts } from '../../../shared/model/call.ts';
import type { ActionCategory } from '../../../shared/model/configuration.ts';
import type { NewLog } from '../../../shared/model/delivery.ts';
import type { DomainObject, Reference } from '../../../shared/model/domain.ts';
import type { AcceptEvent, IntakeAnswer, Repeat } from '../../../shared/model/event.ts';
import type { JsonObject } from '../../../shared/model/json.ts';
import type { ConfigurationLookup } from '../configuration/lookup.ts';
import type { PayloadBuilder } from '../payload/builder.ts';
import { triggerFor } from '../triggers/index.ts';
import { answerOf, confirmedAlready } from './answers.ts';
import type { BringingCall } from './bringing-call.ts';
import { type CheckedEvent, checkEvent, type IntakeCaller, idempotencyOf } from './check.ts';
import { buildDeliveries, type EventFacts } from './deliveries.ts';
import { FirstSight } from './first-sight.ts';
import { KeyedQueue } from './keyed-queue.ts';
import { mergeEvent } from './merge-event.ts';
import { ObjectSet } from './object-set.ts';
import type { IntakePort } from './port.ts';
import { impliedCategory } from './routes.ts';

/** How often an event is merged anew when others change the same objects at the same time. */
const MAX_TRIES = 8;
const IDEMPOTENCY_KEPT_MS = 7 * 24 * 60 * 60 * 1_000;

/** Refusals that an event may meet which was taken before. */
const SWITCHED_OFF = new Set<ErrorCode>(['UNKNOWN_LAB', 'UNKNOWN_ACTION_CATEGORY']);

/** What is assumed where nothing was read; repeats are told by the commit itself. */
const NOTHING_KNOWN: IntakeAnswer = { objects: [], repeat: null };

export interface IntakeDependencies {
  store: IntakePort;
  configuration: ConfigurationLookup;
  payloads: PayloadBuilder;
  /** Epoch milliseconds. */
  clock: () => number;
  /** Where reports on new deliveries go. */
  callbackUrl: () => string;
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
  readonly #contended = new KeyedQueue();
  readonly #firstSight = new FirstSight();

  constructor(deps: IntakeDependencies) {
    this.#deps = deps;
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
    const objects = event.carried.map(({ kind, id }) => `${event.lab.labId} ${kind} ${id}`);
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
    const { route, plan, body, lab, carried, about, eventId, bodyHash, idempotency } = event;
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
    const principal = plan && carried.find(({ kind }) => kind === plan.principal);
    const isFirst = !!principal && !objects.isStored(principal);

    // Without a plan the body had to name its category.
    const category =
      event.category ?? (plan && impliedCategory(plan, isFirst, configuration)) ?? null;
    if (!category) throw new Error(`${route} left its action category open.`);

    mergeEvent(event, category, objects, receivedAt);
    const deliveries = await this.#deliveries(event, category, objects, receivedAt, call);
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

  async #deliveries(
    event: CheckedEvent,
    category: ActionCategory,
    objects: ObjectSet,
    receivedAt: number,
    call: BringingCall | null,
  ): Promise<AcceptEvent['deliveries']> {
    const { store, configuration, payloads } = this.#deps;
    const { lab, body, eventId, data } = event;
    const rules = configuration.rulesFor(lab, category.actionCategoryListId);
    if (rules.length === 0) return [];

    await objects.followLinks(async (references): Promise<(DomainObject | null)[]> => {
      const question = {
        labId: lab.labId,
        references,
        eventId: null,
        bodyHash: '',
        idempotency: null,
      };
      return (await store.readIntake(question)).objects;
    });
    const trigger = triggerFor(category.code);
    const references: Reference[] = [{ kind: 'event', id: eventId }, ...objects.references()];
    const args =
      trigger.prepare(references, (reference) =>
        reference.kind === 'event' ? data : objects.document(reference),
      ) ?? data;
    const facts: EventFacts = {
      eventId,
      lab,
      category,
      priority: body.priority ?? 'ROUTINE',
      deliverBy: body.deliver_by === undefined ? null : Date.parse(body.deliver_by),
      orderingKey: body.ordering_key ?? null,
      references,
      batchId: null,
      triggeredBy: call?.logId ?? null,
      callbackUrl: this.#deps.callbackUrl(),
      receivedAt,
    };
    return buildDeliveries(rules, facts, trigger, args, payloads);
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
