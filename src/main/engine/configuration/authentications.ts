import { SECRET_MASK } from '../../../shared/contract/configuration/authentications.ts';
import { type FieldError, fieldError, LabRelayError } from '../../../shared/errors.ts';
import {
  AUTHENTICATION_KINDS,
  type AuthenticationKind,
  type DeveloperAuthentication,
  type Owner,
} from '../../../shared/model/configuration.ts';
import type { JsonObject } from '../../../shared/model/json.ts';
import type { TargetGuard } from '../targets/guard.ts';
import {
  keyFault,
  partOf,
  PUBLIC_KEYS,
  type PublicKey,
  SECRET_KEYS,
  type SecretKey,
} from './authentication-keys.ts';
import { clientCertificateFault } from './client-certificates.ts';
import type { ConfigurationMemory } from './memory.ts';
import { type Loose, resolveOwner } from './owners.ts';
import { mergeSigning, type SigningChange } from './signing-keys.ts';
import type { Vault } from './vault.ts';

/** Keys to be changed: one that is left out stays, null removes one that is not needed. */
export type KeysChange = {
  [K in PublicKey | SecretKey]?: string | null | undefined;
} & SigningChange;

/** An authentication to be added or changed; what is left out stays as it is. */
export interface AuthenticationChange extends Loose<Owner> {
  developerAuthenticationId?: number | undefined;
  name?: string | undefined;
  kind?: AuthenticationKind | undefined;
  /** A secret that is the mask stays as well. */
  keys?: KeysChange | undefined;
  isActive?: boolean | undefined;
  expectedVersion?: number | undefined;
}

type AuthenticationValues = Omit<
  DeveloperAuthentication,
  'developerAuthenticationId' | 'version' | 'updatedAt'
>;

/** What a merge is made with. */
interface Surroundings {
  memory: ConfigurationMemory;
  vault: Vault;
  targets: TargetGuard;
  /** Epoch ms. */
  now: number;
}

/**
 * Merges a change into what is stored, and seals new secrets.
 * @throws LabRelayError naming every field at fault; no reason repeats a secret
 */
export function mergeAuthentication(
  { memory, vault, targets, now }: Surroundings,
  current: DeveloperAuthentication | null,
  change: AuthenticationChange,
): AuthenticationValues {
  const owner = resolveOwner(memory, current, change);
  const name = change.name ?? current?.name;
  const kind = change.kind ?? current?.kind;
  if (name === undefined) throw fieldError('INVALID_INPUT', 'name', 'is needed; name the partner');
  if (kind === undefined) {
    const kinds = AUTHENTICATION_KINDS.join(', ');
    throw fieldError('INVALID_INPUT', 'kind', `is needed: one of ${kinds}`);
  }
  const given = change.keys ?? {};
  // A key of another kind is not kept: it would be sent nowhere and could still leak.
  const kept = current?.kind === kind ? current : null;
  const publicKeys: JsonObject = {};
  const sealedKeys: Record<string, string> = {};
  const errors: FieldError[] = [];
  const refuse = (key: string, reason: string) => errors.push({ field: `keys.${key}`, reason });
  const seal = (key: string, plain: string) => vault.seal(plain, purposeOf(owner, key));

  for (const key of PUBLIC_KEYS) {
    const part = partOf(kind, key);
    const value = given[key] === undefined ? kept?.publicKeys[key] : given[key];
    if (part === null) {
      if (given[key] !== undefined) refuse(key, `does not go with kind ${kind}; remove it`);
    } else if (typeof value !== 'string') {
      if (part === 'needed') refuse(key, `is needed for kind ${kind}`);
    } else {
      const fault = keyFault(key, value);
      if (fault) refuse(key, fault);
      publicKeys[key] = value;
    }
  }
  for (const key of SECRET_KEYS) {
    const part = partOf(kind, key);
    const value = given[key];
    const stored = kept?.sealedKeys[key];
    if (part === null) {
      if (value !== undefined) refuse(key, `does not go with kind ${kind}; remove it`);
    } else if (value === undefined || value === SECRET_MASK) {
      if (stored !== undefined) sealedKeys[key] = stored;
      else if (value === SECRET_MASK) refuse(key, 'is a mask, and none is stored; give the secret');
      else if (part === 'needed') refuse(key, `is needed for kind ${kind}`);
    } else if (value === null) {
      if (part === 'needed') refuse(key, `is needed for kind ${kind}`);
    } else {
      const fault = keyFault(key, value);
      if (fault) refuse(key, fault);
      else sealedKeys[key] = seal(key, value);
    }
  }
  const signing = mergeSigning(given, current, {
    seal,
    open: (key) => openKey(vault, owner, current?.sealedKeys[key] ?? '', key),
    refuse,
    now,
  });
  Object.assign(publicKeys, signing.publicKeys);
  Object.assign(sealedKeys, signing.sealedKeys);

  if (errors.length === 0 && given.token_url) {
    const fault = targets.fault(given.token_url, null);
    if (fault) refuse('token_url', fault);
  }
  if (errors.length === 0 && kind === 'mtls' && isNewCertificate(given)) {
    const fault = clientCertificateFault(publicKeys.certificate, {
      privateKey: openKey(vault, owner, sealedKeys.private_key ?? '', 'private_key'),
      passphrase:
        sealedKeys.passphrase === undefined
          ? undefined
          : openKey(vault, owner, sealedKeys.passphrase, 'passphrase'),
    });
    if (fault) errors.push(fault);
  }
  const first = errors[0];
  if (first) throw new LabRelayError('INVALID_INPUT', `${first.field}: ${first.reason}`, errors);
  if (current && sealedKeys.signing_secret === undefined) checkNotSigning(memory, current);
  const isActive = change.isActive ?? current?.isActive ?? true;
  return { ...owner, name, kind, publicKeys, sealedKeys, isActive };
}

/** A certificate is checked with its key when one of them is given, and left alone otherwise. */
function isNewCertificate({ certificate, private_key, passphrase }: KeysChange): boolean {
  return [certificate, private_key, passphrase].some(
    (value) => value !== undefined && value !== SECRET_MASK,
  );
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

/** People choose these, or their ends tell nothing. */
const WITHOUT_HINT = new Set(['password', 'passphrase', 'private_key']);

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
      .filter(([key, secret]) => !WITHOUT_HINT.has(key) && secret.length >= 16)
      .map(([key, secret]) => [key, secret.slice(-4)]),
  );
}

/** Null where it does not open; whoever asks says what that means. */
function openKey(vault: Vault, owner: Owner, sealed: string, key: string): string | null {
  try {
    return vault.open(sealed, purposeOf(owner, key));
  } catch {
    return null;
  }
}

/** Binds a sealed secret to its owner and name: copied to another row or field it does not open. */
function purposeOf(owner: Owner, key: string): string {
  const holder =
    owner.labId === null ? `organization-${owner.organizationId}` : `lab-${owner.labId}`;
  return `developer_authentication/${holder}/${key}`;
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
