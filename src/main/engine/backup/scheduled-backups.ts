import { mkdir, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { type ScheduledTask, schedule } from 'node-cron';
import { toIso } from '../../../shared/contract/common.ts';
import { LabRelayError } from '../../../shared/errors.ts';
import type { BackupMade, BackupRequest } from '../../../shared/model/backup.ts';
import type { Settings } from '../../../shared/model/configuration.ts';
import type { HealthCheck } from '../health.ts';
import { type BackupFile, backupName, listBackups, rotateBackups } from './backup-files.ts';

/** Room (bytes) that a backup leaves on its disk: the store itself may lie on the same one. */
const SPARE_BYTES = 256 * 2 ** 20;
/** Wait (ms) after a start before a missed backup is made up for: a start has enough to do. */
const CATCH_UP_MS = 5 * 60_000;

interface BackupDeps {
  store: { backup(request: BackupRequest): Promise<BackupMade> };
  /** The present settings; `changed` must be called when they have changed. */
  settings: () => Settings;
  /** Default folder's parent. */
  dataFolder: string;
  /** The store's file: its size, and since when it is there. */
  storeFile: string;
  version: string;
  /** Epoch milliseconds. */
  clock: () => number;
  onMade: (durationMs: number) => void;
  /** Told once for each new trouble; the cure is in health. */
  onFailed: (code: string) => void;
  /** Bytes that are free in a folder; where it is to differ from the system's word. */
  freeBytes?: (folder: string) => Promise<number>;
}

/** A backup that was made just now. */
export interface RanBackup extends BackupMade {
  madeAt: number;
}

/**
 * Makes a verified copy of the store by the schedule in the settings, and removes the oldest ones.
 * The time of the last one is in its name: nothing is forgotten by a restart, and a machine that is
 * off at night makes up for what it missed.
 */
export class ScheduledBackups {
  readonly #deps: BackupDeps;
  #task: ScheduledTask | null = null;
  #scheduled: string | null = null;
  #catchUp: NodeJS.Timeout | undefined;
  #running: Promise<RanBackup> | null = null;
  /** When the newest backup was made; without one, since when there is a store. Read ahead: the
   * folder may be on a share that does not answer, and health must. */
  #last: { madeAt: number | null; since: number } | null = null;
  #failure: { at: number; message: string } | null = null;
  #isStopped = true;

  constructor(deps: BackupDeps) {
    this.#deps = deps;
  }

  /** Where scheduled backups go. */
  get folder(): string {
    return this.#deps.settings().backupFolder ?? join(this.#deps.dataFolder, 'backups');
  }

  start(): void {
    this.#isStopped = false;
    this.changed();
    this.#catchUp = setTimeout(() => void this.#catchUpMissed(), CATCH_UP_MS);
    this.#catchUp.unref();
  }

  /** The settings may have changed. */
  changed(): void {
    const { backupSchedule } = this.#deps.settings();
    if (this.#isStopped || backupSchedule === this.#scheduled) return;
    void this.#task?.destroy();
    this.#scheduled = backupSchedule;
    this.#task =
      backupSchedule === null
        ? null
        : schedule(backupSchedule, () => this.runScheduled(), { name: 'backup', unref: true });
    void this.#look();
  }

  /** Lets a copy under way end. Idempotent. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#catchUp);
    const task = this.#task;
    this.#task = null;
    this.#scheduled = null;
    await task?.destroy();
    await this.#running?.catch(() => undefined);
  }

  /** One round, as the schedule runs it. Never throws: the failure is told by health. */
  async runScheduled(): Promise<void> {
    await this.run().catch(() => undefined);
  }

  /**
   * Makes a backup now; a second wish meanwhile gets the same one.
   * @throws LabRelayError `BACKUP_FAILED` telling the cure
   */
  run(): Promise<RanBackup> {
    this.#running ??= this.#make().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  /** Scheduled backups that are there, newest first. @throws LabRelayError `BACKUP_FAILED` */
  async list(): Promise<BackupFile[]> {
    try {
      return await listBackups(this.folder);
    } catch (error) {
      throw folderFault(this.folder, error);
    }
  }

  /** For health: whether there is a backup that is recent enough. */
  check(): HealthCheck {
    const check = (ok: boolean, detail: string): HealthCheck => ({ name: 'backup', ok, detail });
    const failure = this.#failure;
    if (failure) return check(false, `failed at ${toIso(failure.at)}: ${failure.message}`);
    if (this.#deps.settings().backupSchedule === null) {
      return check(true, 'none is scheduled (backup_schedule)');
    }
    const last = this.#last;
    const next = this.#task?.getNextRun() ?? null;
    const due = next === null ? '' : `; the next one is due at ${next.toISOString()}`;
    const age = last === null ? 0 : this.#deps.clock() - last.since;
    const isRecent = age <= 2 * this.#interval();
    const advice = isRecent ? '' : '; see the schedule (backup_schedule) and the machine';
    const newest = last?.madeAt ?? null;
    const words = newest === null ? 'none was made yet' : `the newest is of ${toIso(newest)}`;
    return check(isRecent, `${words}${due}${advice}`);
  }

  async #make(): Promise<RanBackup> {
    const { store, clock, version } = this.#deps;
    const { folder } = this;
    const madeAt = clock();
    const target = join(folder, backupName(madeAt));
    try {
      try {
        await mkdir(folder, { recursive: true, mode: 0o700 });
        await this.#checkRoom(folder);
      } catch (error) {
        throw folderFault(folder, error);
      }
      const made = await store.backup({
        target,
        overwrite: false,
        sealedKey: null,
        madeAt,
        madeBy: version,
      });
      await rotateBackups(folder, this.#deps.settings().backupKeep, madeAt);
      this.#failure = null;
      this.#last = { madeAt, since: madeAt };
      this.#deps.onMade(clock() - madeAt);
      return { ...made, madeAt };
    } catch (error) {
      const fault = error instanceof LabRelayError ? error : folderFault(folder, error);
      this.#fail(madeAt, fault, [target, folder]);
      throw fault;
    }
  }

  /** Told once in the application log, and in health until one succeeds. */
  #fail(at: number, fault: LabRelayError, paths: string[]): void {
    // Health is open to anyone: it need not tell where files lie.
    const message = paths.reduce(
      (text, path) => text.replaceAll(path, 'the backup folder'),
      fault.message,
    );
    if (this.#failure?.message !== message) this.#deps.onFailed(fault.code);
    this.#failure = { at, message };
  }

  async #checkRoom(folder: string): Promise<void> {
    const needed = (await stat(this.#deps.storeFile)).size + SPARE_BYTES;
    const free = await (this.#deps.freeBytes ?? freeBytesOf)(folder);
    if (free >= needed) return;
    const mib = (bytes: number) => `${Math.ceil(bytes / 2 ** 20)} MiB`;
    throw new LabRelayError(
      'BACKUP_FAILED',
      `The backup was not made: ${folder} has ${mib(free)} free, and ${mib(needed)} are needed. Make room there, keep fewer (backup_keep) or name another disk (backup_folder).`,
    );
  }

  /** A machine that was off when a backup was due makes it now. */
  async #catchUpMissed(): Promise<void> {
    await this.#look();
    if (this.#isStopped || this.#last === null) return;
    const age = this.#deps.clock() - this.#last.since;
    if (age > this.#interval() * 1.05) await this.runScheduled();
  }

  async #look(): Promise<void> {
    try {
      const madeAt = (await listBackups(this.folder))[0]?.madeAt ?? null;
      // Some file systems do not keep the time of birth and say 0.
      const born = (await stat(this.#deps.storeFile)).birthtimeMs || this.#deps.clock();
      this.#last = { madeAt, since: madeAt ?? born };
    } catch {
      // The next run tells what is wrong with the folder.
      this.#last = null;
    }
  }

  /** Time (ms) between two runs of the schedule. */
  #interval(): number {
    const [first, second] = this.#task?.getNextRuns(2) ?? [];
    return first && second ? second.getTime() - first.getTime() : Number.POSITIVE_INFINITY;
  }
}

function folderFault(folder: string, error: unknown): LabRelayError {
  if (error instanceof LabRelayError) return error;
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
  return new LabRelayError(
    'BACKUP_FAILED',
    `The backup was not made: ${folder} cannot be used (${code}). Check that it is a folder that LabRelay may write, or name another (backup_folder).`,
  );
}

async function freeBytesOf(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}
