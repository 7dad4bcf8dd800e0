import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NEW_INTEGRATION } from '../../../shared/model/integration-defaults.ts';
import { EVERY_LOG, type LogSearch } from '../../../shared/model/search.ts';
import { seedStore } from '../../store/seed.ts';
import { openStore, type Store, storeFile } from '../../store/store.ts';
import { quantile, round } from './figures.ts';
import { pastDeliveries, WORDS } from './past-deliveries.ts';

const INTEGRATIONS = 5;
const ROUNDS = 3;
const SAMPLES_PER_ROUND = 300;
const WARM_UP = 50;

/**
 * `bench lookup`: how long an operator waits for a log by its id, for a page of fifty, and for a
 * word search, in a store with many rows; measured at the engine's side of the store, thread
 * crossing included.
 */
export async function benchLookup(options: { rows: number; progress: (text: string) => void }) {
  const dataDir = await mkdtemp(join(tmpdir(), 'labrelay-bench-'));
  try {
    const { rows, progress } = options;
    const integrations = await prepare(dataDir);
    const ids: string[] = [];
    const now = Date.now();
    seedStore(
      storeFile(dataDir),
      pastDeliveries(rows, integrations, now, (logId) => ids.push(logId)),
      (written) => {
        if (written % 100_000 === 0 || written === rows) progress(`${written} rows written`);
      },
    );
    const store = await openStore({ dataDir });
    try {
      return await measure(store, ids, integrations, now, progress);
    } finally {
      await store.close();
    }
  } finally {
    await rm(dataDir, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** A migrated store with a lab and its rules. @returns the rules' ids */
async function prepare(dataDir: string): Promise<number[]> {
  const store = await openStore({ dataDir });
  try {
    await store.configuration.saveLab({
      labId: 1,
      name: 'Benchmark',
      organizationId: null,
      timeZone: 'UTC',
      isActive: true,
      domainSource: null,
    });
    const ids: number[] = [];
    for (let index = 1; index <= INTEGRATIONS; index++) {
      const saved = await store.configuration.saveLabIntegration({
        labIntegrationId: null,
        expectedVersion: null,
        settings: {
          ...NEW_INTEGRATION,
          labId: 1,
          organizationId: null,
          actionCategoryListId: 1,
          developerAuthenticationId: null,
          name: `Rule ${index}`,
          transport: 'http',
          endPoint: 'http://partner.example/bills',
          maxConcurrency: 1_000_000,
        },
        changedBy: 'benchmark',
        now: 0,
      });
      if (saved.outcome !== 'SAVED') throw new Error(saved.outcome);
      ids.push(saved.row.labIntegrationId);
    }
    return ids;
  } finally {
    await store.close();
  }
}

async function measure(
  store: Store,
  ids: readonly string[],
  integrations: readonly number[],
  now: number,
  progress: (text: string) => void,
) {
  const any = <T>(from: readonly T[]): T => from[Math.floor(Math.random() * from.length)] as T;
  const someDay = () => now - Math.floor(Math.random() * 89) * 86_400_000;
  const arms: Record<'get_log_ms' | 'page_ms' | 'text_ms', () => Promise<unknown>> = {
    get_log_ms: () => store.getLog(any(ids)),
    // What an operator's list asks for: the newest, of one rule, the failures, before some day.
    page_ms: () =>
      store.searchLogs(
        any<LogSearch>([
          EVERY_LOG,
          { ...EVERY_LOG, labIntegrationId: any(integrations) },
          { ...EVERY_LOG, status: ['FAIL'] },
          { ...EVERY_LOG, to: someDay() },
          { ...EVERY_LOG, status: ['FAIL'], labIntegrationId: any(integrations), to: someDay() },
        ]),
      ),
    text_ms: () => store.searchLogs({ ...EVERY_LOG, text: any(WORDS) }),
  };
  const names = Object.keys(arms) as (keyof typeof arms)[];
  const samples = { get_log_ms: [] as number[], page_ms: [] as number[], text_ms: [] as number[] };
  for (const name of names) for (let i = 0; i < WARM_UP; i++) await arms[name]();
  for (let index = 0; index < ROUNDS; index++) {
    for (const name of names) {
      for (let i = 0; i < SAMPLES_PER_ROUND; i++) {
        const started = performance.now();
        await arms[name]();
        samples[name].push(performance.now() - started);
      }
    }
    progress(`round ${index + 1} done`);
  }
  const figures = (values: readonly number[]) => ({
    p50: round(quantile(values, 0.5), 3),
    p99: round(quantile(values, 0.99), 3),
  });
  return {
    rows: ids.length,
    get_log_ms: figures(samples.get_log_ms),
    page_ms: figures(samples.page_ms),
    text_ms: figures(samples.text_ms),
    n: ROUNDS * SAMPLES_PER_ROUND,
    rounds: ROUNDS,
  };
}
