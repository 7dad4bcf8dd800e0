import type { Database } from 'better-sqlite3';
import type { IntegrationSettings, IntegrationVersion } from '../../shared/model/configuration.ts';

/** Former versions of a rule, as they were saved. */
export function createIntegrationVersionQueries(db: Database) {
  const versions = db.prepare<
    [{ id: number; before: number; limit: number }],
    {
      version: number;
      settings: string;
      changed_by: string;
      changed_at: number;
      reason: string | null;
    }
  >(
    `SELECT version, settings, changed_by, changed_at, reason FROM lab_integration_version
     WHERE lab_integration_id = @id AND version < @before ORDER BY version DESC LIMIT @limit`,
  );
  return {
    /** Newest first, below `before`. */
    integrationVersions(request: {
      labIntegrationId: number;
      before: number;
      limit: number;
    }): IntegrationVersion[] {
      const { labIntegrationId: id, before, limit } = request;
      return versions.all({ id, before, limit }).map((row) => ({
        version: row.version,
        settings: JSON.parse(row.settings) as IntegrationSettings,
        changedBy: row.changed_by,
        changedAt: row.changed_at,
        reason: row.reason,
      }));
    },
  };
}
