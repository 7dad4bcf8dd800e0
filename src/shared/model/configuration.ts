import type { JsonObject } from './json.ts';
import type {
  AccessKeyKind,
  Certainty,
  DomainKind,
  HttpMethod,
  Role,
  Transport,
} from './vocabulary.ts';

export interface Organization {
  organizationId: number;
  name: string;
}

export interface Lab {
  labId: number;
  name: string;
  organizationId: number | null;
  /** IANA name, e.g. `Asia/Kolkata`. */
  timeZone: string;
  isActive: boolean;
  /** Its own information system, from which objects are read again; null where there is none. */
  domainSource: DomainSource | null;
}

/** A lab's information system as domain objects are read from it. */
export interface DomainSource {
  /** Absolute http(s) URL that the paths are appended to. */
  baseUrl: string;
  /** Credentials for these calls; null where it asks for none. */
  developerAuthenticationId: number | null;
  /** Which kinds can be read, and where. */
  objects: Partial<Record<DomainKind, DomainSourcePath>>;
  /** One call, connecting included (ms). */
  timeoutMs: number;
  /** How long an object that was read is not asked for again (ms). */
  cacheMs: number;
  /** PEM certificates that are trusted beside the system's own; null: none. */
  ca: string | null;
  isActive: boolean;
}

export interface DomainSourcePath {
  /** Path template with `{id}`, and `{lab_id}` where it is wanted. */
  path: string;
  /** JSON pointer (RFC 6901) to the object in the answer; null: the answer is the object. */
  objectAt: string | null;
}

/** A kind of business event. */
export interface ActionCategory {
  actionCategoryListId: number;
  /** Stable, e.g. `BILL_GENERATED`. */
  code: string;
  name: string;
  /** True for the seeded ones, whose code and trigger are fixed. */
  isBuiltIn: boolean;
  isActive: boolean;
}

export const AUTHENTICATION_KINDS = [
  'none',
  'basic',
  'bearer',
  'api_key',
  'oauth2',
  'mtls',
] as const;
export type AuthenticationKind = (typeof AUTHENTICATION_KINDS)[number];

/** Exactly one of the two is set: a rule or credential belongs to a lab or to an organization. */
export interface Owner {
  labId: number | null;
  organizationId: number | null;
}

/** Credentials for calls out. Secret values are sealed; only the engine opens them. */
export interface DeveloperAuthentication extends Owner {
  developerAuthenticationId: number;
  name: string;
  kind: AuthenticationKind;
  /** What is not secret, e.g. the user name or the header's name. */
  publicKeys: JsonObject;
  /** Sealed secret values by name (`password`, `token`, `value`, `signing_secret`). */
  sealedKeys: Record<string, string>;
  isActive: boolean;
  version: number;
  updatedAt: number;
}

export interface RetryPolicy {
  /** Waits between attempts in milliseconds. */
  schedule: number[];
  /** Share of the wait that is random, 0 to 1. */
  jitter: number;
  retry5xx: boolean;
  /** Certainty by response status code, where a partner differs from the rule. */
  overrides: Record<string, Certainty>;
  /** Cron expressions of minutes in which no retry starts. */
  quietHours: string[];
}

/** The parts of a rule that are versioned: everything that decides what is sent, where and how. */
export interface IntegrationSettings extends Owner {
  actionCategoryListId: number;
  developerAuthenticationId: number | null;
  name: string;
  transport: Transport;
  endPoint: string;
  method: HttpMethod;
  headers: Record<string, string>;
  /** JSONata expression; null sends the category's default shape. */
  mapping: string | null;
  responseSchema: JsonObject | null;
  isActive: boolean;
  isRetryEnabled: boolean;
  retryPolicy: RetryPolicy;
  receiverDeduplicates: boolean;
  orderingKey: string | null;
  onRefused: 'skip' | 'hold';
  onUnknown: 'hold' | 'skip';
  maxConcurrency: number;
  ratePerMinute: number | null;
  timeoutMs: number;
  signing: boolean;
  executor: 'local' | 'external';
  integrationExtraDetails: JsonObject;
}

