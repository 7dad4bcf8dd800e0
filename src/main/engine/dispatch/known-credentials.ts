import type {
  DeveloperAuthentication,
  LabIntegration,
} from '../../../shared/model/configuration.ts';
import type { HeaderRecord } from '../../../shared/model/delivery.ts';
import type { ConfigurationLookup } from '../configuration/lookup.ts';
import { MASK, maskHeaders } from './masking.ts';

/** Shortest secret that is looked for in texts; shorter ones occur in them by chance. */
const SHORTEST_SOUGHT = 8;

/** What must not be kept of a rule's credentials where a partner or a reporter repeats them. */
export interface KnownCredentials {
  /**
   * Names, in lower case, of headers that carry one though their names do not tell: a partner's own
   * API-key header may be called anything.
   */
  headers: readonly string[];
  /** Secrets themselves, the longest first, since one may hold another. */
  values: readonly string[];
}

export const NO_CREDENTIALS: KnownCredentials = { headers: [], values: [] };

/** @param secrets what was opened of the authentication */
export function knownCredentials(
  { kind, publicKeys }: Pick<DeveloperAuthentication, 'kind' | 'publicKeys'>,
  secrets: Readonly<Record<string, string>>,
): KnownCredentials {
  const { header, username } = publicKeys;
  const values = Object.values(secrets);
  if (kind === 'basic' && typeof username === 'string') {
    values.push(Buffer.from(`${username}:${secrets['password'] ?? ''}`).toString('base64'));
  }
  return {
    headers: typeof header === 'string' ? [header.toLowerCase()] : [],
    values: soughtOf(values),
  };
}

/** With what was got for a call alone, such as a token: it stands in these headers, after its scheme. */
export function alsoKnown(known: KnownCredentials, headers: HeaderRecord): KnownCredentials {
  const got = Object.values(headers).map((value) => value.replace(/^Bearer /, ''));
  return { ...known, values: soughtOf([...known.values, ...got]) };
}

function soughtOf(values: string[]): string[] {
  const sought = values.filter(({ length }) => length >= SHORTEST_SOUGHT).flatMap(spellingsOf);
  return [...new Set(sought)].sort((a, b) => b.length - a.length);
}

/** How a partner that tells what it got may write it: as it is, in JSON, in a URL or form, in base64. */
function spellingsOf(value: string): string[] {
  const inJson = JSON.stringify(value).slice(1, -1);
  return [
    value,
    inJson,
    // Base64 has slashes, which many a JSON writer (PHP's, for one) escapes.
    inJson.replaceAll('/', '\\/'),
    encodeURIComponent(value),
    Buffer.from(value).toString('base64'),
  ];
}

/** The credentials of a rule as it stands; of those that cannot be opened, the header's name. */
export function credentialsOf(
  { developerAuthenticationId: id }: Pick<LabIntegration, 'developerAuthenticationId'>,
  configuration: Pick<ConfigurationLookup, 'authentication' | 'openSecrets'>,
): KnownCredentials {
  const authentication = id === null ? undefined : configuration.authentication(id);
  if (!authentication) return NO_CREDENTIALS;
  let secrets: Record<string, string> = {};
  try {
    secrets = configuration.openSecrets(authentication);
  } catch {
    // A report is taken whatever has become of the key file.
  }
  return knownCredentials(authentication, secrets);
}

/** What an answer is told by, as far as a credential may be in it. */
interface Answer {
  responseHeaders: HeaderRecord | null;
  responseBody: string | null;
}

/** A partner's answer as it may be stored: partners that debug send back what they were sent. */
export function maskAnswer<A extends Answer>(answer: A, known: KnownCredentials): A {
  if (known === NO_CREDENTIALS) return answer;
  const { responseHeaders, responseBody } = answer;
  return {
    ...answer,
    responseHeaders: responseHeaders && maskKnown(responseHeaders, known),
    responseBody: responseBody === null ? null : maskText(responseBody, known),
  };
}

function maskKnown(headers: HeaderRecord, known: KnownCredentials): HeaderRecord {
  const masked = maskHeaders(headers, known.headers);
  for (const name in masked) masked[name] = maskText(masked[name] ?? '', known);
  return masked;
}

function maskText(text: string, { values }: KnownCredentials): string {
  let masked = text;
  for (const value of values) {
    // The cheap search spares copying nearly every answer there is.
    if (masked.includes(value)) masked = masked.replaceAll(value, MASK);
  }
  return masked;
}
