import { fieldError } from '../../../shared/errors.ts';
import type { ActionCategory, Lab } from '../../../shared/model/configuration.ts';
import type { TargetGuard } from '../targets/guard.ts';
import { CATEGORY, notFound } from './faults.ts';
import { appliesToLab } from './matching.ts';
import type { ConfigurationMemory } from './memory.ts';
import { certificateFault } from './syntax.ts';
import { checkLabMove, checkOrganization, type Loose } from './owners.ts';

/** A lab to be added under the lab system's own id, or changed. */
export type LabChange = Loose<Omit<Lab, 'labId'>> & { labId: number };

/** A category to be added (without an id) or changed. */
export type CategoryChange = Loose<Omit<ActionCategory, 'isBuiltIn'>>;

/** @throws LabRelayError naming the field */
export function mergeLab(memory: ConfigurationMemory, change: LabChange): Lab {
  const current = memory.labs.get(change.labId);
  const name = change.name ?? current?.name;
  if (name === undefined) throw fieldError('INVALID_INPUT', 'name', 'is needed to add a lab');
  const organizationId =
    change.organizationId === undefined ? (current?.organizationId ?? null) : change.organizationId;
  if (organizationId !== null) checkOrganization(memory, organizationId);
  const lab: Lab = {
    labId: change.labId,
    name,
    organizationId,
    timeZone: change.timeZone ?? current?.timeZone ?? 'UTC',
    isActive: change.isActive ?? current?.isActive ?? true,
    domainSource:
      change.domainSource === undefined ? (current?.domainSource ?? null) : change.domainSource,
  };
  if (current && current.organizationId !== organizationId) checkLabMove(memory, lab);
  checkSourceCredentials(memory, lab);
  checkSourceCa(lab);
  return lab;
}

/** A domain source uses credentials of its lab, or of the lab's organization. */
function checkSourceCredentials(memory: ConfigurationMemory, lab: Lab): void {
  const id = lab.domainSource?.developerAuthenticationId ?? null;
  if (id === null) return;
  const authentication = memory.authentications.get(id);
  if (authentication && appliesToLab(authentication, lab)) return;
  throw fieldError(
    'INVALID_INPUT',
    'domain_source.developer_authentication_id',
    authentication
      ? 'belongs to another lab or organization; use one of this lab or of its organization'
      : `there is no developer authentication ${id}; getDeveloperAuthentication lists them`,
  );
}

/** What is trusted must be readable. @throws LabRelayError naming the field */
function checkSourceCa({ domainSource }: Lab): void {
  const fault = domainSource?.ca ? certificateFault(domainSource.ca) : null;
  if (fault) throw fieldError('INVALID_INPUT', 'domain_source.ca', fault);
}

/** What can be told without a resolver is refused at once. @throws LabRelayError naming the field */
export function checkSourceTarget({ domainSource }: Lab, targets: TargetGuard): void {
  const fault = domainSource && targets.fault(domainSource.baseUrl, null);
  if (fault) throw fieldError('INVALID_INPUT', 'domain_source.base_url', fault);
}

/**
 * Logs, mappings and callers speak of a category by its code, so that stays for good.
 * @throws LabRelayError naming the field
 */
export function mergeCategory(memory: ConfigurationMemory, change: CategoryChange) {
  const id = change.actionCategoryListId ?? null;
  const current = id === null ? undefined : memory.categories.get(id);
  if (id !== null && !current) throw notFound(CATEGORY, id);
  const code = change.code ?? current?.code;
  const name = change.name ?? current?.name;
  if (code === undefined) {
    throw fieldError('INVALID_INPUT', 'code', 'is needed to add an action category');
  }
  if (name === undefined) {
    throw fieldError('INVALID_INPUT', 'name', 'is needed to add an action category');
  }
  if (current && code !== current.code) {
    throw fieldError(
      'INVALID_INPUT',
      'code',
      `stays ${current.code} for good; leave it out, or add another category`,
    );
  }
  return {
    actionCategoryListId: id,
    code,
    name,
    isActive: change.isActive ?? current?.isActive ?? true,
  };
}
