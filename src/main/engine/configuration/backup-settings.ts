import { isAbsolute } from 'node:path';
import { validate } from 'node-cron';
import { fieldError } from '../../../shared/errors.ts';
import type { Settings } from '../../../shared/model/configuration.ts';

/**
 * Checks what the contract cannot: the contract is shared with the console, which knows neither
 * cron expressions nor this machine's paths.
 * @throws LabRelayError `INVALID_INPUT` naming the setting
 */
export function checkBackupSettings({ backupSchedule, backupFolder }: Settings): void {
  if (backupSchedule !== null && !isCron(backupSchedule)) {
    throw fieldError(
      'INVALID_INPUT',
      'backup_schedule',
      'must be a cron expression of five fields, e.g. "30 2 * * *" (every night at 02:30), or null for none',
    );
  }
  if (backupFolder !== null && !isAbsolute(backupFolder)) {
    throw fieldError(
      'INVALID_INPUT',
      'backup_folder',
      "must be a whole path on the engine's machine, or null for backups in the data folder",
    );
  }
}

function isCron(expression: string): boolean {
  return expression.trim().split(/\s+/).length === 5 && validate(expression);
}
