import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hostConfig } from '../../config.ts';
import { type Host, openHost } from '../../host.ts';
import { seedStore } from '../../store/seed.ts';
import { storeFile } from '../../store/store.ts';
import { configureForBench } from './configure.ts';
import { farRetries, refusedForNow } from './future-retries.ts';
import { serveLines } from './line-rpc.ts';
import { billEvent } from './messages.ts';

/** The wait of the rule whose retries fall due (ms): behind now, so that no wait begins in the future. */
const DUE_WAIT_MS = 60_000;
/** The wait of the rule whose retries do not (ms). */
const FAR_WAIT_MS = 24 * 3_600_000;

/** What an engine is opened with. */
export interface RetryEngine {
  endPoint: string;
  /** Retries that are scheduled for another day. */
  scheduled: number;
  /** Retries that fall due, evenly from `firstIn` on over `over` (ms from when it is open). */
  due: number;
  firstIn: number;
  over: number;
}

/** An engine with retries scheduled, in a process of its own. */
export async function retryEngineRole(): Promise<void> {
  const dataFolder = await mkdtemp(join(tmpdir(), 'labrelay-bench-'));
  let host: Host | null = null;
  const opened = (): Host => {
    if (!host) throw new Error('the engine is not open');
    return host;
  };
  const open = async (): Promise<Host> =>
    (host = await openHost(hostConfig({ data: dataFolder, port: '0' }, {})));
  /** When each of them is due (epoch ms), by its log. */
  const dueAt = new Map<string, number>();

  await serveLines(
    {
      open: async (given: RetryEngine) => {
        const { engine } = await open();
        const { labIntegrationId } = await configureForBench(engine, given.endPoint, 64);
        const far = await engine.configuration.saveLabIntegration(
          {
            labId: 1,
            actionCategoryListId:
              engine.configuration.actionCategory('PAYMENT_RECEIVED')?.actionCategoryListId,
            name: 'Another day',
            transport: 'http',
            endPoint: given.endPoint,
            retryPolicy: { schedule: [FAR_WAIT_MS] },
            maxConcurrency: 1_000_000,
          },
          'benchmark',
        );
        await engine.configuration.saveLabIntegration(
          {
            labIntegrationId,
            retryPolicy: { schedule: [DUE_WAIT_MS], jitter: 0 },
            maxConcurrency: 1_000_000,
          },
          'benchmark',
        );
        await opened().close();
        const file = storeFile(dataFolder);
        seedStore(file, farRetries(given.scheduled, far.integration.labIntegrationId, Date.now()));
        const logIds = await queueBills(await open(), given.due);
        await opened().close();
        const first = Date.now() + given.firstIn;
        const due = logIds.map((logId, index) => {
          const at = first + Math.floor((index * given.over) / given.due);
          dueAt.set(logId, at);
          return { delivery: null, report: refusedForNow(logId, at - DUE_WAIT_MS) };
        });
        seedStore(file, due);
        await open();
        return { firstIn: first - Date.now() };
      },
      usage: () => {
        const { user, system } = process.cpuUsage();
        return { cpuUs: user + system, at: performance.now() };
      },
      /** How long after its time each retry that was due started (ms); fails where one has not. */
      delays: async () => {
        const { directory } = opened().engine;
        const delays: number[] = [];
        for (const [logId, at] of dueAt) {
          const log = await directory.getLog(logId);
          const retry = log.attempts[1];
          if (log.status !== 'SUCCESS' || !retry) throw new Error(`${logId} was not retried`);
          delays.push(retry.startedAt - at);
        }
        return delays;
      },
    },
    async () => {
      await host?.close();
      await rm(dataFolder, { recursive: true, force: true, maxRetries: 5 });
    },
  );
}

/**
 * Queues bills while nothing is dispatched: real events, since a retry builds its body anew from what
 * is kept of them.
 * @returns their deliveries
 */
async function queueBills({ engine }: Host, count: number): Promise<string[]> {
  await engine.dispatcher.stop();
  const logIds: string[] = [];
  for (let index = 0; index < count; index++) {
    const event: unknown = JSON.parse(billEvent(1, `due-${index}`));
    const caller = { accessKeyId: null, labIds: null, idempotencyKey: null };
    const { body } = await engine.intake.accept('/billing/', event, caller);
    logIds.push(...(body['log_ids'] as string[]));
  }
  return logIds;
}
