import { LabRelayError } from '../../../shared/errors.ts';
import type { ConfigurationWrite } from '../../../shared/model/configuration.ts';

/** How refusals speak of a kind of configuration row. */
export interface Subject {
  /** e.g. `integration`. */
  noun: string;
  /** The field that names one, e.g. `lab_integration_id`. */
  idField: string;
  /** The procedure that lists them. */
  list: string;
}

export const INTEGRATION: Subject = {
  noun: 'integration',
  idField: 'lab_integration_id',
  list: 'listLabIntegrations',
};
export const AUTHENTICATION: Subject = {
  noun: 'developer authentication',
  idField: 'developer_authentication_id',
  list: 'getDeveloperAuthentication',
};
export const CATEGORY: Subject = {
  noun: 'action category',
  idField: 'action_category_list_id',
  list: 'getActionCategoryList',
};
export const ORGANIZATION: Subject = {
  noun: 'organization',
  idField: 'organization_id',
  list: 'listOrganizations',
};
export const LAB: Subject = { noun: 'lab', idField: 'lab_id', list: 'listLabs' };
export const ACCESS_KEY: Subject = {
  noun: 'access key',
  idField: 'access_key_id',
  list: 'listAccessKeys',
};

export function notFound(subject: Subject, id: number): LabRelayError {
  const reason = `there is no ${subject.noun} ${id}; ${subject.list} lists them`;
  return new LabRelayError('NOT_FOUND', `${subject.idField}: ${reason}`, [
    { field: subject.idField, reason },
  ]);
}

function stale(subject: Subject, currentVersion: number): LabRelayError {
  const reason =
    `the current version is ${currentVersion}; read it again (${subject.list}), ` +
    `then save with expected_version ${currentVersion}`;
  return new LabRelayError('STALE_WRITE', `expected_version: ${reason}`, [
    { field: 'expected_version', reason },
  ]);
}

function taken(field: string): LabRelayError {
  const reason = 'is taken; choose another one, or change the row that has it';
  return new LabRelayError('NAME_TAKEN', `${field}: ${reason}`, [{ field, reason }]);
}

/** The row that a guarded write saved. @throws LabRelayError if it was refused. */
export function savedRow<T>(write: ConfigurationWrite<T>, subject: Subject, id: number | null): T {
  switch (write.outcome) {
    case 'SAVED':
      return write.row;
    case 'NOT_FOUND':
      throw notFound(subject, id ?? 0);
    case 'STALE':
      throw stale(subject, write.currentVersion);
    case 'BUSY':
      throw new LabRelayError(
        'CONTENDED',
        `What waits for ${subject.noun} ${id} is just being held; try again in a moment.`,
      );
    case 'TAKEN':
      throw taken(write.field);
  }
}

/**
 * The row that a change is merged into; null for a new one. The store checks the version again in
 * its transaction, this only spares a stale caller the checks of everything else.
 */
export function currentRow<T extends { version: number }>(
  rows: ReadonlyMap<number, T>,
  id: number | null,
  expectedVersion: number | undefined,
  subject: Subject,
): T | null {
  if (id === null) return null;
  const row = rows.get(id);
  if (!row) throw notFound(subject, id);
  if (expectedVersion !== undefined && expectedVersion !== row.version) {
    throw stale(subject, row.version);
  }
  return row;
}
