import { SECRET_MASK } from '../../../shared/contract/configuration/authentications.ts';
import type { DeveloperAuthentication } from '../../../shared/model/configuration.ts';
import type { JsonObject } from '../../../shared/model/json.ts';

/** The key under which the secret is kept that the present one has replaced. */
export const FORMER_SIGNING_SECRET = 'signing_secret_previous';

/** How long a replaced signing secret signs beside the new one, unless told otherwise. */
export const SIGNING_OVERLAP_HOURS = 24;

/**
 * When the former signing secret ceases to sign (epoch ms), so long a partner may take to change
 * over; null where there is none, or its time is over.
 */
export function signingOverlapEnd(
  { publicKeys, sealedKeys }: Pick<DeveloperAuthentication, 'publicKeys' | 'sealedKeys'>,
  now: number,
): number | null {
  const replacedAt = publicKeys['signing_replaced_at'];
  if (sealedKeys[FORMER_SIGNING_SECRET] === undefined || typeof replacedAt !== 'number') {
    return null;
  }
  const hours = publicKeys['signing_overlap_hours'];
  const end = replacedAt + (typeof hours === 'number' ? hours : SIGNING_OVERLAP_HOURS) * 3_600_000;
  return now < end ? end : null;
}

/**
 * The secrets that sign a message now, the newest first: two during an overlap.
 * @param secrets the authentication's, opened
 */
export function signingSecrets(
  authentication: DeveloperAuthentication,
  secrets: Record<string, string>,
  now: number,
): string[] {
  const { signing_secret: current, signing_secret_previous: former } = secrets;
  if (!current) return [];
  return former && signingOverlapEnd(authentication, now) !== null ? [current, former] : [current];
}

/** The keys for signing to be changed; any kind of authentication may carry them. */
export interface SigningChange {
  /** Left out or the mask: it stays; null removes it, and the former one with it. */
  signing_secret?: string | null | undefined;
  /** Null ends the overlap; anything but the mask is refused, since only a replacement makes one. */
  signing_secret_previous?: string | null | undefined;
  /** Null: the usual length. Changed during an overlap, it moves its end. */
  signing_overlap_hours?: number | null | undefined;
}

/** The stored halves of an authentication's keys that are about signing. */
interface SigningKeys {
  publicKeys: JsonObject;
  sealedKeys: Record<string, string>;
}

/**
 * Merges a change of the signing secret. One that is replaced is kept as the former one and goes on
 * signing beside the new one for the overlap.
 *
 * @param means `open`: a stored secret, null where it does not open; `refuse`: notes a fault
 */
export function mergeSigning(
  given: SigningChange,
  current: DeveloperAuthentication | null,
  means: {
    seal: (key: string, plain: string) => string;
    open: (key: string) => string | null;
    refuse: (key: string, reason: string) => void;
    now: number;
  },
): SigningKeys {
  const { seal, open, refuse, now } = means;
  const value = given.signing_secret;
  const stored = current?.sealedKeys['signing_secret'];
  if ((given.signing_secret_previous ?? SECRET_MASK) !== SECRET_MASK) {
    refuse(FORMER_SIGNING_SECRET, 'is kept by LabRelay when the signing_secret is replaced');
  }
  const publicKeys: JsonObject = {};
  const hours =
    given.signing_overlap_hours === undefined
      ? current?.publicKeys['signing_overlap_hours']
      : given.signing_overlap_hours;
  if (typeof hours === 'number') publicKeys['signing_overlap_hours'] = hours;
  const none: SigningKeys = { publicKeys, sealedKeys: {} };

  if (value === null) return none;
  if (value === undefined || value === SECRET_MASK) {
    if (stored !== undefined) return unchanged(none, stored, current, given, now);
    if (value === SECRET_MASK) {
      refuse('signing_secret', 'is a mask, and none is stored; give the secret');
    }
    return none;
  }
  if (!isSigningSecret(value)) {
    const form = 'whsec_ and the base64 of 24 to 64 random bytes (Standard Webhooks)';
    refuse('signing_secret', `must be ${form}`);
    return none;
  }
  const former = stored === undefined ? null : open('signing_secret');
  // Entered once more: nothing is replaced.
  if (stored !== undefined && former === value) {
    return unchanged(none, stored, current, given, now);
  }
  const sealedKeys: Record<string, string> = { signing_secret: seal('signing_secret', value) };
  // A former one that does not open any more could sign nothing.
  if (former === null || hours === 0 || given.signing_secret_previous === null) {
    return { publicKeys, sealedKeys };
  }
  return {
    publicKeys: { ...publicKeys, signing_replaced_at: now },
    sealedKeys: { ...sealedKeys, signing_secret_previous: seal(FORMER_SIGNING_SECRET, former) },
  };
}

/** The stored secret, with the former one while that still signs and nobody has ended it. */
function unchanged(
  none: SigningKeys,
  stored: string,
  current: DeveloperAuthentication | null,
  given: SigningChange,
  now: number,
): SigningKeys {
  const alone: SigningKeys = { ...none, sealedKeys: { signing_secret: stored } };
  const previous = current?.sealedKeys[FORMER_SIGNING_SECRET];
  if (previous === undefined || given.signing_secret_previous === null) return alone;
  const both: SigningKeys = {
    publicKeys: {
      ...none.publicKeys,
      signing_replaced_at: current?.publicKeys['signing_replaced_at'] ?? 0,
    },
    sealedKeys: { signing_secret: stored, signing_secret_previous: previous },
  };
  return signingOverlapEnd(both, now) === null ? alone : both;
}

function isSigningSecret(value: string): boolean {
  if (!value.startsWith('whsec_')) return false;
  const text = value.slice('whsec_'.length);
  const bytes = Buffer.from(text, 'base64');
  return bytes.length >= 24 && bytes.length <= 64 && bytes.toString('base64') === text;
}
