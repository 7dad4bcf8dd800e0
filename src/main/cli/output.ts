/** Where a command writes; tests bring their own. */
export interface CommandIo {
  /** Standard output: the result, or with `--json` one JSON document and nothing else. */
  out: (text: string) => void;
  /** Standard error: notices and faults. */
  err: (text: string) => void;
  environment: Readonly<Record<string, string | undefined>>;
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
  };
}

/** Writes one line. */
export function line(write: (text: string) => void, text: string): void {
  write(`${text}\n`);
}
