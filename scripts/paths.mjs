import { fileURLToPath } from 'node:url';

/** The checkout's folder. */
export const root = fileURLToPath(new URL('..', import.meta.url));

/** Tells the person at the terminal; standard output belongs to the command that is run. */
export function say(message) {
  process.stderr.write(`labrelay: ${message}\n`);
}

/** A failure that has been explained; the bootstrap ends with its exit code and without a stack. */
export class Failure extends Error {
  constructor(message, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}