/** One rule: for this lab (or organization) and category, send to this endpoint. */
export interface LabIntegration extends IntegrationSettings {
  labIntegrationId: number;
  version: number;
  createdAt: number;
  updatedAt: number;
}

/** A version of a rule, as it was saved. */
export interface IntegrationVersion {
  version: number;
  settings: IntegrationSettings;
  changedBy: string;
  changedAt: number;
  /** Why, where that was told (a rollback, 410 Gone). */
  reason: string | null;
}

/** A credential for calls in; the key itself is never kept. */
export interface AccessKey {
  accessKeyId: number;
  kind: AccessKeyKind;
  name: string;
  role: Role | null;
  /** Labs that an inbound key may speak for; null: all. */
  labIds: number[] | null;
  /** Routes that an inbound key may call, e.g. `/billing/`; null: all event routes. */
  routes: string[] | null;
  /** Lower-case hex SHA-256 of the key; the key has 256 random bits, so no slow hash is needed. */
  hash: string;
  /** The key's last four characters, for people to tell keys apart. */
  hint: string;
  createdAt: number;
  revokedAt: number | null;
}

export const CALLBACK_TRANSPORTS = ['in_process', 'http'] as const;
export type CallbackTransport = (typeof CALLBACK_TRANSPORTS)[number];

/** Deliveries stand still on purpose: nothing is claimed, also not after a restart. */
export interface DeliveryPause {
  /** Epoch milliseconds. */
  since: number;
  /** Who paused it. */
  by: string;
  reason: string | null;
}

/** Settings of the whole engine, changed through `updateSettings`. */
export interface Settings {
  /** How our own worker reports: in process with the outcome, or over HTTP as an outside one would. */
  callbackTransport: CallbackTransport;
  /** Deliveries in flight over all integrations. */
  maxConcurrency: number;
  /** Requests a minute that one access key may make to the event routes. */
  eventRateLimit: number;
  /** Reports a minute that one internal key may make to the callback route. */
  callbackRateLimit: number;
  /** Requests a minute that one user key may make to the console procedures. */
  consoleRateLimit: number;
  /** Set and cleared by `setDeliveryPaused`, set by a restore; null: deliveries go out. */
  deliveryPaused: DeliveryPause | null;
  /** Cron expression (local time) of the scheduled backups; null: none are made. */
  backupSchedule: string | null;
  /** Scheduled backups that are kept; older ones are removed. */
  backupKeep: number;
  /** Folder of the scheduled backups; null: `backups` in the data folder. */
  backupFolder: string | null;
  /** After so many hours a browser session ends, however much it is used. */
  sessionHours: number;
  /** After so many minutes without use it ends as well. */
  sessionIdleMinutes: number;
  /** Whether the callbacks of older integrations are taken. */
  legacyCallbacksEnabled: boolean;
}

export const DEFAULT_SETTINGS: Settings = {
  callbackTransport: 'in_process',
  maxConcurrency: 64,
  eventRateLimit: 600_000,
  callbackRateLimit: 600_000,
  consoleRateLimit: 6_000,
  deliveryPaused: null,
  backupSchedule: '30 2 * * *',
  backupKeep: 7,
  backupFolder: null,
  sessionHours: 12,
  sessionIdleMinutes: 60,
  legacyCallbacksEnabled: true,
};

/** Everything the engine keeps in memory to match rules without asking the store. */
export interface ConfigurationSnapshot {
  organizations: Organization[];
  labs: Lab[];
  actionCategories: ActionCategory[];
  developerAuthentications: DeveloperAuthentication[];
  labIntegrations: LabIntegration[];
  accessKeys: AccessKey[];
  settings: Settings;
}

/** What a guarded configuration write answers. */
export type ConfigurationWrite<T> =
  | { outcome: 'SAVED'; row: T }
  | { outcome: 'NOT_FOUND' }
  /** `expected_version` is not the current one. */
  | { outcome: 'STALE'; currentVersion: number }
  /** What waits for the rule is just being held; in a moment it can be enabled again. */
  | { outcome: 'BUSY' }
  /** A name or code that must be unique is taken. */
  | { outcome: 'TAKEN'; field: string };
