import type {
  AcceptEvent,
  AcceptResult,
  IntakeAnswer,
  IntakeQuestion,
} from '../../../shared/model/event.ts';

/** What intake needs of the store, as whole commands. */
export interface IntakePort {
  /** Reads domain objects and looks for an earlier request that this one repeats. */
  readIntake(question: IntakeQuestion): Promise<IntakeAnswer>;
  /** Commits an event with its objects, logs, revisions and tasks: all or nothing. */
  acceptEvent(command: AcceptEvent): Promise<AcceptResult>;
  /** Forgets idempotency keys past their time. Returns how many. */
  purgeIdempotencyKeys(now: number): Promise<number>;
}
