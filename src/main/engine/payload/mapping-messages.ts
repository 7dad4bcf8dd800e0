import type { MappingBindings } from './evaluator.ts';

/**
 * What travels between the engine and the mapping child. Documents travel as JSON text: one string
 * is copied much faster than an object of many.
 */
export interface MappingJob {
  id: number;
  mapping: string;
  /** JSON text of the input. */
  input: string;
  bindings: MappingBindings;
}

export type JobResult =
  /** JSON text of the value; null where the mapping produced nothing. */
  | { ok: true; json: string | null }
  | { ok: false; fault: 'SYNTAX' | 'RUNTIME' | 'LIMIT'; message: string };

export interface JobsMessage {
  jobs: MappingJob[];
}

export type ChildMessage = { ready: true } | { id: number; result: JobResult };

/** A running child process, however it was started (`fork` headless, `utilityProcess` in Electron). */
export interface MappingChild {
  send(message: JobsMessage): void;
  onMessage(listener: (message: ChildMessage) => void): void;
  /** Called once, after the last message, when the process has gone or could not be started. */
  onExit(listener: () => void): void;
  /** Ends it at once (SIGKILL): a runaway regular expression listens to nothing else. */
  kill(): void;
}

export type MappingLauncher = () => MappingChild;
