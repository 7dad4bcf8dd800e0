import type { CallInput } from '../../../shared/contract/index.ts';
import type { EngineClient } from '../client.ts';
import { DEMO_LABS, DEMO_ORGANIZATION, HOME_VISIT, NIGHT_RESULT } from './events.ts';
import type { PartnerGreeting } from './partner.ts';
import { API_KEY_HEADER, type PartnerCredentials } from './partner-guards.ts';
import type { DemoAuthentication, DemoRule } from './rule.ts';
import { DEMO_RULES } from './rules.ts';

type AuthenticationInput = CallInput<'addUpdateDeveloperAuthentication'>;

/** Nobody listens here: port 1 (tcpmux) is no longer used by anyone. */
const CLOSED_END_POINT = 'http://127.0.0.1:1/reports';

/** The key's name by which the notes of the third party's older half are told. */
export const OLDER_NAME = 'Demo older integration';

/** The key's name by which what the outside worker does is told. */
const WORKER_KEY = 'Demo outside worker';

/** What the engine made of the configuration. */
export interface Configured {
  /** Scenario by `lab_integration_id`. */
  scenarios: Map<number, string>;
  /** Key with which the simulated lab system posts its events. */
  inboundKey: string;
  /** Key with which the simulated third party confirms appointments, and may do nothing else. */
  thirdPartyKey: string;
  /** The third party's older half reports with it. */
  internalKey: string;
  /** An operator's key, for the outside worker. */
  workerKey: string;
}

/**
 * Sets up labs, authentications, integrations and an inbound key through the engine's API, as an
 * administrator would. Used again on a kept data folder it updates what it made before.
 */
export async function configure(
  client: EngineClient,
  partner: PartnerGreeting,
): Promise<Configured> {
  await client.call('addUpdateOrganization', DEMO_ORGANIZATION);
  for (const lab of DEMO_LABS) await client.call('addUpdateLab', lab);
  const categories = await categoryIds(client);

  const known = new Map<string, number>();
  for (const { name, lab_integration_id } of (await client.call('listLabIntegrations', {})).items) {
    known.set(name, lab_integration_id);
  }
  const authentications = new Authentications(client, partner.credentials);
  const scenarios = new Map<number, string>();
  for (const rule of DEMO_RULES) {
    const categoryId = categories.get(rule.category);
    if (categoryId === undefined) throw new Error(`The engine has no category ${rule.category}.`);
    const existing = known.get(rule.name);
    const saved = await client.call('addUpdateWebhookIntegration', {
      ...(existing === undefined ? {} : { lab_integration_id: existing }),
      ...rule.owner,
      action_category_list_id: categoryId,
      developer_authentication_id: await authentications.idFor(rule),
      name: rule.name,
      end_point: rule.target === 'closed' ? CLOSED_END_POINT : `${partner.url}${rule.target}`,
      method: rule.method,
      mapping: rule.mapping ?? null,
      signing: rule.signing ?? false,
      executor: rule.executor ?? 'local',
      is_active: rule.expected !== null,
      // Slow ones must not make the demo slow: they wait side by side.
      is_retry_enabled: rule.isRetryEnabled ?? true,
      ...(rule.retryPolicy === undefined ? {} : { retry_policy: rule.retryPolicy }),
      ...(rule.timeoutMs === undefined ? {} : { timeout_ms: rule.timeoutMs, max_concurrency: 32 }),
    });
    scenarios.set(saved.lab_integration_id, rule.scenario);
  }
  await revokeFormer(client, ['Demo lab system', 'Demo third party', OLDER_NAME, WORKER_KEY]);
  const { key } = await client.call('createAccessKey', {
    kind: 'inbound',
    name: 'Demo lab system',
    lab_ids: DEMO_LABS.map(({ lab_id }) => lab_id),
  });
  const thirdParty = await client.call('createAccessKey', {
    kind: 'inbound',
    name: 'Demo third party',
    lab_ids: DEMO_LABS.map(({ lab_id }) => lab_id),
    routes: ['/appointmentConfirmAPI/'],
  });
  const internal = await client.call('createAccessKey', { kind: 'internal', name: OLDER_NAME });
  const operator = await client.call('createAccessKey', {
    kind: 'user',
    role: 'operator',
    name: WORKER_KEY,
  });
  return {
    scenarios,
    inboundKey: key,
    thirdPartyKey: thirdParty.key,
    internalKey: internal.key,
    workerKey: operator.key,
  };
}

