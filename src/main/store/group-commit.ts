import BetterSqlite3, { type Database } from 'better-sqlite3';
import type { Failpoint } from '../../shared/failpoint.ts';
import { WRITER_BUSY_TIMEOUT_MS } from './connection.ts';
import { faultOf, type Reply, type Request, type StoreFault } from './protocol.ts';

/** A command run inside the open transaction; its input has crossed the thread boundary. */
export type Command = (input: never) => unknown;

/**
 * An answer that undoes what its command wrote: the request's savepoint is rolled back, and the
 * value is the answer all the same (a write that met a newer version, say).
 */
export class Undone {
  readonly value: unknown;
  constructor(value: unknown) {
    this.value = value;
  }
}

/** The most requests that share one transaction; keeps a reply from waiting behind a whole flood. */
const MAX_BATCH = 1_000;

/**
 * Runs many requests in one transaction, a savepoint each, so that they share one fsync.
 *
 * A request that breaks a constraint fails alone. After a full disk or an I/O error SQLite may have
 * rolled back the whole transaction by itself, or may be unable to go on with it: then every member
 * of the batch has failed, and nobody is answered anything else. Nobody is answered before COMMIT
 * has returned.
 */
export class GroupCommit {
  readonly #db: Database;
  readonly #commands: ReadonlyMap<string, Command>;
  readonly #reply: (replies: Reply[]) => void;
  readonly #failpoint: Failpoint;
  readonly #queue: Request[] = [];
  #scheduled = false;
  /** Another program held the store's lock when it was last asked for. */
  #isLocked = false;
  /** As the connection was opened. */
  #waits = true;
  readonly #begin;
  readonly #commit;
  readonly #savepoint;
  readonly #release;
  readonly #undo;

  constructor(
    db: Database,
    commands: ReadonlyMap<string, Command>,
    reply: (replies: Reply[]) => void,
    failpoint: Failpoint,
  ) {
    this.#db = db;
    this.#commands = commands;
    this.#reply = reply;
    this.#failpoint = failpoint;
    this.#begin = db.prepare('BEGIN IMMEDIATE');
    this.#commit = db.prepare('COMMIT');
    this.#savepoint = db.prepare('SAVEPOINT request');
    this.#release = db.prepare('RELEASE request');
    this.#undo = db.prepare('ROLLBACK TO request');
  }

  /** Takes requests; those that arrive in the same turn share a transaction. */
  push(requests: readonly Request[]): void {
    for (const request of requests) this.#queue.push(request);
    if (this.#scheduled) return;
    this.#scheduled = true;
    // setImmediate lets every message already in the port join; a timed linger was slower.
    setImmediate(() => {
      this.#scheduled = false;
      this.#flush();
      if (this.#queue.length > 0) this.push([]);
    });
  }

  /** Whether everything pushed has been answered. */
  get idle(): boolean {
    return this.#queue.length === 0 && !this.#scheduled;
  }

  #flush(): void {
    const batch = this.#queue.splice(0, MAX_BATCH);
    if (batch.length === 0) return;
    this.#reply(this.#run(batch));
  }

  #run(batch: readonly Request[]): Reply[] {
    const replies: Reply[] = [];
    try {
      this.#waitForDisk(batch.some(isPromise));
      this.#begin.run();
      this.#locked(false);
      for (const request of batch) replies.push(this.#runOne(request));
      this.#failpoint('before-commit', batch);
      this.#commit.run();
      this.#failpoint('after-commit', batch);
      return replies;
    } catch (error) {
      this.#rollBack();
      const fault = faultOf(error);
      if (isBusy(error)) this.#locked(true);
      const shared: StoreFault =
        fault.kind === 'UNAVAILABLE' ? fault : { kind: 'UNAVAILABLE', message: messageOf(fault) };
      return batch.map(({ id }) => ({ id, ok: false, error: shared }));
    }
  }

  /**
   * Whether the commit waits for the disk. One that does makes all before it durable as well, since
   * they stand before it in the WAL; a power cut before that loses the newest, and never one that
   * somebody was told of.
   */
  #waitForDisk(waits: boolean): void {
    if (this.#waits === waits) return;
    this.#db.pragma(`synchronous = ${waits ? 'FULL' : 'NORMAL'}`);
    this.#waits = waits;
  }

  /**
   * The first batch waits for the lock, in case it is held for a moment. Those behind it would each
   * wait as long, one after the other, and their callers with them: they fail at once.
   */
  #locked(isLocked: boolean): void {
    if (this.#isLocked === isLocked) return;
    this.#isLocked = isLocked;
    this.#db.pragma(`busy_timeout = ${isLocked ? 0 : WRITER_BUSY_TIMEOUT_MS}`);
  }

  /** A failing disk may refuse the rollback too; the batch has failed either way, and so will the next. */
  #rollBack(): void {
    try {
      if (this.#db.inTransaction) this.#db.exec('ROLLBACK');
    } catch (error) {
      if (faultOf(error).kind !== 'UNAVAILABLE') throw error;
    }
  }

  /** @throws what ends the whole batch */
  #runOne({ id, name, input }: Request): Reply {
    const command = this.#commands.get(name);
    if (!command) {
      return { id, ok: false, error: { kind: 'BUG', message: `no command ${name}` } };
    }
    this.#savepoint.run();
    try {
      const value = command(input as never);
      if (value instanceof Undone) {
        this.#undo.run();
        this.#release.run();
        return { id, ok: true, value: value.value };
      }
      this.#release.run();
      return { id, ok: true, value };
    } catch (error) {
      const fault = faultOf(error);
      if (fault.kind === 'UNAVAILABLE' || !this.#db.inTransaction) throw error;
      this.#undo.run();
      this.#release.run();
      return { id, ok: false, error: fault };
    }
  }
}

/**
 * Whether somebody is told something on the strength of this request's commit. Records of a batch
 * that arrive, and chunks of it that are built, are promised to nobody before its last one; the text
 * index is made anew from what it has not indexed.
 */
function isPromise({ name, input }: Request): boolean {
  switch (name) {
    case 'spoolRecords':
    case 'indexText':
      return false;
    case 'buildBatch':
      return (input as { isLast: boolean }).isLast;
    default:
      return true;
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof BetterSqlite3.SqliteError && error.code.startsWith('SQLITE_BUSY');
}

function messageOf(fault: StoreFault): string {
  return fault.kind === 'PROBLEM' ? fault.problem.detail : fault.message;
}
