import type { HeaderRecord } from './delivery.ts';
import type { Reference } from './domain.ts';
import type { CallErrorKind, LogStatus, Priority } from './vocabulary.ts';

/**
 * A third party's call into the lab with its answer, as it becomes one INBOUND log (guide,
 * `IntegrationDirectoryLogger`). Secrets are masked already. Times are epoch milliseconds.
 */
export interface InboundCall {
  /** Given when the call arrives, so that what it fires can name it (`triggered_by`). */
  logId: string;
  arrivedAt: number;
  status: Extract<LogStatus, 'SUCCESS' | 'FAIL'>;
  /** Null where it was answered as asked. */
  errorKind: CallErrorKind | null;
  /** Our own words; they hold no value of the input. */
  errorMessage: string | null;
  /** Null where it named none, or none that we know. */
  labId: number | null;
  organizationId: number | null;
  /** The event's, where it brought one that was taken. */
  actionCategoryListId: number | null;
  actionCategory: string | null;
  eventId: string | null;
  batchId: string | null;
  priority: Priority;
  /** What it is about, as far as that is known. */
  references: Reference[];
  /** The path that was called, credentials in its query masked. */
  endPoint: string;
  requestMethod: string;
  requestHeaders: HeaderRecord;
  /** As far as it came and is kept; null where none of it was read. */
  requestBody: string | null;
  requestBodyCut: boolean;
  /** Null where the caller was gone before it was answered; so are the three that follow. */
  responseStatusCode: number | null;
  responseHeaders: HeaderRecord | null;
  responseBody: string | null;
  /** Milliseconds from the arrival of its head to the answer. */
  responseTime: number | null;
  responseBodyCut: boolean;
  ip: string;
  /** The `Origin` header. */
  origin: string | null;
  /** The end of the token that was shown; never the token. */
  tokenHint: string | null;
  /** The access key's name. */
  tokenOwner: string | null;
}

/** What a call turned out to be about. */
export type CallFacts = Pick<
  InboundCall,
  | 'labId'
  | 'organizationId'
  | 'actionCategoryListId'
  | 'actionCategory'
  | 'eventId'
  | 'batchId'
  | 'priority'
  | 'references'
>;

/** A call whose event is taken: its answer's body is the event's own `answer`. */
export type TakenCall = Omit<InboundCall, 'responseBody'>;

/** What a call that is kept already was answered in the end. */
export interface AnsweredCall {
  logId: string;
  responseBody: string;
  responseBodyCut: boolean;
  /** Milliseconds from the arrival of its head. */
  responseTime: number;
  /** Epoch milliseconds. */
  now: number;
}
