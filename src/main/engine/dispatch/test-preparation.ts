import { LabRelayError } from '../../../shared/errors.ts';
import type { DeveloperAuthentication } from '../../../shared/model/configuration.ts';
import type { ClaimedTask } from '../../../shared/model/delivery.ts';
import type { ConfigurationLookup } from '../configuration/lookup.ts';
import type { TargetGuard } from '../targets/guard.ts';
import type { CredentialSource } from './credentials.ts';
import { NotSendable } from './not-sendable.ts';
import { prepareAttempt, type PreparedAttempt, usableRule } from './request.ts';
import { StepFailed } from './test-sockets.ts';
import type { Transport } from './transport.ts';

/** What a test walks with: the very things that a delivery goes by. */
export interface TestDeps {
  configuration: ConfigurationLookup;
  transport: Transport;
  credentials: CredentialSource;
  targets: TargetGuard;
  clock: () => number;
}

export interface Sample {
  body: string;
  contentType: string;
}

/** The rule's attempt; where a token must be fetched for it, the authentication that it is for. */
export async function configured(
  deps: TestDeps,
  labIntegrationId: number,
  sample: Sample,
): Promise<PreparedAttempt | { tokenOf: DeveloperAuthentication }> {
  const { configuration, credentials } = deps;
  const { authentication, secrets } = await sendable(() =>
    usableRule(labIntegrationId, configuration, credentials),
  );
  if (authentication?.kind !== 'oauth2') return await prepare(deps, labIntegrationId, sample);
  await sendable(secrets);
  return { tokenOf: authentication };
}

/** The attempt with a token that was got now: one that is kept would prove nothing. */
export async function withToken(
  deps: TestDeps,
  authentication: DeveloperAuthentication,
  labIntegrationId: number,
  sample: Sample,
): Promise<PreparedAttempt> {
  await sendable(() => deps.credentials.fresh(authentication));
  return await prepare(deps, labIntegrationId, sample);
}

export async function prepare(
  { configuration, credentials, clock }: TestDeps,
  labIntegrationId: number,
  { body, contentType }: Sample,
): Promise<PreparedAttempt> {
  const task: ClaimedTask = {
    taskId: 0,
    logId: 'connection-test',
    labId: 0,
    labIntegrationId,
    actionCategory: '',
    eventId: null,
    kind: 'MANUAL',
    attempt: 1,
    revision: 1,
    body,
    contentType,
    priority: 'ROUTINE',
    deliverBy: null,
    integrationCallbackUrl: '',
    crashes: 0,
  };
  return await sendable(() => prepareAttempt(task, configuration, credentials, clock()));
}

/** What cannot be sent as it is configured is a finding. */
async function sendable<T>(run: () => T | Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof NotSendable) throw new StepFailed(error.message);
    throw error;
  }
}

/** The sample's body; a mapping that fails on it is a finding, what is wrong with `data` is not. */
export async function built<T>(payload: () => Promise<T>): Promise<T> {
  try {
    return await payload();
  } catch (error) {
    if (!(error instanceof LabRelayError) || error.code !== 'MAPPING_FAILED') throw error;
    throw new StepFailed(`The mapping failed on it: ${error.errors[0]?.reason ?? error.message}`);
  }
}
