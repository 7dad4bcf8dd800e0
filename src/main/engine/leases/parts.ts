import type { CallbackReport } from '../../../shared/contract/callback.ts';
import type { BreakerChange } from '../../../shared/model/breaker.ts';
import type {
  AttemptReport,
  ClaimedTask,
  IntegrationPayload,
} from '../../../shared/model/delivery.ts';
import type { KeyWentOn } from '../../../shared/model/ordering.ts';
import type { ScheduleStep } from '../../../shared/model/retry.ts';
import type { ConfigurationLookup } from '../configuration/lookup.ts';
import type { CredentialSource } from '../dispatch/credentials.ts';
import type { PartnerRequest } from '../dispatch/transport.ts';
import type { Stops } from '../queue/breakers.ts';
import type { QueuePort } from '../queue/port.ts';
import type { LeasePort } from './port.ts';

/** A task as an outside worker is given it. Times are epoch milliseconds. */
export interface LeasedTask {
  task: ClaimedTask;
  leaseId: string;
  leaseUntil: number;
  request: PartnerRequest;
  /** What the rule allows for the whole call. */
  timeoutMs: number;
  integrationPayload: IntegrationPayload;
}

/** What the room is made of. */
export interface LeasesDeps {
  store: LeasePort & Pick<QueuePort, 'bury'>;
  configuration: ConfigurationLookup;
  credentials: CredentialSource;
  /** Integrations that a person has stopped. */
  stops: Stops;
  /** Reads reports, and takes those that end nothing. */
  callback: {
    read(body: CallbackReport, reporter: string): Promise<AttemptReport>;
    handle(body: CallbackReport, reporter: string): Promise<{ changed: boolean }>;
  };
  /** Epoch milliseconds. */
  clock: () => number;
  /** An outcome is on disk and applied. */
  onSettled: (report: AttemptReport) => void;
  onBreaker: (change: BreakerChange) => void;
  /** A failed delivery is tried again, or never more, by itself. */
  onRetry: (step: ScheduleStep) => void;
  /** A partner has answered 410: it is gone for good. */
  onGone: (
    task: { labIntegrationId: number; logId: string },
    report: { endPoint: string | null },
  ) => void;
  /** What waited for a leased delivery has become ready. */
  onKeyWentOn: (next: KeyWentOn) => void;
  /** Tasks are ready again that were leased. */
  onTakenBack: () => void;
  onTrouble: (what: string, message: string) => void;
}
