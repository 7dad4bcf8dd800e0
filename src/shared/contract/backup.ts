import { z } from 'zod';
import { isoTime } from './common.ts';
import { procedure } from './procedure.ts';

const backupFile = z.object({
  /** On the engine's machine. */
  file: z.string(),
  made_at: isoTime,
  bytes: z.int(),
});

export const backupProcedures = {
  runBackup: procedure({
    summary: 'Makes a verified copy of the store now, beside the scheduled ones',
    role: 'admin',
    audit: 'change',
    input: z.strictObject({}),
    output: backupFile.extend({
      schema_version: z.int(),
      counts: z.object({
        logs: z.int(),
        open_tasks: z.int(),
        attempts: z.int(),
        events: z.int(),
        domain_objects: z.int(),
        lab_integrations: z.int(),
      }),
    }),
  }),
  listBackups: procedure({
    summary: 'Scheduled backups that are there, newest first',
    role: 'admin',
    audit: 'none',
    input: z.strictObject({}),
    output: z.object({ folder: z.string(), items: z.array(backupFile) }),
  }),
};
