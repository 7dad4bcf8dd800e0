import type { DeveloperAuthentication } from '../../../shared/model/configuration.ts';
import { type CertificateFacts, certificateFacts } from './client-certificates.ts';
import { signingOverlapEnd } from './signing-keys.ts';

/** So long before a client certificate ends, whoever looks is told. */
const EXPIRY_NOTICE_MS = 30 * 24 * 3_600_000;

/** What can be told of an authentication without any of its secrets. */
export interface AuthenticationFacts {
  /** Last characters of its tokens; null: its secrets cannot be opened with the present key. */
  hints: Record<string, string> | null;
  /** Epoch ms; null while one secret signs. */
  signingOverlapEndsAt: number | null;
  certificate: CertificateFacts | null;
  /** What its author should know, in whole sentences. */
  notices: string[];
}

export function authenticationFacts(
  authentication: DeveloperAuthentication,
  allHints: Record<string, string> | null,
  now: number,
): AuthenticationFacts {
  const { publicKeys, kind } = authentication;
  const pem = publicKeys['certificate'];
  const certificate = typeof pem === 'string' ? certificateFacts(pem) : null;
  const signingOverlapEndsAt = signingOverlapEnd(authentication, now);
  const { signing_secret_previous: former, ...lasting } = allHints ?? {};
  const isOverlap = signingOverlapEndsAt !== null && former !== undefined;
  const hints = isOverlap ? { ...lasting, signing_secret_previous: former } : lasting;
  const notices: string[] = [];
  if (certificate) notices.push(...expiryNotice(certificate, now));
  const tokenUrl = publicKeys['token_url'];
  if (kind === 'oauth2' && typeof tokenUrl === 'string' && /^http:/i.test(tokenUrl)) {
    notices.push(
      'The token_url is plain http: client secret and token cross the network in clear. Use https where the partner offers it.',
    );
  }
  if (signingOverlapEndsAt !== null) {
    const end = new Date(signingOverlapEndsAt).toISOString();
    notices.push(
      `The former signing secret signs beside the new one until ${end}. Set keys.signing_secret_previous to null to end that now.`,
    );
  }
  return { hints: allHints && hints, signingOverlapEndsAt, certificate, notices };
}

function expiryNotice({ expiresAt }: CertificateFacts, now: number): string[] {
  const end = new Date(expiresAt).toISOString();
  if (expiresAt <= now) {
    return [
      `The client certificate ended on ${end}: partners will refuse it. Enter a renewed one.`,
    ];
  }
  if (expiresAt - now > EXPIRY_NOTICE_MS) return [];
  return [`The client certificate ends on ${end}. Ask for a renewed one in time.`];
}
