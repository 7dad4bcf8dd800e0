import type {
  AccessKey,
  ActionCategory,
  AuthenticationKind,
  DeveloperAuthentication,
  DomainSource,
  IntegrationSettings,
  Lab,
  LabIntegration,
  Organization,
} from '../../shared/model/configuration.ts';
import type { JsonObject } from '../../shared/model/json.ts';
import type { AccessKeyKind, Role } from '../../shared/model/vocabulary.ts';

export interface OrganizationRow {
  organization_id: number;
  name: string;
}

export interface LabRow {
  lab_id: number;
  name: string;
  organization_id: number | null;
  time_zone: string;
  is_active: number;
  domain_source: string | null;
}

export interface ActionCategoryRow {
  action_category_list_id: number;
  code: string;
  name: string;
  is_built_in: number;
  is_active: number;
}

export interface AuthenticationRow {
  developer_authentication_id: number;
  lab_id: number | null;
  organization_id: number | null;
  name: string;
  kind: string;
  public_keys: string;
  sealed_keys: string;
  is_active: number;
  version: number;
  updated_at: number;
}

export interface IntegrationRow {
  lab_integration_id: number;
  settings: string;
  version: number;
  created_at: number;
  updated_at: number;
}

export interface AccessKeyRow {
  access_key_id: number;
  kind: string;
  name: string;
  role: string | null;
  lab_ids: string | null;
  routes: string | null;
  hash: string;
  hint: string;
  created_at: number;
  revoked_at: number | null;
}

export function organizationOf(row: OrganizationRow): Organization {
  return { organizationId: row.organization_id, name: row.name };
}

export function labOf(row: LabRow): Lab {
  return {
    labId: row.lab_id,
    name: row.name,
    organizationId: row.organization_id,
    timeZone: row.time_zone,
    isActive: row.is_active === 1,
    domainSource:
      row.domain_source === null ? null : (JSON.parse(row.domain_source) as DomainSource),
  };
}

export function actionCategoryOf(row: ActionCategoryRow): ActionCategory {
  return {
    actionCategoryListId: row.action_category_list_id,
    code: row.code,
    name: row.name,
    isBuiltIn: row.is_built_in === 1,
    isActive: row.is_active === 1,
  };
}

export function authenticationOf(row: AuthenticationRow): DeveloperAuthentication {
  return {
    developerAuthenticationId: row.developer_authentication_id,
    labId: row.lab_id,
    organizationId: row.organization_id,
    name: row.name,
    kind: row.kind as AuthenticationKind,
    publicKeys: JSON.parse(row.public_keys) as JsonObject,
    sealedKeys: JSON.parse(row.sealed_keys) as Record<string, string>,
    isActive: row.is_active === 1,
    version: row.version,
    updatedAt: row.updated_at,
  };
}

export function integrationOf(row: IntegrationRow): LabIntegration {
  return {
    ...(JSON.parse(row.settings) as IntegrationSettings),
    labIntegrationId: row.lab_integration_id,
    version: row.version,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}

export function accessKeyOf(row: AccessKeyRow): AccessKey {
  return {
    accessKeyId: row.access_key_id,
    kind: row.kind as AccessKeyKind,
    name: row.name,
    role: row.role as Role | null,
    labIds: row.lab_ids === null ? null : (JSON.parse(row.lab_ids) as number[]),
    routes: row.routes === null ? null : (JSON.parse(row.routes) as string[]),
    hash: row.hash,
    hint: row.hint,
    createdAt: row.created_at,
    revokedAt: row.revoked_at,
  };
}
