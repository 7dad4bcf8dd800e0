import Database from 'better-sqlite3';
import { createCommands, createQueries } from '../../src/main/store/commands.ts';
import { MIGRATIONS } from '../../src/main/store/migrations/index.ts';
import type { IntegrationSettings } from '../../src/shared/model/configuration.ts';
import { type ClaimedTask, type NewLog, stampOf } from '../../src/shared/model/delivery.ts';
import { encodeAcceptEvent } from '../../src/main/store/intake.ts';
import type { Command } from '../../src/main/store/group-commit.ts';
import { delivery, event, RULE } from './samples.ts';

/**
 * The real store's commands on SQLite in memory, called straight: for properties that take
 * thousands of steps. What a commit and a thread add has its own tests.
 */
export interface MemoryQueue {
  db: Database.Database;
  /** Runs a command or query of the store. */
  run: (name: string, input: unknown) => unknown;
  /** @returns the rule's id */
  addRule: (settings?: Partial<IntegrationSettings>) => number;
  changeRule: (rule: number, settings: Partial<IntegrationSettings>) => void;
  /** Commits deliveries of a rule. @returns their log ids */
  add: (rule: number, count: number, log?: Partial<NewLog>) => string[];
  claim: (limit: number, now: number) => ClaimedTask[];
  stamp: (task: ClaimedTask, now: number) => boolean;
  nextDueAt: (now: number) => number | null;
  /** As a new process finds it: nothing is kept but what the store holds. */
  reopen: () => void;
  close: () => void;
}

export function createMemoryQueue(random?: () => number): MemoryQueue {
  const db = new Database(':memory:');
  for (const { sql } of MIGRATIONS) db.exec(sql);
  let commands: Map<string, Command>;
  const reopen = () => {
    commands = new Map([...createCommands(db, random), ...createQueries(db)]);
  };
  reopen();
  const run = (name: string, input: unknown): unknown => {
    const command = commands.get(name);
    if (!command) throw new Error(`no command ${name}`);
    return command(input as never);
  };
  run('saveLab', { labId: 1, name: 'lab', organizationId: null, timeZone: 'UTC', isActive: true });
  const save = (labIntegrationId: number | null, settings: IntegrationSettings) =>
    run('saveLabIntegration', {
      labIntegrationId,
      expectedVersion: null,
      settings,
      changedBy: 'test',
      now: 1,
    }) as { row: { labIntegrationId: number } };
  const rules = new Map<number, IntegrationSettings>();

  return {
    db,
    run,
    addRule(settings = {}) {
      const whole = { ...RULE, ...settings };
      const { labIntegrationId } = save(null, whole).row;
      rules.set(labIntegrationId, whole);
      return labIntegrationId;
    },
    changeRule(rule, settings) {
      const whole = { ...RULE, ...rules.get(rule), ...settings };
      rules.set(rule, whole);
      save(rule, whole);
    },
    add(rule, count, log = {}) {
      const deliveries = Array.from({ length: count }, () => delivery(rule, log));
      run('acceptEvent', encodeAcceptEvent(event(deliveries)));
      return deliveries.map((one) => one.log.logId);
    },
    claim: (limit, now) =>
      run('claim', { worker: 'w', limit, leaseUntil: now + 60_000, now }) as ClaimedTask[],
    stamp: (task, now) =>
      run('stamp', {
        worker: 'w',
        stamp: stampOf(task, {
          configVersion: 1,
          endPoint: 'http://127.0.0.1:9/',
          requestMethod: 'POST',
          requestHeaders: {},
          startedAt: now,
        }),
      }) as boolean,
    nextDueAt: (now) => run('nextDueAt', { now }) as number | null,
    reopen,
    close: () => db.close(),
  };
}
