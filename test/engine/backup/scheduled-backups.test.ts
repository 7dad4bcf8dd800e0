import {
  existsSync,
  mkdirSync,
  readdirSync,
  rmdirSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ScheduledBackups } from '../../../src/main/engine/backup/scheduled-backups.ts';
import { copyStore } from '../../../src/main/store/backup.ts';
import { examineBackup } from '../../../src/main/store/restore.ts';
import { DEFAULT_SETTINGS, type Settings } from '../../../src/shared/model/configuration.ts';
import { temporaryFolder } from '../../helpers/folders.ts';
import { type OpenStore, openLocalStore } from '../../store/local-store.ts';

const NIGHT = new Date(2026, 10, 24, 2, 29, 30);
/** A real copy on a thread of its own, on a busy machine. */
const A_COPY = { timeout: 20_000 };
const DAY = 24 * 60 * 60 * 1_000;

let store: OpenStore & { file: string };
let dataFolder: string;
let settings: Settings;
let backups: ScheduledBackups;
let failures: string[];
let notRotated: string[];
let made: number;
let free: number;

beforeEach(() => {
  store = openLocalStore();
  dataFolder = temporaryFolder();
  settings = { ...DEFAULT_SETTINGS };
  failures = [];
  notRotated = [];
  made = 0;
  free = Number.POSITIVE_INFINITY;
  backups = new ScheduledBackups({
    store: { backup: (request) => copyStore(store.file, request) },
    settings: () => settings,
    dataFolder,
    storeFile: store.file,
    version: '0.1.0',
    clock: () => Date.now(),
    onMade: () => made++,
    onFailed: (code) => failures.push(code),
    onNotRotated: (code) => notRotated.push(code),
    freeBytes: async () => free,
  });
});
afterEach(async () => {
  vi.useRealTimers();
  await backups.stop();
  await store.close();
});

const folder = () => join(dataFolder, 'backups');
/** Only time is faked, so that files and the store go on as they do. */
function at(time: Date): void {
  vi.useFakeTimers({ now: time, toFake: ['Date', 'setTimeout', 'clearTimeout'] });
}

