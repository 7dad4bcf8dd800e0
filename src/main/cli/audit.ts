import { existsSync } from 'node:fs';
import type { AuditLink, AuditVerdict } from '../../shared/model/audit.ts';
import { dataFolderOf } from '../config.ts';
import { presentKey } from '../engine/configuration/key-file.ts';
import { auditSealKey } from '../engine/people/audit-trail.ts';
import { verifyAudit } from '../store/audit-verify.ts';
import { storeFile } from '../store/store.ts';
import { asUsage, parseCommand, UsageError } from './arguments.ts';
import { line, type Run } from './output.ts';

const HELP = `Usage: labrelay audit verify [options]

Checks the whole audit chain of a data folder, also while LabRelay runs; nothing is written. Ends
with 0 if every entry is as it was written, and with 1 naming the first that was changed, removed or
inserted, or that the last ones are missing.

  --data DIR         data folder (also LABRELAY_DATA)
  --head N:HASH      an entry as an earlier run told it; it must be there, so nothing was taken back
  --json             {ok, entries, head, fault}, fault being null or {kind, audit_id, detail}

LABRELAY_KEY is needed where the engine runs with it; else the data folder's secret.key is read.
`;

/** `labrelay audit verify`. */
export const run: Run = async (argv, io) => {
  const { values, positionals } = parseCommand(
    argv,
    { data: { type: 'string' }, head: { type: 'string' } },
    { min: 1, max: 1, what: 'verify' },
  );
  if (values.help) {
    io.out(HELP);
    return 0;
  }
  if (positionals[0] !== 'verify') {
    throw new UsageError(`${positionals[0] ?? ''}: audit can only verify`);
  }
  const dataFolder = asUsage(() => dataFolderOf(values.data, io.environment));
  const file = storeFile(dataFolder);
  if (!existsSync(file)) throw new UsageError(`--data: ${dataFolder} holds no store of LabRelay`);
  const key = await presentKey({ dataFolder, environmentKey: io.environment['LABRELAY_KEY'] });
  const verdict = verifyAudit(file, key && auditSealKey(key), linkOf(values.head));
  if (values.json) line(io.out, JSON.stringify(documentOf(verdict)));
  else line(io.out, sentenceOf(verdict));
  return verdict.fault ? 1 : 0;
};

function linkOf(text: string | undefined): AuditLink | null {
  if (text === undefined) return null;
  const [, id, hash] = /^(\d{1,15}):([0-9a-f]{64})$/.exec(text) ?? [];
  if (id && hash) return { auditId: Number(id), hash };
  throw new UsageError('--head: must be NUMBER:HASH as an earlier run told it');
}

function headOf({ newest }: AuditVerdict): string | null {
  return newest && `${newest.auditId}:${newest.hash}`;
}

function documentOf(verdict: AuditVerdict) {
  const { entries, fault } = verdict;
  return {
    ok: fault === null,
    entries,
    head: headOf(verdict),
    fault: fault && { kind: fault.kind, audit_id: fault.auditId, detail: fault.detail },
  };
}

function sentenceOf(verdict: AuditVerdict): string {
  const { entries, fault } = verdict;
  if (!fault) {
    const head = headOf(verdict);
    const note = head === null ? '' : ` Note the newest elsewhere, for --head: ${head}`;
    return `The audit chain is whole: ${entries} entries.${note}`;
  }
  return `The audit chain is NOT whole: ${fault.detail}. Entries read up to there: ${entries}.`;
}
