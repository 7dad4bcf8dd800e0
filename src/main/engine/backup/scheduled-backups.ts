import { mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type ScheduledTask, schedule } from 'node-cron';
import { toIso } from '../../../shared/contract/common.ts';
import { LabRelayError } from '../../../shared/errors.ts';
import type { BackupMade, BackupRequest } from '../../../shared/model/backup.ts';
import type { Settings } from '../../../shared/model/configuration.ts';
import type { HealthCheck } from '../health.ts';
import { type BackupFile, backupName, listBackups, rotateBackups } from './backup-files.ts';
import { checkRoom, codeOf, folderFault } from './backup-room.ts';

/** Wait (ms) after a start before a missed backup is made up for: a start has enough to do. */
const CATCH_UP_MS = 5 * 60_000;
/** How often (ms) it is looked then whether one was missed: a machine may sleep through every night. */
const LOOK_AGAIN_MS = 60 * 60_000;
const MINUTE_MS = 60_000;
/** What was due less long ago (ms) than this is just being made. */
const JUST_DUE_MS = 2 * MINUTE_MS;
/** How far back (ms) a missed run is looked for; any schedule but a yearly one was due by then. */
const LOOK_BACK_MS = 32 * 24 * 60 * MINUTE_MS;

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
  /** A backup was made, but old ones could not be removed; told once for each new trouble. */
  onNotRotated: (code: string) => void;
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
 * off or asleep at night makes up for what it missed.
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
  /** Why old backups could not be removed (an error code), though a new one was made. */
  #notRotated: string | null = null;
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
    this.#lookIn(CATCH_UP_MS);
  }

  #lookIn(ms: number): void {
    this.#catchUp = setTimeout(() => {
      void this.#catchUpMissed().finally(() => {
        if (!this.#isStopped) this.#lookIn(LOOK_AGAIN_MS);
      });
    }, ms);
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
    if (this.#notRotated !== null && newest !== null) {
      const made = `one was made at ${toIso(newest)}, but older ones could not be removed`;
      const cure = 'remove them by hand, and let LabRelay delete files in the backup folder';
      return check(false, `${made} (${this.#notRotated}); ${cure}`);
    }
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
        await checkRoom(folder, this.#deps.storeFile, this.#deps.freeBytes);
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
      this.#failure = null;
      this.#last = { madeAt, since: madeAt };
      this.#deps.onMade(clock() - madeAt);
      await this.#rotate(folder, madeAt);
      return { ...made, madeAt };
    } catch (error) {
      const fault = error instanceof LabRelayError ? error : folderFault(folder, error);
      this.#fail(madeAt, fault, [target, folder]);
      throw fault;
    }
  }

  /** Never throws: the backup was made, whatever becomes of the old ones. */
  async #rotate(folder: string, now: number): Promise<void> {
    try {
      await rotateBackups(folder, this.#deps.settings().backupKeep, now);
      this.#notRotated = null;
    } catch (error) {
      const code = codeOf(error);
      if (this.#notRotated !== code) this.#deps.onNotRotated(code);
      this.#notRotated = code;
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

  /** A machine that was off or asleep when a backup was due makes it now. Never throws. */
  async #catchUpMissed(): Promise<void> {
    await this.#look();
    if (this.#isStopped || this.#last === null) return;
    if (this.#wasDueSince(this.#last.since)) await this.runScheduled();
  }

  /** Whether the schedule was due after `since`, minute by minute, as cron counts. */
  #wasDueSince(since: number): boolean {
    const now = this.#deps.clock();
    const from = Math.max(since, now - LOOK_BACK_MS);
    const newest = Math.floor((now - JUST_DUE_MS) / MINUTE_MS) * MINUTE_MS;
    for (let minute = newest; minute > from; minute -= MINUTE_MS) {
      if (this.#task?.match(new Date(minute))) return true;
    }
    return false;
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
