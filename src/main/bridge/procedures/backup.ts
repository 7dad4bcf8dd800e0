import type { backupProcedures } from '../../../shared/contract/backup.ts';
import { toIso } from '../../../shared/contract/common.ts';
import type { StoreCounts } from '../../../shared/model/backup.ts';
import type { ScheduledBackups } from '../../engine/backup/scheduled-backups.ts';
import type { Handlers } from '../handler.ts';

/** Handlers of the procedures about backups. */
export function backupHandlers(
  backups: Pick<ScheduledBackups, 'run' | 'list' | 'folder'>,
): Handlers<keyof typeof backupProcedures> {
  return {
    runBackup: async () => {
      const { file, madeAt, bytes, schemaVersion, counts } = await backups.run();
      return {
        file,
        made_at: toIso(madeAt),
        bytes,
        schema_version: schemaVersion,
        counts: countsDocument(counts),
      };
    },
    listBackups: async () => ({
      folder: backups.folder,
      items: (await backups.list()).map(({ file, madeAt, bytes }) => ({
        file,
        made_at: toIso(madeAt),
        bytes,
      })),
    }),
  };
}

/** Counts as JSON shows them. */
export function countsDocument(counts: StoreCounts) {
  return {
    logs: counts.logs,
    open_tasks: counts.openTasks,
    attempts: counts.attempts,
    events: counts.events,
    domain_objects: counts.domainObjects,
    lab_integrations: counts.labIntegrations,
  };
}
