import type { ConfigurationSnapshot } from '../../../shared/model/configuration.ts';
import { LoadedConfiguration } from '../../engine/configuration/loaded.ts';
import { ConfigurationMemory } from '../../engine/configuration/memory.ts';
import type { Vault } from '../../engine/configuration/vault.ts';
import { testConnection } from '../../engine/dispatch/connection-test.ts';
import { CredentialSource } from '../../engine/dispatch/credentials.ts';
import { HttpTransport } from '../../engine/dispatch/http-transport.ts';
import { TargetGuard } from '../../engine/targets/guard.ts';
import type { EngineClient } from '../client.ts';
import { plain } from '../plain.ts';
import { type Finding, ok, problem } from './finding.ts';

/** Tests at a time: partners and this machine's name server are not to be flooded. */
const AT_A_TIME = 8;
/** Milliseconds after which a test counts as failed, e.g. where a name server does not answer. */
const PATIENCE_MS = 20_000;

/** One active rule, and the way to test the way to its partner without sending anything. */
export interface EndpointTest {
  labIntegrationId: number;
  name: string;
  test: () => Promise<{ ok: boolean; steps: { name: string; ok: boolean; detail: string }[] }>;
}

/** Active rules of a running engine, tested by it: from where its deliveries start. */
export async function testsOfEngine(client: EngineClient): Promise<EndpointTest[]> {
  const { items } = await client.call('listLabIntegrations', { is_active: true });
  return items.map(({ lab_integration_id, name }) => ({
    labIntegrationId: lab_integration_id,
    name,
    test: () => client.call('testIntegration', { lab_integration_id }),
  }));
}

/** Active rules as they are stored, tested from here by the same steps. */
export function testsOfStore(snapshot: ConfigurationSnapshot, vault: Vault): EndpointTest[] {
  const configuration = new StoredConfiguration(snapshot, vault);
  const targets = new TargetGuard();
  return snapshot.labIntegrations
    .filter(({ isActive }) => isActive)
    .map(({ labIntegrationId, name }) => ({
      labIntegrationId,
      name,
      test: async () => {
        // Nothing is sent to a partner; a rule with OAuth 2 asks for a token.
        const transport = new HttpTransport(
          () => performance.now(),
          () => undefined,
          targets,
        );
        const credentials = new CredentialSource({ configuration, transport, clock: Date.now });
        const deps = { configuration, transport, credentials, targets, clock: Date.now };
        try {
          return await testConnection(deps, labIntegrationId, null);
        } finally {
          await transport.close();
        }
      },
    }));
}

/** Tests each, a few at a time. */
export async function checkEndpoints(
  tests: readonly EndpointTest[],
  patienceMs = PATIENCE_MS,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  const waiting = [...tests.entries()];
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const [place, test] = next;
      findings[place] = await findingOf(test, patienceMs);
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, work));
  return findings;
}

async function findingOf(
  { labIntegrationId, name, test }: EndpointTest,
  patienceMs: number,
): Promise<Finding> {
  const what = `integration ${labIntegrationId}`;
  const patience = Promise.withResolvers<null>();
  const timer = setTimeout(() => patience.resolve(null), patienceMs);
  try {
    const result = await Promise.race([test(), patience.promise]);
    const failed = result?.steps.find((step) => !step.ok);
    if (result?.ok) return ok(what, `the way to the partner of "${plain(name)}" is open`);
    const words = failed ? `${failed.name}: ${plain(failed.detail)}` : 'no answer in time';
    return problem(what, `"${plain(name)}" fails at ${words}`, cureOf(failed?.name));
  } catch (error) {
    const words = error instanceof Error ? error.message : 'unknown error';
    return problem(what, `"${plain(name)}" cannot be tested: ${plain(words)}`, cureOf(undefined));
  } finally {
    clearTimeout(timer);
  }
}

function cureOf(step: string | undefined): string {
  switch (step) {
    case 'configuration':
    case 'credentials':
      return 'correct the rule (addUpdateWebhookIntegration) or its credentials (addUpdateDeveloperAuthentication)';
    case 'dns':
      return "check the name in end_point, and this machine's name server";
    case 'connect':
      return 'check address and port in end_point, the firewall, and whether the partner is up';
    case 'tls':
      return "check the partner's certificate; one of an own authority goes into the rule's tls.ca";
    default:
      return 'try testIntegration in the console';
  }
}

/** The stored configuration in memory, for asking only. */
class StoredConfiguration extends LoadedConfiguration {
  constructor(snapshot: ConfigurationSnapshot, vault: Vault) {
    super(vault);
    this.loaded = new ConfigurationMemory(snapshot);
  }
}
