import type { BreakerChange } from '../../../shared/model/breaker.ts';
import type { AttemptReport, ClaimedTask } from '../../../shared/model/delivery.ts';
import { LabRelayError } from '../../../shared/errors.ts';
import type { ExpiredHold } from '../../../shared/model/ordering.ts';
import type { Failpoint } from '../../../shared/failpoint.ts';
import type { ScheduleStep } from '../../../shared/model/retry.ts';
import type { Spill } from '../../../shared/model/spill.ts';
import type { ConfigurationLookup } from '../configuration/lookup.ts';
import type { Stops } from '../queue/breakers.ts';
import type { QueuePort } from '../queue/port.ts';
import type { CredentialSource } from './credentials.ts';
import type { Transport } from './transport.ts';

/** How patient a dispatcher is, in milliseconds. */
export interface DispatcherTimings {
  /** How long a claim is this worker's without being renewed. */
  lease: number;
  /** Claims wait for a wake-up, but never longer than this: another process may have queued work. */
  idlePoll: number;
  /** How long a handler may outlive its own time-out before it counts as hung. */
  hungAfter: number;
  /** Wait before a write that the store refused is tried again. */
  storeAgain: number;
}

export const TIMINGS: DispatcherTimings = {
  lease: 120_000,
  idlePoll: 1_000,
  hungAfter: 10_000,
  storeAgain: 500,
};

/** The store's commands that a dispatcher needs. */
type DispatchPort = Pick<
  QueuePort,
  | 'claim'
  | 'nextDueAt'
  | 'begin'
  | 'stamp'
  | 'settle'
  | 'bury'
  | 'release'
  | 'extendLeases'
  | 'recover'
  | 'tendOrder'
>;

/** The spill journal, as whoever sends sees it. */
export interface OutcomeSpill extends Spill {
  /**
   * From the store's first refusal until it has everything that was kept meanwhile: nothing is
   * claimed or stamped then, and outcomes go into the journal.
   */
  readonly isInUse: boolean;
}

/** What the dispatcher is made of. */
export interface DispatcherDeps {
  store: DispatchPort;
  spill: OutcomeSpill;
  configuration: ConfigurationLookup;
  transport: Transport;
  credentials: CredentialSource;
  /** Integrations that a person has stopped. */
  stops: Stops;
  clock: () => number;
  /** This engine's lasting id. */
  worker: string;
  failpoint: Failpoint;
  /** An outcome is on disk and applied. */
  onSettled: (report: AttemptReport) => void;
  /** An integration's breaker has opened or closed, or is about to open. */
  onBreaker: (change: BreakerChange) => void;
  /** A failed delivery is tried again, or never more, by itself. */
  onRetry: (step: ScheduleStep) => void;
  /** A partner has answered 410: it is gone for good. */
  onGone: (task: Pick<ClaimedTask, 'logId' | 'labIntegrationId'>, report: AttemptReport) => void;
  /** An outcome is on disk and waits to be reported over HTTP. */
  onReportDue: () => void;
  /** Deliveries were released that had waited long enough behind one in doubt. */
  onHoldsExpired: (holds: readonly ExpiredHold[]) => void;
  /** Something an operator's log should tell; no patient data. */
  onTrouble: (what: string, message: string) => void;
  /** Where it is to differ from the usual. */
  timings?: Partial<DispatcherTimings>;
}

/** One task under way. */
export interface Execution {
  task: ClaimedTask;
  stamped: boolean;
  /** Nothing was sent through no fault of the task: it goes back into its place. */
  goesBack: boolean;
  /** When the handler counts as hung (epoch ms). */
  deadline: number;
  /** Ends the execution; null once it has ended, whatever its handler still does. */
  end: ((ending: () => Promise<void>) => void) | null;
}

/** The store cannot be written at all just now; what it was told is not at fault. */
export function isStoreDown(error: unknown): boolean {
  return error instanceof LabRelayError && error.code === 'STORE_UNAVAILABLE';
}

/** Only the error's kind: a message may quote what was being handled. */
export function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : 'unknown error';
}
