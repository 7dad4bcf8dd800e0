import type { CallbackReport } from '../../../shared/contract/callback.ts';
import { fieldError, LabRelayError } from '../../../shared/errors.ts';
import type { AttemptReport, ReportResult } from '../../../shared/model/delivery.ts';
import type { ConfigurationLookup } from '../configuration/lookup.ts';
import { credentialsOf, maskAnswer, NO_CREDENTIALS } from '../dispatch/known-credentials.ts';
import { refuseForeignAddress } from './addresses.ts';
import { readEnrichedPayload } from './enriched-payload.ts';
import type { CallbackPort } from './port.ts';

/** Told of a report that changed something, with what waited for it and what it has ended. */
type OnApplied = (
  report: AttemptReport,
  result: Pick<Extract<ReportResult, { outcome: 'APPLIED' }>, 'wentOn' | 'leaseEnd' | 'retry'>,
) => void;

/**
 * The one handler of the status callback (guide, `integration_callback_url`). Reports that come over
 * HTTP, our own worker's among them where it is set to, are read here; our own in-process reports
 * are made in the same shape and committed together with the outcome. The store applies both by the
 * same state machine.
 */
export class CallbackHandler {
  readonly #store: CallbackPort;
  readonly #configuration: ConfigurationLookup;
  readonly #callbackUrl: () => string;
  readonly #clock: () => number;
  readonly #onApplied: OnApplied;

  constructor(deps: {
    store: CallbackPort;
    configuration: ConfigurationLookup;
    /** Where reports go, as partners' workers are told. */
    callbackUrl: () => string;
    clock: () => number;
    onApplied: OnApplied;
  }) {
    this.#store = deps.store;
    this.#configuration = deps.configuration;
    this.#callbackUrl = deps.callbackUrl;
    this.#clock = deps.clock;
    this.#onApplied = deps.onApplied;
  }

  /**
   * Takes one report. Repeats, and signals weaker or older than what is known, change nothing.
   *
   * @param reporter name of the access key that it came with; null: our own worker
   * @throws LabRelayError `UNKNOWN_LOG`, or `INVALID_INPUT` for an attempt that was never made or a
   *   report that contradicts itself
   */
  async handle(
    body: CallbackReport,
    reporter: string | null,
  ): Promise<{ log_id: string; changed: boolean }> {
    const report = await this.read(body, reporter);
    const result = await this.#store.report(report);
    return this.#answer(report, result);
  }

  /**
   * What a report says, judged as our own attempts are, credentials masked; nothing is done with it.
   * @throws LabRelayError as `handle`
   */
  async read(body: CallbackReport, reporter: string | null): Promise<AttemptReport> {
    const known = await this.#store.originOfLog(body.log_id);
    refuseForeignAddress(body, [this.#callbackUrl(), known?.integrationCallbackUrl]);
    if (!known) throw unknownLog();
    if (known.direction === 'INBOUND') {
      const reason =
        'is a call into the lab, of which nothing is reported; send the log_id of integration_payload';
      throw fieldError('INVALID_INPUT', 'log_id', reason);
    }
    const rule =
      known.labIntegrationId === null
        ? undefined
        : this.#configuration.integration(known.labIntegrationId);
    // Our own worker has masked its reports; opening secrets once more would only cost.
    const credentials =
      rule && reporter !== null ? credentialsOf(rule, this.#configuration) : NO_CREDENTIALS;
    const told = readEnrichedPayload(body, {
      overrides: rule?.retryPolicy.overrides ?? {},
      secretHeaders: credentials.headers,
      reporter,
      now: this.#clock(),
    });
    return maskAnswer(told, credentials);
  }

  #answer(report: AttemptReport, result: ReportResult): { log_id: string; changed: boolean } {
    switch (result.outcome) {
      case 'APPLIED':
        this.#onApplied(report, result);
        return { log_id: result.logId, changed: true };
      case 'UNCHANGED':
        return { log_id: result.logId, changed: false };
      case 'UNKNOWN_LOG':
        throw unknownLog();
      case 'UNKNOWN_ATTEMPT':
        throw fieldError(
          'INVALID_INPUT',
          'attempt_id',
          'no such attempt was made for this log; send the attempt_id of integration_payload, once the attempt has started',
        );
    }
  }
}

function unknownLog(): LabRelayError {
  return new LabRelayError(
    'UNKNOWN_LOG',
    'No log has this log_id. Send it exactly as integration_payload gave it.',
    [{ field: 'log_id', reason: 'is not known here' }],
  );
}
