import { Writable } from 'node:stream';
import { UsageError } from './arguments.ts';
import { askOnTerminal } from './ask.ts';
import type { CommandIo } from './output.ts';

/** Where a passphrase is taken from without anybody being asked. */
const VARIABLE = 'LABRELAY_BACKUP_PASSPHRASE';

/**
 * The passphrase of a backup's key: from the environment, or asked for on the terminal, where it is
 * not shown.
 * @param options.twice asks again, so that a slip of the finger does not lock the key away
 * @throws UsageError where there is neither, or it is too short
 */
export async function backupPassphrase(
  io: CommandIo,
  options: { twice: boolean; minimum: number },
): Promise<string> {
  const given = io.environment[VARIABLE];
  const passphrase = given || (await secret('Passphrase of the backup: '));
  if (passphrase.length < options.minimum) {
    throw new UsageError(
      `the passphrase must have at least ${options.minimum} characters: whoever has the file may guess for as long as they like`,
    );
  }
  if (!given && options.twice && (await secret('Once more: ')) !== passphrase) {
    throw new UsageError('the two passphrases differ; nothing was done');
  }
  return passphrase;
}

/**
 * Asks for a word in clear, e.g. to confirm.
 * @throws UsageError where nobody can be asked; `cure` says what to give instead
 */
export async function confirmation(io: CommandIo, question: string, cure: string): Promise<string> {
  if (!io.ask) throw new UsageError(`nobody can be asked here; ${cure}`);
  return io.ask(question);
}

async function secret(question: string): Promise<string> {
  if (!process.stdin.isTTY) {
    throw new UsageError(`set ${VARIABLE}, or run it on a terminal to be asked for the passphrase`);
  }
  process.stderr.write(question);
  // What is typed is echoed by readline, not by the terminal: it writes to nowhere.
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const answer = await askOnTerminal('', nowhere);
  process.stderr.write('\n');
  return answer;
}
