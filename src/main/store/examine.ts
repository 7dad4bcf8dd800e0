import type { ConfigurationSnapshot } from '../../shared/model/configuration.ts';
import { createConfigurationStatements } from './configuration.ts';
import { openReader } from './connection.ts';

/**
 * The configuration of a store, in use or not; nothing is written.
 * @throws what SQLite throws where the store is of an older schema or cannot be read
 */
export function readConfiguration(file: string): ConfigurationSnapshot {
  const db = openReader(file);
  try {
    return createConfigurationStatements(db).loadConfiguration();
  } finally {
    db.close();
  }
}
