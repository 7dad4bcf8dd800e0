import type {
  AcceptEvent,
  AcceptResult,
  IntakeAnswer,
  IntakeQuestion,
} from '../../../shared/model/event.ts';
import type { JsonObject } from '../../../shared/model/json.ts';

/** What intake needs of the store, as whole commands. */
export interface IntakePort {
  /** Reads domain objects and looks for an earlier request that this one repeats. */
  readIntake(question: IntakeQuestion): Promise<IntakeAnswer>;
  /** Commits an event with its objects, logs, revisions and tasks: all or nothing. */
  acceptEvent(command: AcceptEvent): Promise<AcceptResult>;
  /** What an event's caller was answered; null where the lab has no such event (any more). */
  answerOfEvent(event: { labId: number; eventId: string }): Promise<JsonObject | null>;
  /** Forgets idempotency keys past their time. Returns how many. */
  purgeIdempotencyKeys(now: number): Promise<number>;
}
