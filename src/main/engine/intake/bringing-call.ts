import type { AnsweredCall, CallFacts, TakenCall } from '../../../shared/model/call.ts';

/** The call that brings an event, as far as intake has to do with it. */
export interface BringingCall {
  /** Named by what the event fires (`triggered_by`). */
  readonly logId: string;
  /** Notes what it is about. */
  about(facts: Partial<CallFacts>): void;
  /** Its INBOUND log for the event's own commit, as if it were answered so now. */
  taken(status: number, facts: CallFacts): TakenCall;
  /** What it is answered now, where its log was made before that was known. */
  answeredWith(body: string): AnsweredCall;
  /** That commit is on disk. */
  kept(): void;
}
