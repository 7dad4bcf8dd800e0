import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { hostConfig } from '../../config.ts';
import { type Host, openHost } from '../../host.ts';
import { configureForBench } from './configure.ts';
import { serveLines } from './line-rpc.ts';
import { billEvent } from './messages.ts';
import { markMemory, peakMemory } from './peak-memory.ts';

/** How often the count of settled deliveries is looked at (ms). */
const LOOK_MS = 2;

/** The whole engine with its server, as `serve` runs it, in a process of its own. */
export async function engineRole(): Promise<void> {
  const dataFolder = await mkdtemp(join(tmpdir(), 'labrelay-bench-'));
  let host: Host | null = null;
  const opened = (): Host => {
    if (!host) throw new Error('the engine is not open');
    return host;
  };
  const settled = (): number => opened().engine.attempts.reduce((sum, { count }) => sum + count, 0);
  const settledReaches = async (count: number): Promise<void> => {
    while (settled() < count) await pause(LOOK_MS);
  };

  await serveLines(
    {
      open: async ({ endPoint, concurrency }: { endPoint: string; concurrency: number }) => {
        host = await openHost(hostConfig({ data: dataFolder, port: '0' }, {}));
        const { key } = await configureForBench(host.engine, endPoint, concurrency);
        return { url: host.url, key };
      },
      /** Resolves when so many deliveries more have been settled since `from`. */
      settled: async ({ count }: { count: number }) => settledReaches(count),
      settledSoFar: () => settled(),
      /** Queues bills while nothing is dispatched. */
      fill: async ({ count, prefix }: { count: number; prefix: string }) => {
        const { engine } = opened();
        await engine.dispatcher.stop();
        let next = 0;
        const one = async (): Promise<void> => {
          while (next < count) {
            const body: unknown = JSON.parse(billEvent(1, `${prefix}-${next++}`));
            await engine.intake.accept('/billing/', body, {
              accessKeyId: null,
              labIds: null,
              idempotencyKey: null,
            });
          }
        };
        await Promise.all(Array.from({ length: 64 }, one));
      },
      /** Dispatches what is queued until so many have been settled. */
      drain: async ({ count }: { count: number }) => {
        await opened().engine.dispatcher.start();
        await settledReaches(count);
      },
      memory: () => process.memoryUsage(),
      /** Marks the moment from which `peakMemory` tells the largest resident set; MiB, both. */
      markMemory: () => markMemory(),
      peakMemory: () => peakMemory(),
      usage: () => {
        const { user, system } = process.cpuUsage();
        return { cpuUs: user + system, peakRssMib: process.resourceUsage().maxRSS / 1_024 };
      },
    },
    async () => {
      await host?.close();
      await rm(dataFolder, { recursive: true, force: true, maxRetries: 5 });
    },
  );
}
