import { certaintyOf } from '../../../shared/model/certainty.ts';
import { alsoKnown, maskAnswer } from './known-credentials.ts';
import type { PreparedAttempt } from './request.ts';
import type { Outcome, Transport } from './transport.ts';

/**
 * Sends an attempt. Where the partner's 401 says that it took nothing, and the credentials are of a
 * kind that can be renewed, they are, once, and the call is made once more: still the same attempt,
 * the same body under the same key. Every other 401 is the attempt's outcome, and so is the second.
 *
 * @param goesOn asked before the second call: false leaves it at the first answer
 * @returns the outcome as it may be kept, without what the partner was sent to believe us
 */
export async function callPartner(
  transport: Transport,
  attempt: PreparedAttempt,
  goesOn: () => boolean = () => true,
): Promise<Outcome> {
  const { request, limits, authorization, credentials, rule } = attempt;
  const { renew } = authorization;
  const answer = await transport.send(request, limits);
  if (renew === null) return maskAnswer(answer, credentials);
  const known = alsoKnown(credentials, authorization.headers);
  const outcome = maskAnswer(answer, known);
  // A rule may say that this partner's 401 means something else: then it may have taken the message.
  const isRefused = certaintyOf(outcome, rule.retryPolicy.overrides) === 'REFUSED';
  if (outcome.responseStatusCode !== 401 || !isRefused) return outcome;
  const renewed = await renew();
  if (renewed === null || !goesOn()) return outcome;
  const headers = { ...request.headers, ...renewed.headers };
  const second = await transport.send({ ...request, headers }, limits);
  return maskAnswer(second, alsoKnown(known, renewed.headers));
}
