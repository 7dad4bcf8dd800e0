import { join } from 'node:path';
import { toIso } from '../../../shared/contract/common.ts';
import { messageOf } from '../../../shared/errors.ts';
import { DEFAULT_SETTINGS, type Settings } from '../../../shared/model/configuration.ts';
import { listBackups } from '../../engine/backup/backup-files.ts';
import { examineStore } from '../../store/examine.ts';
import { codeOf, type Finding, ok, problem, warning } from './finding.ts';

/** Age (ms) from which on the newest backup is told of, where some are scheduled. */
const OLD_MS = 2 * 24 * 60 * 60 * 1_000;

/** Whether there is a scheduled backup, recent and readable. */
export async function checkBackups(
  dataFolder: string,
  settings: Settings = DEFAULT_SETTINGS,
  now: number = Date.now(),
): Promise<Finding> {
  const folder = settings.backupFolder ?? join(dataFolder, 'backups');
  const none = settings.backupSchedule === null;
  let newest: { file: string; madeAt: number } | undefined;
  try {
    newest = (await listBackups(folder))[0];
  } catch (error) {
    return problem(
      'backup',
      `${folder} cannot be read (${codeOf(error)})`,
      'check its rights, or name another folder (backup_folder)',
    );
  }
  if (!newest) {
    return warning(
      'backup',
      `there is no scheduled backup in ${folder}${none ? ', and none is scheduled' : ''}`,
      none
        ? 'set backup_schedule (updateSettings), or run "labrelay backup" from a scheduler of your own'
        : 'leave LabRelay running over the scheduled time, or make one now (runBackup)',
    );
  }
  try {
    const { fault } = examineStore(newest.file);
    if (fault !== null) throw new Error(fault);
  } catch (error) {
    return problem(
      'backup',
      `${newest.file} cannot be read (${messageOf(error)})`,
      'make a new one now (runBackup) and check the disk',
    );
  }
  const words = `the newest is of ${toIso(newest.madeAt)} and can be read`;
  if (!none && now - newest.madeAt > OLD_MS) {
    return warning('backup', words, 'see health for why none was made since, or run runBackup');
  }
  return ok('backup', words);
}
