import { type ErrorCode, fieldError } from '../../../shared/errors.ts';
import type { DeveloperAuthentication, Lab, Owner } from '../../../shared/model/configuration.ts';
import { appliesToLab } from './matching.ts';
import type { ConfigurationMemory } from './memory.ts';

/** Every field of `T` may be left out. */
export type Loose<T> = { [K in keyof T]?: T[K] | undefined };

/**
 * The owner of a rule or credential: exactly one lab or organization, chosen on creation and fixed
 * from then on, since logs and sealed secrets are bound to it.
 * @throws LabRelayError naming the field
 */
export function resolveOwner(
  memory: ConfigurationMemory,
  current: Owner | null,
  given: Loose<Owner>,
): Owner {
  const labId = given.labId ?? null;
  const organizationId = given.organizationId ?? null;
  if (current) {
    refuseMove('lab_id', current.labId, labId);
    refuseMove('organization_id', current.organizationId, organizationId);
    return { labId: current.labId, organizationId: current.organizationId };
  }
  if ((labId === null) === (organizationId === null)) {
    throw fieldError(
      'INVALID_INPUT',
      'lab_id',
      'give either lab_id or organization_id, and only one of them',
    );
  }
  if (labId !== null && !memory.labs.has(labId)) {
    throw unknown('UNKNOWN_LAB', 'lab_id', `lab ${labId}`, 'addUpdateLab');
  }
  if (organizationId !== null) checkOrganization(memory, organizationId);
  return { labId, organizationId };
}

/** @throws LabRelayError if there is no such organization. */
export function checkOrganization(memory: ConfigurationMemory, organizationId: number): void {
  if (memory.organizations.has(organizationId)) return;
  const name = `organization ${organizationId}`;
  throw unknown('INVALID_INPUT', 'organization_id', name, 'addUpdateOrganization');
}

/** A rule uses its owner's credentials; a lab's rule also those of the lab's organization. */
export function mayUse(
  memory: ConfigurationMemory,
  owner: Owner,
  authentication: DeveloperAuthentication,
): boolean {
  if (owner.labId === null) return owner.organizationId === authentication.organizationId;
  const lab = memory.labs.get(owner.labId);
  return lab !== undefined && appliesToLab(authentication, lab);
}

/**
 * A lab that changes its organization must not leave rules behind with the old one's credentials.
 * @throws LabRelayError naming the rules
 */
export function checkLabMove(memory: ConfigurationMemory, lab: Lab): void {
  const stranded = [...memory.integrations.values()].filter((rule) => {
    if (rule.labId !== lab.labId || rule.developerAuthenticationId === null) return false;
    const authentication = memory.authentications.get(rule.developerAuthenticationId);
    return authentication !== undefined && !appliesToLab(authentication, lab);
  });
  if (stranded.length === 0) return;
  const ids = stranded.map((rule) => rule.labIntegrationId).join(', ');
  throw fieldError(
    'INVALID_INPUT',
    'organization_id',
    `integrations ${ids} use credentials of the lab's present organization; give them others first`,
  );
}

function refuseMove(field: string, current: number | null, given: number | null): void {
  if (given === null || given === current) return;
  throw fieldError(
    'INVALID_INPUT',
    field,
    'the owner is fixed; leave the field out, or add a new one for the other owner',
  );
}

function unknown(code: ErrorCode, field: string, what: string, procedure: string) {
  return fieldError(code, field, `there is no ${what}; add it first (${procedure})`);
}
