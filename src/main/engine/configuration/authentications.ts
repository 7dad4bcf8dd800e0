import { SECRET_MASK } from '../../../shared/contract/configuration/authentications.ts';
import {
  headerNameFault,
  headerValueFault,
} from '../../../shared/contract/configuration/http-fields.ts';
import { type FieldError, fieldError, LabRelayError } from '../../../shared/errors.ts';
import type {
  AuthenticationKind,
  DeveloperAuthentication,
  Owner,
} from '../../../shared/model/configuration.ts';
import type { ConfigurationMemory } from './memory.ts';
import { type Loose, resolveOwner } from './owners.ts';
import type { Vault } from './vault.ts';

const PUBLIC_KEYS = ['username', 'header'] as const;
const SECRET_KEYS = ['password', 'token', 'value', 'signing_secret'] as const;
type PublicKey = (typeof PUBLIC_KEYS)[number];
type SecretKey = (typeof SECRET_KEYS)[number];

/** An authentication to be added or changed; what is left out stays as it is. */
export interface AuthenticationChange extends Loose<Owner> {
  developerAuthenticationId?: number | undefined;
  name?: string | undefined;
  kind?: AuthenticationKind | undefined;
  /** A secret that is left out, or is the mask, stays; `signing_secret: null` removes it. */
  keys?: { [K in PublicKey | SecretKey]?: string | null | undefined } | undefined;
  isActive?: boolean | undefined;
  expectedVersion?: number | undefined;
}

type AuthenticationValues = Omit<
  DeveloperAuthentication,
  'developerAuthenticationId' | 'version' | 'updatedAt'
>;

/** The keys that a kind needs, beside the signing secret that any kind may carry. */
const KEYS_OF_KIND: Partial<Record<AuthenticationKind, readonly (PublicKey | SecretKey)[]>> = {
  none: [],
  basic: ['username', 'password'],
  bearer: ['token'],
  api_key: ['header', 'value'],
};

/**
 * Merges a change into what is stored, and seals new secrets.
 * @throws LabRelayError naming every field at fault; no reason repeats a secret
 */
export function mergeAuthentication(
  memory: ConfigurationMemory,
  vault: Vault,
  current: DeveloperAuthentication | null,
  change: AuthenticationChange,
): AuthenticationValues {
  const owner = resolveOwner(memory, current, change);
  const name = change.name ?? current?.name;
  const kind = change.kind ?? current?.kind;
  if (name === undefined) throw fieldError('INVALID_INPUT', 'name', 'is needed; name the partner');
  if (kind === undefined) {
    throw fieldError('INVALID_INPUT', 'kind', 'is needed: none, basic, bearer or api_key');
  }
  const needed = KEYS_OF_KIND[kind];
  if (!needed) {
    throw fieldError('INVALID_INPUT', 'kind', `${kind} comes with a later version of LabRelay`);
  }
  const given = change.keys ?? {};
  // A key of another kind is not kept: it would be sent nowhere and could still leak.
  const kept = current?.kind === kind ? current : null;
  const publicKeys: Record<string, string> = {};
  const sealedKeys: Record<string, string> = {};
  const errors: FieldError[] = [];
  const refuse = (key: string, reason: string) => errors.push({ field: `keys.${key}`, reason });

  for (const key of PUBLIC_KEYS) {
    const value = given[key] ?? (kept?.publicKeys[key] as string | undefined);
    if (!needed.includes(key)) {
      if (given[key] !== undefined) refuse(key, `does not go with kind ${kind}; remove it`);
    } else if (value === undefined) {
      refuse(key, `is needed for kind ${kind}`);
    } else {
      const fault = faultOf(key, value);
      if (fault) refuse(key, fault);
      publicKeys[key] = value;
    }
  }
  for (const key of SECRET_KEYS) {
    const isSigning = key === 'signing_secret';
    const stored = (isSigning ? current : kept)?.sealedKeys[key];
    const value = given[key];
    if (!isSigning && !needed.includes(key)) {
      if (value !== undefined) refuse(key, `does not go with kind ${kind}; remove it`);
    } else if (value === null) {
      if (!isSigning) refuse(key, `is needed for kind ${kind}`);
    } else if (value === undefined || value === SECRET_MASK) {
      if (stored !== undefined) sealedKeys[key] = stored;
      else if (value === SECRET_MASK) refuse(key, 'is a mask, and none is stored; give the secret');
      else if (!isSigning) refuse(key, `is needed for kind ${kind}`);
    } else {
      const fault = faultOf(key, value);
      if (fault) refuse(key, fault);
      else sealedKeys[key] = vault.seal(value, purposeOf(owner, key));
    }
  }
  const first = errors[0];
  if (first) throw new LabRelayError('INVALID_INPUT', `${first.field}: ${first.reason}`, errors);
  if (current && sealedKeys.signing_secret === undefined) checkNotSigning(memory, current);
  const isActive = change.isActive ?? current?.isActive ?? true;
  return { ...owner, name, kind, publicKeys, sealedKeys, isActive };
}

