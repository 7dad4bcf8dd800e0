import { LabRelayError, type Problem } from '../../shared/errors.ts';

/** One command or query on its way to a store thread. */
export interface Request {
  id: number;
  name: string;
  input: unknown;
}

/** What came of it. Errors cross the thread as data. */
export type Reply =
  | { id: number; ok: true; value: unknown }
  | { id: number; ok: false; error: StoreFault };

/** Why a request failed. */
export type StoreFault =
  /** Ours to tell the caller. */
  | { kind: 'PROBLEM'; problem: Problem }
  /** A rule of the schema was broken: a fault in our code or a race it did not foresee. */
  | { kind: 'CONSTRAINT'; message: string }
  /** Disk full, I/O error, damage: nothing of the whole batch was kept. */
  | { kind: 'UNAVAILABLE'; message: string }
  | { kind: 'BUG'; message: string };

/** What a thread is started with. */
export interface ThreadOptions {
  /** `copier` makes backups: long work that must hold up neither the writer nor a search. */
  role: 'writer' | 'reader' | 'copier';
  file: string;
  backupFolder: string;
  /** See shared/failpoint.ts; for crash tests. */
  failpoint: string | undefined;
  /** Caps the file's size in pages; for tests of a full disk. */
  maxPageCount: number | undefined;
}

/** The first message of a thread: ready, or why it cannot be. */
export type Hello = { ready: true } | { ready: false; error: StoreFault };

/** The store could not be written or read: nothing of the request was kept. */
export class StoreUnavailableError extends LabRelayError {
  constructor(message: string) {
    super('STORE_UNAVAILABLE', `The store cannot be used: ${message}. Nothing was kept.`);
  }
}

/** A rule of the schema was broken; the request was undone, others of its batch were not. */
export class ConstraintError extends LabRelayError {
  constructor(message: string) {
    super('INTERNAL', `A rule of the store was broken: ${message}`);
  }
}

/** SQLite's faults after which nothing of the open transaction may be believed. */
const WHOLE_BATCH =
  /^SQLITE_(FULL|IOERR|CORRUPT|NOTADB|NOMEM|READONLY|CANTOPEN|BUSY|LOCKED|PROTOCOL)/;

/** Tells faults of the whole store from faults of one request. */
export function faultOf(error: unknown): StoreFault {
  if (error instanceof LabRelayError) return { kind: 'PROBLEM', problem: error.toProblem() };
  const message = error instanceof Error ? error.message : String(error);
  const code =
    error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
  if (WHOLE_BATCH.test(code)) return { kind: 'UNAVAILABLE', message: `${code} ${message}` };
  if (code.startsWith('SQLITE_CONSTRAINT')) return { kind: 'CONSTRAINT', message };
  return { kind: 'BUG', message };
}

/** The error that a fault becomes on the caller's side. */
export function errorOf(fault: StoreFault): Error {
  switch (fault.kind) {
    case 'PROBLEM':
      return new LabRelayError(
        fault.problem.code,
        fault.problem.detail,
        fault.problem.errors ?? [],
      );
    case 'CONSTRAINT':
      return new ConstraintError(fault.message);
    case 'UNAVAILABLE':
      return new StoreUnavailableError(fault.message);
    case 'BUG':
      return new Error(`The store failed: ${fault.message}`);
  }
}
