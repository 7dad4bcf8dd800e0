import type { LogSummary } from './delivery.ts';
import type { Reference } from './domain.ts';
import type {
  CallErrorKind,
  Certainty,
  Direction,
  ErrorKind,
  LogStatus,
  Priority,
  RetryState,
} from './vocabulary.ts';

/** What logs are looked for by; every filter given must hold. */
export interface LogSearch {
  /** Whole, a prefix, or the last six or more characters. */
  logId: string | null;
  /** Null: any (but see `includeSuppressed`). */
  status: LogStatus[] | null;
  certainty: Certainty[] | null;
  retryState: RetryState[] | null;
  direction: Direction | null;
  labId: number | null;
  labIntegrationId: number | null;
  actionCategory: string | null;
  batchId: string | null;
  eventId: string | null;
  /** The `log_id` of the call that fired them. */
  triggeredBy: string | null;
  controlId: string | null;
  reference: Reference | null;
  responseStatusCode: number | null;
  errorKind: ErrorKind | CallErrorKind | null;
  priority: Priority | null;
  /** Created at or after (epoch ms). */
  from: number | null;
  /** Created before (epoch ms). */
  to: number | null;
  /** Words in payload, response or error; all must occur. */
  text: string | null;
  includeSuppressed: boolean;
  cursor: string | null;
  /** 1 to 200 rows. */
  limit: number;
}

/** A search that finds everything but what is suppressed; others are this with filters. */
export const EVERY_LOG: LogSearch = {
  logId: null,
  status: null,
  certainty: null,
  retryState: null,
  direction: null,
  labId: null,
  labIntegrationId: null,
  actionCategory: null,
  batchId: null,
  eventId: null,
  triggeredBy: null,
  controlId: null,
  reference: null,
  responseStatusCode: null,
  errorKind: null,
  priority: null,
  from: null,
  to: null,
  text: null,
  includeSuppressed: false,
  cursor: null,
  limit: 50,
};

/** Newest first. */
export interface LogPage {
  items: LogSummary[];
  /** Opaque; null where this page is the last. */
  nextCursor: string | null;
  /** Exact up to 1,000, an estimate above. */
  totalEstimate: number;
}
