import type { ConfigurationSnapshot } from '../../../shared/model/configuration.ts';
import { messageOf } from '../../../shared/errors.ts';
import { NoKeyInFile, presentKey } from '../../engine/configuration/key-file.ts';
import { enterAgain, unreadableSecrets } from '../../engine/configuration/unreadable-secrets.ts';
import { KeyVault } from '../../engine/configuration/vault.ts';
import { plain } from '../plain.ts';
import { type Finding, ok, problem } from './finding.ts';

/** A key that nobody has: it opens nothing. */
const NOBODYS_KEY = Buffer.alloc(32);

/**
 * Whether the key that seals credentials is there and opens them.
 * @param configuration null where the store cannot be read
 */
export async function checkKey(
  dataFolder: string,
  environmentKey: string | undefined,
  configuration: ConfigurationSnapshot | null,
): Promise<{ findings: Finding[]; vault: KeyVault }> {
  const findings: Finding[] = [];
  let key: Buffer | null = null;
  try {
    key = await presentKey({ dataFolder, environmentKey });
    const place = environmentKey ? 'LABRELAY_KEY' : 'secret.key';
    findings.push(
      key
        ? ok('key', environmentKey ? place : `${place}, for its owner alone`)
        : ok('key', 'there is none yet; the first start makes it'),
    );
  } catch (error) {
    const cure =
      error instanceof NoKeyInFile
        ? 'put the file back from where it was kept; without it the next start makes a new one'
        : 'mend that, then run doctor again';
    findings.push(problem('key', messageOf(error), cure));
  }
  const vault = new KeyVault(key ?? NOBODYS_KEY);
  const authentications = configuration?.developerAuthentications ?? [];
  const unreadable = unreadableSecrets(vault, authentications);
  for (const one of unreadable) {
    findings.push(
      problem(
        'secrets',
        `the key does not open ${one.keys.join(', ')} of "${plain(one.name)}"`,
        `put the old key back, or enter them again: ${enterAgain(one)}`,
      ),
    );
  }
  const sealed = authentications.filter(({ sealedKeys }) => Object.keys(sealedKeys).length > 0);
  if (configuration && unreadable.length === 0) {
    findings.push(ok('secrets', `the key opens those of all ${sealed.length} authentications`));
  }
  return { findings, vault };
}