/** Keys of a run before on the same data folder: nobody has them any more, and people's names are unique. */
async function revokeFormer(client: EngineClient, names: readonly string[]): Promise<void> {
  const { items } = await client.call('listAccessKeys', {});
  for (const { name, access_key_id } of items) {
    if (names.includes(name)) await client.call('revokeAccessKey', { access_key_id });
  }
}

/**
 * Corrects the addresses of the rules whose endpoints could not be reached.
 * @returns their ids
 */
export async function mend(
  client: EngineClient,
  partner: PartnerGreeting,
  { scenarios }: Configured,
): Promise<number[]> {
  const mended: number[] = [];
  for (const [lab_integration_id, scenario] of scenarios) {
    const to = DEMO_RULES.find((rule) => rule.scenario === scenario)?.mendedTo;
    if (to === undefined) continue;
    const end_point = `${partner.url}${to}`;
    await client.call('addUpdateWebhookIntegration', { lab_integration_id, end_point });
    mended.push(lab_integration_id);
  }
  return mended;
}

/** Ids of the action categories by code, the demo's own among them. */
async function categoryIds(client: EngineClient): Promise<Map<string, number>> {
  const { items } = await client.call('getActionCategoryList', {});
  const ids = new Map(
    items.map(({ code, action_category_list_id }) => [code, action_category_list_id]),
  );
  for (const [code, name] of [
    [HOME_VISIT, 'Home visit booked'],
    [NIGHT_RESULT, 'Result of the night'],
  ] as const) {
    if (ids.has(code)) continue;
    const own = await client.call('addUpdateActionCategory', { code, name });
    ids.set(code, own.action_category_list_id);
  }
  return ids;
}

/** The authentications that rules need, each made once per owner. */
class Authentications {
  private readonly client: EngineClient;
  private readonly credentials: PartnerCredentials;
  private readonly made = new Map<string, number>();

  constructor(client: EngineClient, credentials: PartnerCredentials) {
    this.client = client;
    this.credentials = credentials;
  }

  /** Null for a rule that needs none. */
  async idFor({ authentication, signing, owner }: DemoRule): Promise<number | null> {
    if (authentication === 'none' && !signing) return null;
    const what = authentication === 'none' ? 'signing' : authentication;
    const who = 'lab_id' in owner ? `lab ${owner.lab_id}` : `organization ${owner.organization_id}`;
    const name = `Demo partner, ${what} (${who})`;
    const made = this.made.get(name);
    if (made !== undefined) return made;
    const { items } = await this.client.call('getDeveloperAuthentication', owner);
    const existing = items.find((item) => item.name === name);
    const saved = await this.client.call('addUpdateDeveloperAuthentication', {
      ...(existing === undefined
        ? {}
        : { developer_authentication_id: existing.developer_authentication_id }),
      ...owner,
      name,
      ...this.keysOf(authentication),
    });
    this.made.set(name, saved.developer_authentication_id);
    return saved.developer_authentication_id;
  }

  private keysOf(authentication: DemoAuthentication): Pick<AuthenticationInput, 'kind' | 'keys'> {
    const { username, password, bearer_token, api_key, signing_secret } = this.credentials;
    switch (authentication) {
      case 'none':
        return { kind: 'none', keys: { signing_secret } };
      case 'basic':
        return { kind: 'basic', keys: { username, password } };
      case 'bearer':
        return { kind: 'bearer', keys: { token: bearer_token } };
      case 'api_key':
        return { kind: 'api_key', keys: { header: API_KEY_HEADER, value: api_key } };
      case 'expired':
        return { kind: 'bearer', keys: { token: 'issued-last-year-and-expired-since' } };
    }
  }
}
