import {
  type AttemptReport,
  type ClaimedTask,
  type Stamp,
  stampOf,
} from '../../../shared/model/delivery.ts';
import type { Lease } from '../../../shared/model/lease.ts';
import { reportOfOutcome } from '../callback/outcome-report.ts';
import type { ConfigurationLookup } from '../configuration/lookup.ts';
import type { CredentialSource } from '../dispatch/credentials.ts';
import { NotSendable } from '../dispatch/not-sendable.ts';
import { type PreparedAttempt, prepareAttempt } from '../dispatch/request.ts';
import { failure } from '../dispatch/transport.ts';
import type { Stops } from '../queue/breakers.ts';
import type { WhyLost } from './faults.ts';

/** What came of making an attempt ready. */
export type Made =
  | { outcome: 'MADE'; attempt: PreparedAttempt; stamp: Stamp }
  /** It ends with this report. */
  | { outcome: 'NOT_SENDABLE'; why: WhyLost; report: AttemptReport; stamp: Stamp }
  /** Nothing may leave for it now. */
  | { outcome: 'HELD_BACK'; why: WhyLost };

/** Makes attempts ready for outside workers, with the code that makes our own. */
export class AttemptMaker {
  readonly #configuration: ConfigurationLookup;
  readonly #credentials: CredentialSource;
  readonly #stops: Stops;
  readonly #clock: () => number;

  constructor(deps: {
    configuration: ConfigurationLookup;
    credentials: CredentialSource;
    stops: Stops;
    clock: () => number;
  }) {
    this.#configuration = deps.configuration;
    this.#credentials = deps.credentials;
    this.#stops = deps.stops;
    this.#clock = deps.clock;
  }

  get isPaused(): boolean {
    return this.#configuration.settings.deliveryPaused !== null;
  }

  /** Why nothing may leave for a task now; null: it may. */
  obstacle(task: ClaimedTask): WhyLost | null {
    if (this.isPaused) return 'PAUSED';
    const rule = this.#configuration.integration(task.labIntegrationId);
    if (rule?.isActive === false) return 'DISABLED';
    if (this.#stops.has(task.labIntegrationId)) return 'STOPPED';
    return rule?.executor === 'local' ? 'LOCAL' : null;
  }

  async make(lease: Lease, task: ClaimedTask): Promise<Made> {
    const before = this.obstacle(task);
    if (before !== null) return { outcome: 'HELD_BACK', why: before };
    try {
      const attempt = await prepareAttempt(
        task,
        this.#configuration,
        this.#credentials,
        this.#clock(),
      );
      if (attempt.limits.clientCertificate) {
        throw new NotSendable(
          'The developer authentication shows a client certificate, which no outside worker is given. Let LabRelay make the calls (executor local), or use other credentials.',
        );
      }
      // Waiting for a token takes its time.
      const why = this.obstacle(task);
      if (why !== null) return { outcome: 'HELD_BACK', why };
      return { outcome: 'MADE', attempt, stamp: this.stampOf(task, attempt) };
    } catch (error) {
      if (!(error instanceof NotSendable)) throw error;
      const outcome = failure(error.kind, error.message, 0);
      return {
        outcome: 'NOT_SENDABLE',
        why: 'NOT_SENDABLE',
        report: this.#reportOf(lease, task, outcome),
        stamp: this.stampOf(task),
      };
    }
  }

  /**
   * Gets other credentials after a partner's 401, where they are of a kind that can be got: a worker
   * cannot, and every task that it is given would meet the same. @throws where none are to be had
   */
  async renewCredentials(labIntegrationId: number): Promise<void> {
    const id = this.#configuration.integration(labIntegrationId)?.developerAuthenticationId ?? null;
    const authentication = id === null ? undefined : this.#configuration.authentication(id);
    const known = authentication && (await this.#credentials.of(authentication));
    await known?.renew?.();
  }

  /** The end of an attempt that was kept from being sent after it was started. */
  keptFromSending(lease: Lease, task: ClaimedTask, why: WhyLost): AttemptReport {
    const what =
      why === 'PAUSED'
        ? 'Delivery was paused'
        : why === 'DISABLED'
          ? 'The rule was switched off'
          : why === 'STOPPED'
            ? 'The circuit breaker was opened by hand'
            : 'The rule was taken from outside workers';
    const outcome = failure('CONFIGURATION', `${what} before anything was sent.`, 0);
    return this.#reportOf(lease, task, outcome);
  }

  /** @param attempt null: none could be made, or none was */
  stampOf(task: ClaimedTask, attempt: PreparedAttempt | null = null): Stamp {
    const rule = attempt?.rule ?? this.#configuration.integration(task.labIntegrationId);
    return stampOf(task, {
      configVersion: rule?.version ?? 0,
      endPoint: rule?.endPoint ?? '',
      requestMethod: rule?.method ?? '',
      requestHeaders: attempt?.storedHeaders ?? {},
      startedAt: this.#clock(),
    });
  }

  #reportOf(
    lease: Lease,
    task: ClaimedTask,
    outcome: Parameters<typeof reportOfOutcome>[3],
  ): AttemptReport {
    const rule = this.#configuration.integration(task.labIntegrationId);
    const { logId, attempt } = lease;
    const endPoint = rule?.endPoint ?? null;
    return reportOfOutcome({ logId, attempt }, endPoint, null, outcome, {}, this.#clock());
  }
}
