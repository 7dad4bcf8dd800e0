import { hash, randomBytes, timingSafeEqual } from 'node:crypto';
import { fieldError, LabRelayError } from '../../../shared/errors.ts';
import type { AccessKey } from '../../../shared/model/configuration.ts';
import type { AccessKeyKind, Role } from '../../../shared/model/vocabulary.ts';
import { MASK } from '../dispatch/masking.ts';
import type { ConfigurationMemory } from './memory.ts';

/** A key to be made, in the words of its maker. */
export interface NewAccessKey {
  kind: AccessKeyKind;
  name: string;
  labIds?: number[] | undefined;
  routes?: string[] | undefined;
  role?: Role | undefined;
}

type AccessKeyValues = Omit<AccessKey, 'accessKeyId' | 'revokedAt' | 'createdAt'>;

/** The kind is readable in the key, so that one pasted in the wrong place is told apart. */
const PREFIXES: Record<AccessKeyKind, string> = {
  inbound: 'lrk_in_',
  user: 'lrk_us_',
  internal: 'lrk_int_',
};

/** Bytes of randomness; with 256 bits no slow hash is needed. */
const RANDOM_BYTES = 32;

/** Longest token that is looked at; ours have 50 or 51 characters, an admin's own may be longer. */
const LONGEST_TOKEN = 512;

/** Makes the clear key, which is shown once and then only known by its hash. */
export function generateKey(kind: AccessKeyKind): string {
  return PREFIXES[kind] + randomBytes(RANDOM_BYTES).toString('base64url');
}

/** What all made keys begin with, and one as a whole; see `generateKey`. */
const BEGINNING = 'lrk_';
const MADE_KEY = /lrk_(in|us|int)_[A-Za-z0-9_-]{43}/g;

/** Text in which no made key stands. */
export function withoutMadeKeys(text: string): string {
  return text.includes(BEGINNING) ? text.replaceAll(MADE_KEY, MASK) : text;
}

/** What is kept of a key. */
export function valuesOfKey(token: string, wish: NewAccessKey): AccessKeyValues {
  return {
    kind: wish.kind,
    name: wish.name,
    role: wish.role ?? null,
    labIds: wish.labIds ? [...new Set(wish.labIds)] : null,
    routes: wish.routes ? [...new Set(wish.routes)] : null,
    hash: hashOf(token),
    // A short token of an admin's own making would be half told by its last characters.
    hint: token.length >= 16 ? token.slice(-4) : '',
  };
}

/** The unrevoked key that a token belongs to. */
export function findKey(memory: ConfigurationMemory, token: string): AccessKey | undefined {
  if (token === '' || token.length > LONGEST_TOKEN) return undefined;
  const given = hashOf(token);
  const key = memory.accessKeyByHash(given);
  if (!key || key.revokedAt !== null) return undefined;
  // The look-up compares hashes, whose timing tells nothing of the token; this holds even if the
  // map is ever replaced by something that compares prefixes.
  return timingSafeEqual(Buffer.from(key.hash), Buffer.from(given)) ? key : undefined;
}

/** @throws LabRelayError naming the field that does not go with the kind, or whose name is taken. */
export function checkNewKey(memory: ConfigurationMemory, wish: NewAccessKey): void {
  if (wish.kind === 'user' && !wish.role) {
    throw fieldError(
      'INVALID_INPUT',
      'role',
      'is needed for a user key: viewer, operator or admin',
    );
  }
  if (wish.kind === 'user' && isTaken(memory, wish.name)) {
    throw fieldError(
      'NAME_TAKEN',
      'name',
      'is the name of another person’s key; the audit chain tells people apart by it, so give another or revoke that key first',
    );
  }
  if (wish.kind !== 'user' && wish.role) {
    throw fieldError('INVALID_INPUT', 'role', 'goes with user keys only; remove it');
  }
  for (const [field, value] of [
    ['lab_ids', wish.labIds],
    ['routes', wish.routes],
  ] as const) {
    if (wish.kind !== 'inbound' && value) {
      throw fieldError('INVALID_INPUT', field, 'goes with inbound keys only; remove it');
    }
  }
  const strangers = (wish.labIds ?? []).flatMap((labId, index) =>
    memory.labs.has(labId)
      ? []
      : [
          {
            field: `lab_ids.${index}`,
            reason: `there is no lab ${labId}; add it first (addUpdateLab)`,
          },
        ],
  );
  const first = strangers[0];
  if (first) throw new LabRelayError('UNKNOWN_LAB', `${first.field}: ${first.reason}`, strangers);
}

/** A name for a person that no other person has: the given one, or with a number behind it. */
export function freeName(memory: ConfigurationMemory, name: string): string {
  let free = name;
  for (let number = 2; isTaken(memory, free); number++) free = `${name} ${number}`;
  return free;
}

/** Whether a person with an unrevoked key is called so, in whatever case. */
function isTaken(memory: ConfigurationMemory, name: string): boolean {
  return [...memory.accessKeys.values()].some(
    (key) =>
      key.kind === 'user' &&
      key.revokedAt === null &&
      key.name.toLowerCase() === name.toLowerCase(),
  );
}

/** @throws LabRelayError if nobody could administer LabRelay without this key. */
export function checkRevocation(memory: ConfigurationMemory, accessKeyId: number): void {
  if (!activeAdmins(memory).some((key) => key.accessKeyId === accessKeyId)) return;
  if (activeAdmins(memory).length === 1) {
    throw fieldError(
      'INVALID_INPUT',
      'access_key_id',
      'is the last admin key; make another one first (createAccessKey)',
    );
  }
}

/** Keys of people who may administer LabRelay. */
function activeAdmins(memory: ConfigurationMemory): AccessKey[] {
  return [...memory.accessKeys.values()].filter(
    (key) => key.kind === 'user' && key.role === 'admin' && key.revokedAt === null,
  );
}

/**
 * What is to be done about the first admin key at a start.
 * @param given value of `LABRELAY_ADMIN_TOKEN`
 * @returns the token to save, and whether it was made here; null: nothing to do
 * @throws Error if the given token cannot be used
 */
export function adminTokenToSave(
  memory: ConfigurationMemory,
  given: string | undefined,
): { token: string; made: boolean } | null {
  if (!given) {
    return activeAdmins(memory).length > 0 ? null : { token: generateKey('user'), made: true };
  }
  if (given.length < 8 || given.length > LONGEST_TOKEN || !/^[\x21-\x7e]+$/.test(given)) {
    throw new Error(
      'LABRELAY_ADMIN_TOKEN must be 8 to 512 visible ASCII characters without spaces',
    );
  }
  const known = memory.accessKeyByHash(hashOf(given));
  if (!known) return { token: given, made: false };
  const isUsable = known.revokedAt === null && known.kind === 'user' && known.role === 'admin';
  // One that was revoked on purpose must not keep the lab's server from starting after a reboot.
  if (!isUsable && activeAdmins(memory).length === 0) {
    throw new Error(
      `LABRELAY_ADMIN_TOKEN is access key ${known.accessKeyId}, which is revoked or no admin's; choose another token`,
    );
  }
  return null;
}

/** What a key is called that a person chose (`LABRELAY_ADMIN_TOKEN`); all others are made here. */
export const CHOSEN_TOKEN = 'LABRELAY_ADMIN_TOKEN';

function hashOf(token: string): string {
  return hash('sha256', token, 'hex');
}
