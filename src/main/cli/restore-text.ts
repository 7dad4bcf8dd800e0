import { toIso } from '../../shared/contract/common.ts';
import type { BackupFacts, Held, HeldByRestore, SinceBackup } from '../../shared/model/restore.ts';
import { enterAgain, type UnreadableSecrets } from '../engine/configuration/unreadable-secrets.ts';
import { plain } from './plain.ts';
import { table } from './table.ts';

/** What a restore did. */
export interface Restored {
  file: string;
  dataFolder: string;
  facts: BackupFacts;
  now: number;
  held: Held;
  groups: HeldByRestore[];
  /** Null where there was no store before, or none that could be read. */
  since: SinceBackup | null;
  /** Folder of the store that was there before. */
  keptAside: string | null;
  keyRestored: boolean;
  /** The restore is noted in the audit chain; without a key there is none to seal it with. */
  isAudited: boolean;
  /** `LABRELAY_KEY` is set here: the engine would use that one, not the key file. */
  environmentKey: boolean;
  unreadable: UnreadableSecrets[];
}

/** What is about to be restored, for whoever must say yes. */
export function renderFacts(
  facts: BackupFacts,
  file: string,
  dataFolder: string,
  now: number,
): string {
  return [
    `Backup   ${file}`,
    `  made   ${ageOf(facts, now)}${facts.madeBy === null ? '' : ` by LabRelay ${plain(facts.madeBy)}`}`,
    `  holds  ${facts.counts.logs} logs, ${facts.counts.openTasks} of them open; ${facts.counts.labIntegrations} integrations`,
    `  key    ${facts.sealedKey === null ? 'not in it' : 'in it, under a passphrase'}`,
    `It replaces the store in ${dataFolder}, which is kept aside.`,
    '',
  ].join('\n');
}

/** What was done and what comes next. */
export function renderRestored(restored: Restored): string {
  const { held, groups, since, unreadable } = restored;
  const open = groups.reduce((sum, { count }) => sum + count, 0);
  const lines = [
    `Restored ${restored.file}, made ${ageOf(restored.facts, restored.now)}.`,
    restored.keptAside === null
      ? 'There was no store before.'
      : `The store that was there is kept in ${restored.keptAside}.`,
    '',
    `Nothing is sent by itself: ${open} open deliveries are held, and deliveries are paused.`,
  ];
  if (open > 0) {
    const rows = groups.map(({ labIntegrationId, name, certainty, count }) => [
      String(labIntegrationId),
      plain(name),
      certainty ?? 'no attempt',
      String(count),
    ]);
    lines.push(table(['RULE', 'NAME', 'CERTAINTY', 'HELD'], rows).trimEnd());
  }
  if (held.unknown > 0) {
    lines.push(`${held.unknown} attempts were under way in the backup: their logs are UNKNOWN.`);
  }
  lines.push(...sinceLines(restored, since), ...keyLines(restored));
  if (unreadable.length > 0) {
    lines.push('Secrets that no key here opens; enter them again once LabRelay runs:');
    lines.push(...unreadable.map((one) => `  ${plain(one.name)}: ${plain(enterAgain(one))}`));
  }
  lines.push(
    '',
    'Next: start LabRelay; look at what is held (previewHeld), release or drop it (releaseHeld);',
    'then let deliveries go on: labrelay resume',
    '',
  );
  return lines.join('\n');
}

function sinceLines({ keptAside }: Restored, since: SinceBackup | null): string[] {
  if (since === null) {
    return keptAside === null
      ? []
      : [
          'The store that was there cannot be read, so what was sent after the backup is not known: any held delivery may have reached its partner.',
        ];
  }
  const lines: string[] = [];
  if (since.newerLogs === null) {
    lines.push(
      'The store that was there is no later state of this backup; both cannot be compared.',
    );
  } else {
    lines.push(
      `${since.newerLogs} logs are newer than the backup; only the store kept aside has them.`,
    );
  }
  if (since.sentSince > 0) {
    lines.push(
      `${since.sentSince} of the held deliveries were attempted after the backup: they are marked UNKNOWN, and the store kept aside knows what became of them.`,
    );
  }
  if (since.droppedSince > 0) {
    lines.push(
      `${since.droppedSince} deliveries that were open in the backup were dropped after it; they stay dropped, with a note in their logs.`,
    );
  }
  if (since.revokedSince.length > 0) {
    lines.push(
      `Access keys revoked after the backup are valid again; revoke them anew: ${since.revokedSince.map(plain).join(', ')}`,
    );
  } else {
    lines.push('Access keys are as they were in the backup; none was revoked since.');
  }
  return lines;
}

function keyLines({ facts, keyRestored, isAudited, environmentKey }: Restored): string[] {
  const lines: string[] = [];
  if (!isAudited)
    lines.push('It is not noted in the audit chain: there is no key to seal it with.');
  if (keyRestored) lines.push('The key of the stored credentials was restored (secret.key).');
  if (facts.sealedKey !== null && environmentKey) {
    lines.push('LABRELAY_KEY is set: as long as it is, LabRelay uses it and not secret.key.');
  }
  return lines;
}

function ageOf({ madeAt, newestLogAt }: BackupFacts, now: number): string {
  const at = madeAt ?? newestLogAt;
  if (at === null) return 'at a time that it does not tell';
  const hours = Math.max(0, (now - at) / 3_600_000);
  const age = hours < 48 ? `${hours.toFixed(1)} hours` : `${(hours / 24).toFixed(1)} days`;
  return `${madeAt === null ? 'after its newest log of ' : ''}${toIso(at)} (${age} ago)`;
}

/** The same for scripts. */
export function restoredDocument(restored: Restored) {
  const { facts, held, since } = restored;
  return {
    file: restored.file,
    data: restored.dataFolder,
    made_at: toIso(facts.madeAt),
    age_s: facts.madeAt === null ? null : Math.round((restored.now - facts.madeAt) / 1_000),
    schema_version: facts.schemaVersion,
    kept_aside: restored.keptAside,
    delivery_paused: true,
    held: restored.groups.map(({ labIntegrationId, name, certainty, count }) => ({
      lab_integration_id: labIntegrationId,
      name,
      certainty,
      count,
    })),
    unknown: held.unknown,
    reported: held.reported,
    sessions_ended: held.sessions,
    newer_logs: since?.newerLogs ?? null,
    sent_since: since?.sentSince ?? null,
    later_bodies: since?.laterBodies ?? null,
    dropped_since: since?.droppedSince ?? null,
    revoked_since: since?.revokedSince ?? null,
    key_restored: restored.keyRestored,
    audited: restored.isAudited,
    unreadable_secrets: restored.unreadable.map(({ developerAuthenticationId, name, keys }) => ({
      developer_authentication_id: developerAuthenticationId,
      name,
      keys,
    })),
  };
}