describe('scheduled backups', () => {
  test('are made when the schedule says, each a whole store', async () => {
    at(NIGHT);
    backups.start();
    expect(backups.check()).toMatchObject({
      ok: true,
      detail: expect.stringMatching(/^none was made yet; the next one is due at /),
    });
    await vi.advanceTimersByTimeAsync(31_000);
    vi.useRealTimers();
    await vi.waitFor(() => expect(made).toBe(1));
    const [one] = await backups.list();
    expect(new Date(one?.madeAt ?? 0).getMinutes()).toBe(30);
    expect(examineBackup(one?.file ?? '')).toMatchObject({ madeAt: one?.madeAt, madeBy: '0.1.0' });
    expect(failures).toEqual([]);
  });

  test('follow a changed schedule, and stop where there is none', async () => {
    at(NIGHT);
    backups.start();
    settings.backupSchedule = null;
    backups.changed();
    await vi.advanceTimersByTimeAsync(31_000);
    expect(made).toBe(0);
    expect(backups.check()).toMatchObject({ ok: true, detail: expect.stringContaining('none is') });
    settings.backupSchedule = '31 2 * * *';
    backups.changed();
    await vi.advanceTimersByTimeAsync(61_000);
    vi.useRealTimers();
    await vi.waitFor(() => expect(made).toBe(1));
  });

  test('are made up for after a start that missed one', async () => {
    at(NIGHT);
    await backups.run();
    vi.setSystemTime(NIGHT.getTime() + 2 * DAY + 6 * 60 * 60 * 1_000);
    backups.start();
    await vi.waitFor(() => expect(backups.check()).toMatchObject({ ok: false }));
    await vi.advanceTimersByTimeAsync(6 * 60_000);
    await vi.waitFor(() => expect(made).toBe(2), A_COPY);
  });

  test('are made up for after every night that the machine slept through', async () => {
    at(NIGHT);
    await backups.run();
    backups.start();
    await vi.advanceTimersByTimeAsync(10 * 60_000);
    await vi.waitFor(() => expect(made).toBe(2), A_COPY);
    for (const day of [1, 2]) {
      // Asleep from the evening on: time passes, but no timer runs.
      vi.setSystemTime(NIGHT.getTime() + day * DAY + 6 * 60 * 60 * 1_000);
      await vi.advanceTimersByTimeAsync(61 * 60_000);
      await vi.waitFor(() => expect(made).toBe(2 + day), A_COPY);
      // And no second one for the same night.
      await vi.advanceTimersByTimeAsync(3 * 60 * 60_000);
      expect(made).toBe(2 + day);
    }
    expect(failures).toEqual([]);
  });

  test('that were made are told apart from old ones that could not be removed', async () => {
    settings.backupKeep = 1;
    mkdirSync(folder());
    // A folder by that name cannot be removed as a file is.
    const old = join(folder(), 'labrelay-2026-11-01T00-00-00-000Z.db');
    mkdirSync(old);
    expect(await backups.run()).toMatchObject({ madeAt: expect.any(Number) });
    await backups.run();
    expect([made, failures, notRotated.length]).toEqual([2, [], 1]);
    expect(backups.check()).toMatchObject({
      ok: false,
      detail: expect.stringMatching(/^one was made at .+ older ones could not be removed/),
    });
    rmdirSync(old);
    await backups.run();
    expect(backups.check().ok).toBe(true);
  });

  test('keep as many as they are told to, and touch no other file', async () => {
    settings.backupKeep = 2;
    mkdirSync(folder());
    const others = ['before-schema-2-2026-11-01T00-00-00-000Z.db', 'labrelay-mine.db', 'notes.txt'];
    for (const name of others) writeFileSync(join(folder(), name), '');
    const stale = join(folder(), 'labrelay-2026-11-01T00-00-00-000Z.db.77-1.part');
    writeFileSync(stale, '');
    utimesSync(stale, 1, 1);
    for (let day = 0; day < 4; day++) {
      vi.useFakeTimers({ now: NIGHT.getTime() + day * DAY, toFake: ['Date'] });
      await backups.run();
    }
    expect((await backups.list()).map(({ madeAt }) => madeAt)).toEqual([
      NIGHT.getTime() + 3 * DAY,
      NIGHT.getTime() + 2 * DAY,
    ]);
    expect(readdirSync(folder())).toEqual(expect.arrayContaining(others));
    expect(existsSync(stale)).toBe(false);
  });

  test('that are wanted twice at a time are one', async () => {
    const [a, b] = await Promise.all([backups.run(), backups.run()]);
    expect(a).toBe(b);
    expect(await backups.list()).toHaveLength(1);
  });

  test('that fail are told once, with the cure, and go on with the next one', async () => {
    writeFileSync(join(dataFolder, 'file'), '');
    settings.backupFolder = join(dataFolder, 'file');
    await backups.runScheduled();
    await backups.runScheduled();
    expect(failures).toEqual(['BACKUP_FAILED']);
    expect(backups.check()).toMatchObject({
      ok: false,
      detail: expect.stringMatching(/name another \(backup_folder\)/),
    });
    expect(backups.check().detail).not.toContain(dataFolder);

    settings.backupFolder = null;
    await backups.runScheduled();
    expect(backups.check().ok).toBe(true);
    expect(failures).toHaveLength(1);
  });

  test('need room for what is still in the WAL too', async () => {
    free = 260 * 2 ** 20;
    await backups.run();
    truncateSync(`${store.file}-wal`, 8 * 2 ** 20);
    await expect(backups.run()).rejects.toMatchObject({ code: 'BACKUP_FAILED' });
  });

  test('are not begun where they would fill the disk that the store may lie on', async () => {
    free = 100 * 2 ** 20;
    await expect(backups.run()).rejects.toMatchObject({
      code: 'BACKUP_FAILED',
      message: expect.stringMatching(/100 MiB free, and \d+ MiB are needed\. Make room/),
    });
    expect(readdirSync(folder())).toEqual([]);
  });
});
