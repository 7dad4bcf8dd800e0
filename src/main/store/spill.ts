import type { Database } from 'better-sqlite3';
import type { InboundCall } from '../../shared/model/call.ts';
import type {
  AttemptReport,
  ReportResult,
  Settlement,
  SettlementResult,
  TaskDeath,
} from '../../shared/model/delivery.ts';
import type {
  KnownJournal,
  SpillApplied,
  SpillRecord,
  SpillState,
} from '../../shared/model/spill.ts';

/** The journal whose records are this store's. A restored store has none: see `restore.ts`. */
export const SPILL_JOURNAL = 'spill_journal';
const SPILL_APPLIED = 'spill_applied';

/** The commands that a spilled record stands for. */
interface SpilledCommands {
  settle: (settlement: Settlement) => SettlementResult;
  report: (report: AttemptReport) => ReportResult;
  bury: (death: TaskDeath) => void;
  keepCall: (call: InboundCall) => void;
}

/** Reads which journal is the store's, and how far it has been applied. */
export function createSpillState(db: Database): () => SpillState {
  const get = db.prepare<[string], string>('SELECT value FROM meta WHERE name = ?').pluck();
  return () => {
    const journal = get.get(SPILL_JOURNAL);
    return {
      journal: journal === undefined ? null : (JSON.parse(journal) as KnownJournal),
      applied: Number(get.get(SPILL_APPLIED) ?? 0),
    };
  };
}

/** Takes what was kept in the spill journal while the store could not be written. */
export function createSpillCommands(db: Database, commands: SpilledCommands) {
  const get = db.prepare<[string], string>('SELECT value FROM meta WHERE name = ?').pluck();
  const set = db.prepare(
    `INSERT INTO meta (name, value) VALUES (?, ?)
     ON CONFLICT (name) DO UPDATE SET value = excluded.value`,
  );
  const claimed = db
    .prepare<[number, string, number], number>(
      `SELECT t.lab_integration_id FROM task t JOIN log l ON l.log_seq = t.log_seq
       WHERE t.task_id = ? AND t.state = 'CLAIMED' AND l.log_id = ? AND t.attempt = ?`,
    )
    .pluck();

  const appliedSoFar = (): number => Number(get.get(SPILL_APPLIED) ?? 0);

  /**
   * A commit that was told as failed may be on disk after all (its sync failed, and a crash came
   * before the next one): then the task has left or goes again, and its later end is not this one.
   */
  const settle = (settlement: Settlement) => {
    const { taskId, report } = settlement;
    const labIntegrationId =
      report.attempt === null ? undefined : claimed.get(taskId, report.logId, report.attempt);
    if (labIntegrationId !== undefined) {
      return { ...commands.settle(settlement), labIntegrationId };
    }
    commands.report(report);
    return null;
  };

  const apply = (record: SpillRecord) => {
    switch (record.kind) {
      case 'SETTLEMENT':
        return settle(record.settlement);
      case 'DEATH': {
        const { death, logId, attempt } = record;
        if (claimed.get(death.taskId, logId, attempt) !== undefined) commands.bury(death);
        return null;
      }
      case 'CALL':
        commands.keepCall(record.call);
        return null;
    }
  };

  return {
    spillState: createSpillState(db),

    adoptJournal(journal: KnownJournal): void {
      set.run(SPILL_JOURNAL, JSON.stringify(journal));
    },

    applySpilled({
      sequence,
      record,
    }: {
      sequence: number;
      record: SpillRecord | null;
    }): SpillApplied {
      const applied = appliedSoFar();
      if (sequence <= applied) return { outcome: 'REPEATED' };
      if (sequence !== applied + 1) return { outcome: 'OUT_OF_ORDER' };
      set.run(SPILL_APPLIED, String(sequence));
      return { outcome: 'APPLIED', settled: record === null ? null : apply(record) };
    },

    probeWrite(): void {
      set.run(SPILL_APPLIED, String(appliedSoFar()));
    },
  };
}
