import type { ConfigurationLookup } from '../../../src/main/engine/configuration/lookup.ts';
import {
  DEFAULT_SETTINGS,
  type DeveloperAuthentication,
  type LabIntegration,
  type Settings,
} from '../../../src/shared/model/configuration.ts';
import type { ClaimedTask } from '../../../src/shared/model/delivery.ts';
import { NEW_INTEGRATION } from '../../../src/shared/model/integration-defaults.ts';

/** A rule as it is loaded; only what a test is about differs from the defaults. */
export function ruleOf(more: Partial<LabIntegration> = {}): LabIntegration {
  return {
    ...NEW_INTEGRATION,
    labIntegrationId: 1,
    labId: 7,
    organizationId: null,
    actionCategoryListId: 1,
    name: 'Bills',
    endPoint: 'http://127.0.0.1:9/bills',
    version: 3,
    createdAt: 1,
    updatedAt: 1,
    ...more,
  };
}

export function authenticationOf(
  more: Partial<DeveloperAuthentication> = {},
): DeveloperAuthentication {
  return {
    developerAuthenticationId: 5,
    labId: 7,
    organizationId: null,
    name: 'Partner',
    kind: 'none',
    publicKeys: {},
    sealedKeys: {},
    isActive: true,
    version: 1,
    updatedAt: 1,
    ...more,
  };
}

export function taskOf(more: Partial<ClaimedTask> = {}): ClaimedTask {
  return {
    taskId: 1,
    logId: '0193a5c0-0000-7000-8000-000000000001',
    labId: 7,
    labIntegrationId: 1,
    actionCategory: 'BILL_GENERATED',
    eventId: 'e-1',
    kind: 'FIRST',
    attempt: 1,
    revision: 1,
    body: '{"bill_id":"17","patient":{"name":"Asha Verma"}}',
    contentType: 'application/json',
    priority: 'ROUTINE',
    deliverBy: null,
    integrationCallbackUrl: 'http://127.0.0.1:7420/integration_callback/',
    crashes: 0,
    ...more,
  };
}

/**
 * A configuration held in memory: the dispatcher's tests change it under way. Secrets are given in
 * clear; the vault has its own tests.
 */
export class MemoryLookup implements ConfigurationLookup {
  readonly rules = new Map<number, LabIntegration>();
  readonly authentications = new Map<number, DeveloperAuthentication>();
  secrets: Record<string, string> | Error = {};
  settings: Settings = { ...DEFAULT_SETTINGS };

  constructor(...rules: LabIntegration[]) {
    for (const rule of rules) this.rules.set(rule.labIntegrationId, rule);
  }

  integration(labIntegrationId: number): LabIntegration | undefined {
    return this.rules.get(labIntegrationId);
  }
  authentication(developerAuthenticationId: number): DeveloperAuthentication | undefined {
    return this.authentications.get(developerAuthenticationId);
  }
  openSecrets(): Record<string, string> {
    if (this.secrets instanceof Error) throw this.secrets;
    return this.secrets;
  }
  lab(): undefined {}
  actionCategory(): undefined {}
  actionCategoryById(): undefined {}
  accessKeyOf(): undefined {}
  rulesFor(): readonly LabIntegration[] {
    return [...this.rules.values()];
  }
}