/** Opens all secrets of an authentication. @throws Error as {@link Vault.open} */
export function openSecrets(
  vault: Vault,
  authentication: DeveloperAuthentication,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(authentication.sealedKeys).map(([key, sealed]) => [
      key,
      vault.open(sealed, purposeOf(authentication, key)),
    ]),
  );
}

/**
 * Last four characters of tokens from 16 characters on, for people to tell them apart; never of a
 * password. Null: the secrets cannot be opened with the present key.
 */
export function secretHints(
  vault: Vault,
  authentication: DeveloperAuthentication,
): Record<string, string> | null {
  let secrets: Record<string, string>;
  try {
    secrets = openSecrets(vault, authentication);
  } catch {
    // Told as data: the document says `secrets_readable: false`, and an attempt will fail by name.
    return null;
  }
  return Object.fromEntries(
    Object.entries(secrets)
      .filter(([key, secret]) => key !== 'password' && secret.length >= 16)
      .map(([key, secret]) => [key, secret.slice(-4)]),
  );
}

/** Binds a sealed secret to its owner and name: copied to another row or field it does not open. */
function purposeOf(owner: Owner, key: string): string {
  const holder =
    owner.labId === null ? `organization-${owner.organizationId}` : `lab-${owner.labId}`;
  return `developer_authentication/${holder}/${key}`;
}

function faultOf(key: PublicKey | SecretKey, value: string): string | null {
  switch (key) {
    case 'username':
      // RFC 7617, 2: the first colon ends the user name.
      return /[:\p{Cc}]/u.test(value) ? 'must not hold a colon or control characters' : null;
    case 'password':
      return /\p{Cc}/u.test(value) ? 'must not hold control characters' : null;
    case 'token':
      return /^[\x21-\x7e]+$/.test(value)
        ? null
        : 'must be visible ASCII characters without spaces';
    case 'header':
      return headerNameFault(value);
    case 'value':
      return value.trim() === value
        ? headerValueFault(value)
        : 'must not begin or end with a space';
    case 'signing_secret':
      return isSigningSecret(value)
        ? null
        : 'must be whsec_ and the base64 of 24 to 64 random bytes (Standard Webhooks)';
  }
}

function isSigningSecret(value: string): boolean {
  if (!value.startsWith('whsec_')) return false;
  const text = value.slice('whsec_'.length);
  const bytes = Buffer.from(text, 'base64');
  return bytes.length >= 24 && bytes.length <= 64 && bytes.toString('base64') === text;
}

function checkNotSigning(memory: ConfigurationMemory, authentication: DeveloperAuthentication) {
  const id = authentication.developerAuthenticationId;
  const signing = [...memory.integrations.values()].filter(
    (rule) => rule.signing && rule.developerAuthenticationId === id,
  );
  if (signing.length === 0) return;
  const ids = signing.map((rule) => rule.labIntegrationId).join(', ');
  throw fieldError(
    'INVALID_INPUT',
    'keys.signing_secret',
    `integrations ${ids} sign with it; set their signing to false first`,
  );
}
