import { ManualRetries, type RetryWish } from '../../../src/main/engine/retry/manual.ts';
import type { Rebuilt } from '../../../src/main/engine/payload/rebuild.ts';
import { sha256 } from '../../../src/main/engine/intake/canonical.ts';
import type { LabIntegration } from '../../../src/shared/model/configuration.ts';
import { openLocalStore } from '../../store/local-store.ts';
import type { LocalStore } from '../../store/retrying.ts';
import { configure, RULE } from '../../store/samples.ts';

/** A retry of what is built anew, without a reason. */
export const WISH: RetryWish = {
  body: { kind: 'FRESH', configVersion: null },
  reason: null,
  acceptsDuplicates: false,
};

/** The room of retries by hand over a real store; bodies are built as a test says. */
export interface Room {
  store: LocalStore;
  retries: ManualRetries;
  rule: LabIntegration;
  /** What a body is built to now; null: as it was sent first. */
  builds: { body: string | null; fails: Extract<Rebuilt, { outcome: 'FAILED' }> | null };
  /** Categories of which bodies were built. */
  built: string[];
  /** How often the dispatcher was woken. */
  woken: () => number;
}

/** The body that every log of these tests is born with; its hash there is x. */
const FIRST_BODY = '{"a":1}';

export async function room(): Promise<Room> {
  const store = openLocalStore();
  const labIntegrationId = await configure(store, { isRetryEnabled: false, onUnknown: 'skip' });
  const rule: LabIntegration = {
    ...RULE,
    labIntegrationId,
    version: 1,
    createdAt: 1,
    updatedAt: 1,
  };
  const builds: Room['builds'] = { body: null, fails: null };
  const built: string[] = [];
  let woken = 0;
  const retries = new ManualRetries({
    store,
    configuration: {
      integration: (id) => (id === labIntegrationId ? rule : undefined),
      authentication: () => undefined,
      actionCategoryById: (id) =>
        id === 1
          ? {
              actionCategoryListId: 1,
              code: 'BILL_GENERATED_NOW',
              name: 'Bills',
              isBuiltIn: false,
              isActive: true,
            }
          : undefined,
    },
    rebuild: async ({ actionCategory }) => {
      built.push(actionCategory);
      if (builds.fails) return builds.fails;
      const body = builds.body ?? FIRST_BODY;
      return {
        outcome: 'CHANGED',
        revision: {
          body,
          contentType: 'application/json',
          sha256: body === FIRST_BODY ? 'x' : sha256(body),
          configVersion: rule.version,
          objectsFrom: 'LOCAL',
          fallback: null,
        },
      };
    },
    versionOf: async () => null,
    clock: () => 10_000,
    onQueued: () => {
      woken++;
    },
    onWentOn: () => {},
  });
  return { store, retries, rule, builds, built, woken: () => woken };
}
