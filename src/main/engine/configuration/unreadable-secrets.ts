import type { DeveloperAuthentication } from '../../../shared/model/configuration.ts';
import { openSecrets } from './authentications.ts';
import { FORMER_SIGNING_SECRET } from './signing-keys.ts';
import type { Vault } from './vault.ts';

/** An authentication with secrets that the present key does not open; no secret is in it. */
export interface UnreadableSecrets {
  developerAuthenticationId: number;
  name: string;
  /** Names of the keys to be entered again, e.g. `password`. */
  keys: string[];
}

/**
 * What must be entered again after a key file was lost or replaced. Deliveries that need one of
 * these fail by name, and nothing of them is sent.
 */
export function unreadableSecrets(
  vault: Vault,
  authentications: Iterable<DeveloperAuthentication>,
): UnreadableSecrets[] {
  const unreadable: UnreadableSecrets[] = [];
  for (const authentication of authentications) {
    const { developerAuthenticationId, name, sealedKeys } = authentication;
    const keys = Object.entries(sealedKeys)
      .filter(
        ([key, sealed]) => !opens(vault, { ...authentication, sealedKeys: { [key]: sealed } }),
      )
      .map(([key]) => key)
      // Nobody can enter it: it is the secret that was replaced, and goes when the new one is entered.
      .filter((key) => key !== FORMER_SIGNING_SECRET);
    if (keys.length > 0) unreadable.push({ developerAuthenticationId, name, keys });
  }
  return unreadable;
}

/** The call that enters them again, as an administrator would make it. */
export function enterAgain({ developerAuthenticationId, keys }: UnreadableSecrets): string {
  const fields = keys.map((key) => `"${key}": "…"`).join(', ');
  return `addUpdateDeveloperAuthentication {"developer_authentication_id": ${developerAuthenticationId}, "keys": {${fields}}}`;
}

function opens(vault: Vault, authentication: DeveloperAuthentication): boolean {
  try {
    openSecrets(vault, authentication);
    return true;
  } catch {
    return false;
  }
}
