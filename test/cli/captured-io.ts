import type { CommandIo } from '../../src/main/cli/output.ts';

/** A terminal that keeps what a command wrote. */
export interface CapturedIo extends CommandIo {
  stdout: () => string;
  stderr: () => string;
}

export function capturedIo(environment: Record<string, string> = {}): CapturedIo {
  const written = { out: '', err: '' };
  return {
    out: (text) => {
      written.out += text;
    },
    err: (text) => {
      written.err += text;
    },
    environment,
    stdout: () => written.out,
    stderr: () => written.err,
  };
}
