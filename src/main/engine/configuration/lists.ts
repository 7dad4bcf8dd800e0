import type {
  AccessKey,
  ActionCategory,
  DeveloperAuthentication,
  Lab,
  LabIntegration,
  Organization,
  Owner,
} from '../../../shared/model/configuration.ts';
import { AUTHENTICATION, notFound } from './faults.ts';
import { appliesToLab } from './matching.ts';
import { type ConfigurationMemory, inIdOrder } from './memory.ts';

interface OwnerFilter {
  /** What applies to the lab: its own and its organization's. */
  labId?: number | undefined;
  organizationId?: number | undefined;
}

/** What the console lists, by id. Every given filter must hold. */
export class ConfigurationLists {
  private readonly memory: ConfigurationMemory;

  constructor(memory: ConfigurationMemory) {
    this.memory = memory;
  }

  organizations(): Organization[] {
    return inIdOrder(this.memory.organizations);
  }

  labs(filter: { organizationId?: number | undefined } = {}): Lab[] {
    return inIdOrder(this.memory.labs).filter((lab) =>
      holds(filter.organizationId, lab.organizationId),
    );
  }

  actionCategories(filter: { isActive?: boolean | undefined } = {}): ActionCategory[] {
    return inIdOrder(this.memory.categories).filter((one) => holds(filter.isActive, one.isActive));
  }

  /** @throws LabRelayError `NOT_FOUND` for an id that is not there. */
  authentications(
    filter: OwnerFilter & { developerAuthenticationId?: number | undefined } = {},
  ): DeveloperAuthentication[] {
    const id = filter.developerAuthenticationId;
    if (id !== undefined && !this.memory.authentications.has(id))
      throw notFound(AUTHENTICATION, id);
    return inIdOrder(this.memory.authentications).filter(
      (one) => holds(id, one.developerAuthenticationId) && this.isOf(filter, one),
    );
  }

  integrations(
    filter: OwnerFilter & {
      developerAuthenticationId?: number | undefined;
      actionCategoryListId?: number | undefined;
      isActive?: boolean | undefined;
    } = {},
  ): LabIntegration[] {
    return inIdOrder(this.memory.integrations).filter(
      (rule) =>
        holds(filter.developerAuthenticationId, rule.developerAuthenticationId) &&
        holds(filter.actionCategoryListId, rule.actionCategoryListId) &&
        holds(filter.isActive, rule.isActive) &&
        this.isOf(filter, rule),
    );
  }

  accessKeys(filter: { includeRevoked: boolean }): AccessKey[] {
    return inIdOrder(this.memory.accessKeys).filter(
      (key) => filter.includeRevoked || key.revokedAt === null,
    );
  }

  private isOf(filter: OwnerFilter, owner: Owner): boolean {
    if (!holds(filter.organizationId, owner.organizationId)) return false;
    if (filter.labId === undefined) return true;
    const lab = this.memory.labs.get(filter.labId);
    return lab !== undefined && appliesToLab(owner, lab);
  }
}

function holds<T>(wanted: T | undefined, value: T | null): boolean {
  return wanted === undefined || wanted === value;
}
