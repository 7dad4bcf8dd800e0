import type { IntakePort } from '../../../src/main/engine/intake/port.ts';
import type { NewDelivery } from '../../../src/shared/model/delivery.ts';
import type { DomainObject } from '../../../src/shared/model/domain.ts';
import type {
  AcceptEvent,
  AcceptResult,
  IntakeAnswer,
  IntakeQuestion,
  Repeat,
} from '../../../src/shared/model/event.ts';
import type { JsonObject } from '../../../src/shared/model/json.ts';

interface Answered {
  bodyHash: string;
  status: number;
  answer: JsonObject;
}

/** A fake of the store's intake side: the same answers, kept in memory, nothing durable. */
export class MemoryIntakeStore implements IntakePort {
  readonly objects = new Map<string, DomainObject>();
  readonly events: AcceptEvent['event'][] = [];
  readonly deliveries: NewDelivery[] = [];
  readonly questions: IntakeQuestion[] = [];
  readonly expiries: number[] = [];
  /** Run before each commit: the place where another event gets in between. */
  beforeAccept: () => void = () => {};
  readonly #byKey = new Map<string, Answered>();
  readonly #byEvent = new Map<string, Answered>();

  static keyOf(labId: number, kind: string, id: string): string {
    return `${labId} ${kind} ${id}`;
  }

  object(labId: number, kind: string, id: string): DomainObject | undefined {
    return this.objects.get(MemoryIntakeStore.keyOf(labId, kind, id));
  }

  async readIntake(question: IntakeQuestion): Promise<IntakeAnswer> {
    this.questions.push(question);
    await Promise.resolve();
    return {
      objects: question.references.map(
        ({ kind, id }) => this.object(question.labId, kind, id) ?? null,
      ),
      repeat: this.#repeat(question, question.eventId),
    };
  }

  async acceptEvent(command: AcceptEvent): Promise<AcceptResult> {
    await Promise.resolve();
    this.beforeAccept();
    const { event, objects, deliveries, idempotency, answer, answerStatus: status } = command;
    const { labId, bodyHash } = event;
    const repeat = this.#repeat({ labId, bodyHash, idempotency }, event.eventId);
    if (repeat) return { outcome: 'REPEAT', repeat };
    for (const { kind, id, baseVersion } of objects) {
      if ((this.object(labId, kind, id)?.version ?? null) !== baseVersion) {
        return { outcome: 'CONFLICT' };
      }
    }
    for (const { kind, id, baseVersion, sourceUpdatedAt, document } of objects) {
      const version = (baseVersion ?? 0) + 1;
      this.objects.set(MemoryIntakeStore.keyOf(labId, kind, id), {
        kind,
        id,
        version,
        sourceUpdatedAt,
        document,
      });
    }
    this.events.push(event);
    this.deliveries.push(...deliveries);
    this.#byEvent.set(`${labId} ${event.eventId}`, { bodyHash, status, answer });
    if (idempotency) {
      this.expiries.push(idempotency.expiresAt);
      this.#byKey.set(`${idempotency.scope} ${idempotency.key}`, { bodyHash, status, answer });
    }
    return { outcome: 'ACCEPTED' };
  }

  async answerOfEvent({ labId, eventId }: { labId: number; eventId: string }) {
    return Promise.resolve(this.#byEvent.get(`${labId} ${eventId}`)?.answer ?? null);
  }

  async purgeIdempotencyKeys(): Promise<number> {
    const { size } = this.#byKey;
    this.#byKey.clear();
    return Promise.resolve(size);
  }

  #repeat(
    asked: Pick<IntakeQuestion, 'labId' | 'bodyHash' | 'idempotency'>,
    eventId: string | null,
  ): Repeat | null {
    const { labId, bodyHash, idempotency } = asked;
    const tell = (
      known: Answered | undefined,
      by: 'idempotency_key' | 'event_id',
    ): Repeat | null =>
      known
        ? known.bodyHash === bodyHash
          ? { kind: 'SAME', status: known.status, answer: known.answer }
          : { kind: 'OTHER_BODY', by }
        : null;
    return (
      (idempotency &&
        tell(this.#byKey.get(`${idempotency.scope} ${idempotency.key}`), 'idempotency_key')) ??
      (eventId === null ? null : tell(this.#byEvent.get(`${labId} ${eventId}`), 'event_id'))
    );
  }
}
