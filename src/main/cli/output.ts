import { isatty } from 'node:tty';
import { askOnTerminal } from './ask.ts';

/** What every terminal has; some say nothing of their width. */
const NARROWEST = 80;

/** Where a command writes; tests bring their own. */
export interface CommandIo {
  /** Standard output: the result, or with `--json` one JSON document and nothing else. */
  out: (text: string) => void;
  /** Standard error: notices and faults. */
  err: (text: string) => void;
  environment: Readonly<Record<string, string | undefined>>;
  /** Columns of the terminal that standard output is; null, or left out, where it is none. */
  columns?: () => number | null;
  /** Asks whoever sits at the terminal; left out where nobody does. */
  ask?: (question: string) => Promise<string>;
}

/** A command's entry; answers the exit code: 0 done, 1 failed, 2 unusable arguments. */
export type Run = (argv: string[], io: CommandIo) => Promise<number>;

/** What each command's module exports. */
export interface CommandModule {
  run: Run;
}

/** The terminal of this process. */
export function processIo(): CommandIo {
  return {
    out: (text) => {
      process.stdout.write(text);
    },
    err: (text) => {
      process.stderr.write(text);
    },
    environment: process.env,
    columns: () => (process.stdout.isTTY ? process.stdout.columns || NARROWEST : null),
    // Not by process.stdin, which opens it: most commands leave it alone.
    ...(isatty(0) ? { ask: askOnTerminal } : {}),
  };
}

/** Writes one line. */
export function line(write: (text: string) => void, text: string): void {
  write(`${text}\n`);
}
