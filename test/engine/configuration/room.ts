import { randomBytes } from 'node:crypto';
import Database from 'better-sqlite3';
import { Configuration } from '../../../src/main/engine/configuration/configuration.ts';
import type { CheckMapping } from '../../../src/main/engine/configuration/integrations.ts';
import type { ConfigurationPort } from '../../../src/main/engine/configuration/port.ts';
import { KeyVault } from '../../../src/main/engine/configuration/vault.ts';
import { createConfigurationStatements } from '../../../src/main/store/configuration.ts';
import { createHeldTaskQueries } from '../../../src/main/store/held-tasks.ts';
import { createIntegrationVersionQueries } from '../../../src/main/store/integration-versions.ts';
import { MIGRATIONS } from '../../../src/main/store/migrations/index.ts';

/** An empty store in memory with the whole schema. */
export function openStore(): Database.Database {
  const db = new Database(':memory:');
  db.pragma('foreign_keys = ON');
  for (const migration of MIGRATIONS) db.exec(migration.sql);
  return db;
}

/** The statements as the engine meets them: answers come later, copied, from one transaction each. */
export function asPort(db: Database.Database): ConfigurationPort {
  const statements = createConfigurationStatements(db);
  const versions = createIntegrationVersionQueries(db);
  const held = createHeldTaskQueries(db);
  const command =
    <A extends unknown[], R>(run: (...input: A) => R) =>
    async (...input: A): Promise<R> => {
      const answer = db.transaction(run)(...structuredClone(input));
      return structuredClone(answer);
    };
  return {
    loadConfiguration: command(() => statements.loadConfiguration()),
    saveOrganization: command((input) => statements.saveOrganization(input)),
    saveLab: command((input) => statements.saveLab(input)),
    saveActionCategory: command((input) => statements.saveActionCategory(input)),
    saveDeveloperAuthentication: command((input) => statements.saveDeveloperAuthentication(input)),
    saveLabIntegration: command((input) => statements.saveLabIntegration(input)),
    saveAccessKey: command((input) => statements.saveAccessKey(input)),
    revokeAccessKey: command((input) => statements.revokeAccessKey(input)),
    saveSettings: command((input) => statements.saveSettings(input)),
    integrationVersions: command((input) => versions.integrationVersions(input)),
    countHeldTasks: command((input) => held.countHeldTasks(input)),
  };
}

export interface Room {
  configuration: Configuration;
  db: Database.Database;
  /** Another engine's view of the same store: what a restart would load. */
  restart: () => Promise<Configuration>;
  /** Errors of listeners. */
  reported: unknown[];
  time: { now: number };
}

/** A started configuration room over a real store, with labs 1 and 2 of organization 10, and lab 3. */
export async function openRoom(checkMapping?: CheckMapping): Promise<Room> {
  const db = openStore();
  const reported: unknown[] = [];
  const time = { now: 1_700_000_000_000 };
  const options = {
    store: asPort(db),
    vault: new KeyVault(randomBytes(32)),
    clock: () => time.now,
    checkMapping: checkMapping ?? (async () => {}),
    reportError: (error: unknown) => reported.push(error),
  };
  const configuration = new Configuration(options);
  await configuration.start();
  await configuration.saveOrganization({ organizationId: 10, name: 'North group' });
  await configuration.saveLab({ labId: 1, name: 'Main lab', organizationId: 10 });
  await configuration.saveLab({ labId: 2, name: 'Branch', organizationId: 10 });
  await configuration.saveLab({ labId: 3, name: 'Lone lab' });
  const restart = async () => {
    const again = new Configuration(options);
    await again.start();
    return again;
  };
  return { configuration, db, restart, reported, time };
}

/** The smallest rule: bill generated, to a local partner. */
export const RULE = {
  actionCategoryListId: 1,
  name: 'Bills',
  endPoint: 'http://127.0.0.1:9/bills',
};
