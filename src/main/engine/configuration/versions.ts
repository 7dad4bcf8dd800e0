import { fieldError } from '../../../shared/errors.ts';
import type {
  IntegrationSettings,
  IntegrationVersion,
} from '../../../shared/model/configuration.ts';
import type { JsonObject } from '../../../shared/model/json.ts';
import type { IntegrationChange } from './integrations.ts';
import type { ConfigurationPort } from './port.ts';

type VersionsPort = Pick<ConfigurationPort, 'integrationVersions'>;

/** Which version of a rule is to hold again. */
export interface RollbackWish {
  labIntegrationId: number;
  version: number;
  expectedVersion?: number | undefined;
  reason: string | null;
  /** As in `IntegrationChange`. */
  checkData?: JsonObject | undefined;
}

/** Versions newest first, each with the settings before it (null: it is the first). */
export async function versionsWithFormer(
  store: VersionsPort,
  labIntegrationId: number,
  before: number | null,
  limit: number,
): Promise<(IntegrationVersion & { former: IntegrationSettings | null })[]> {
  const found = await store.integrationVersions({
    labIntegrationId,
    before: before ?? Number.MAX_SAFE_INTEGER,
    limit: limit + 1,
  });
  return found.slice(0, limit).map((version, index) => ({
    ...version,
    former: found[index + 1]?.settings ?? null,
  }));
}

/** What a rule was set to in a version of it; null where it has no such version. */
export async function settingsOfVersion(
  store: VersionsPort,
  labIntegrationId: number,
  version: number,
): Promise<IntegrationSettings | null> {
  const before = version + 1;
  const [found] = await store.integrationVersions({ labIntegrationId, before, limit: 1 });
  return found?.version === version ? found.settings : null;
}

/**
 * The change that leads back to a former version. Whether the rule is active and who owns it stay as
 * they are.
 * @throws LabRelayError `NOT_FOUND`
 */
export async function rollbackChange(
  store: VersionsPort,
  { labIntegrationId, version, expectedVersion, checkData }: RollbackWish,
): Promise<IntegrationChange> {
  const found = await settingsOfVersion(store, labIntegrationId, version);
  if (!found) {
    const reason = `integration ${labIntegrationId} has no version ${version}; listIntegrationVersions lists them`;
    throw fieldError('NOT_FOUND', 'version', reason);
  }
  const { isActive: _present, labId: _lab, organizationId: _organization, ...settings } = found;
  return { ...settings, labIntegrationId, expectedVersion, checkData };
}
