import type { StoreApi } from 'zustand/vanilla';
import type { CallInput, Output, ProcedureName } from '../../../shared/contract/index.ts';
import type { LogDocument, LogSummaryDocument } from '../../../shared/contract/log-document.ts';
import type { LogStatus } from '../../../shared/model/vocabulary.ts';
import type { Health, Line, Who } from '../client/client.ts';

/** Something fetched: what is shown while it is fetched, and where fetching failed. */
export type Loadable<T> =
  | { state: 'loading' }
  | { state: 'ready'; value: T }
  | { state: 'error'; message: string };

/** What came of a call that a person made. */
export type Asked<T> = { ok: true; output: T } | { ok: false; message: string };

export type Breaker = Output<'listBreakers'>['items'][number];
export type BulkRetry = Output<'getBulkRetry'>;
export type BulkRow = BulkRetry['items'][number];
export type BulkSummary = Output<'listBulkRetries'>['items'][number];

export interface ConsoleState {
  session: SessionState;
  health: Health | null;
  /** Integrations whose breaker is open, or that have failures in a row. */
  breakers: Breaker[];
  /** When the engine last answered (epoch ms); null before its first answer. */
  reachedAt: number | null;
  /** The engine does not answer: what is shown is as of `reachedAt`. */
  isStale: boolean;
  /** How the line stands on which changes are told. */
  line: Line;
  logs: Loadable<LogSummaryDocument[]>;
  /** Rows that the page holds still though they are not among `logs` any more, as they stand now. */
  strays: LogSummaryDocument[];
  /** What the list is narrowed to: a log_id's beginning or end; empty shows the newest logs. */
  filter: string;
  /** And a status; null: any. */
  status: LogStatus | null;
  includeSuppressed: boolean;
  /** Whether calls into the lab are listed beside deliveries. */
  includeCalls: boolean;
  openLogId: string | null;
  openLog: Loadable<LogDocument>;
  openBulkId: string | null;
  bulk: Loadable<BulkRetry>;
  /** Which of its logs are listed, and where each page up to the one that is shown begins. */
  bulkRows: { state: BulkRow['state'] | null; pages: readonly string[] };
  /** The open log in clear, as it was when somebody asked to see it. */
  revealed: LogDocument | null;
}

/** `unknown` until the engine has answered. `message` tells why one is signed out unasked. */
export type SessionState =
  | { state: 'unknown' }
  | { state: 'in'; who: Who }
  | { state: 'out'; message: string | null };

/** The page's state and everything that can be done to it. */
export interface Console {
  readonly store: StoreApi<ConsoleState>;
  readonly needsSignIn: boolean;
  /** @returns why the key was refused, or null */
  signIn(key: string): Promise<string | null>;
  signOut(): Promise<void>;
  /** Narrows the list; see {@link isSearchable} for what can be looked for. */
  setFilter(filter: string): Promise<void>;
  setStatus(status: LogStatus | null): Promise<void>;
  setIncludeSuppressed(include: boolean): Promise<void>;
  setIncludeCalls(include: boolean): Promise<void>;
  open(logId: string | null): Promise<void>;
  openBulk(bulkRetryId: string | null): Promise<void>;
  setBulkRows(rows: ConsoleState['bulkRows']): Promise<void>;
  /** Calls a procedure; what kept it from being done comes as words for a person. */
  ask<N extends ProcedureName>(name: N, input: CallInput<N>): Promise<Asked<Output<N>>>;
  /**
   * Shows the open log in clear, which is recorded.
   * @returns why it was refused, or null
   */
  reveal(reason: string): Promise<string | null>;
  hide(): void;
  /** Fetches everything on the page anew; never throws. */
  refresh(): Promise<void>;
  /** Reads anew what changes, until the returned function is called. */
  goLive(): () => void;
  /** Says which rows the page shows. */
  watch(logIds: readonly string[]): void;
}

/** Of a bulk retry's logs those that are listed at first. */
export const FIRST_ROWS = { state: null, pages: [] };

/** Before anything was fetched or chosen. */
export function stateAtFirst(): ConsoleState {
  return {
    session: { state: 'unknown' },
    health: null,
    breakers: [],
    reachedAt: null,
    isStale: false,
    line: 'reconnecting',
    logs: { state: 'loading' },
    strays: [],
    filter: '',
    status: null,
    includeSuppressed: false,
    includeCalls: false,
    openLogId: null,
    openLog: { state: 'loading' },
    openBulkId: null,
    bulk: { state: 'loading' },
    bulkRows: FIRST_ROWS,
    revealed: null,
  };
}
