import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EngineClient } from '../client.ts';
import type { CommandIo } from '../output.ts';
import type { StopSignal } from '../signals.ts';
import { announce, firstAct, openStage, trickle } from './acts.ts';
import type { Companion } from './processes.ts';

/** `--once` must end within 40 s; what is left of them is for stopping what was started. */
const GIVE_UP_MS = 32_000;

export interface DemoOptions {
  once: boolean;
  events: number;
  json: boolean;
  port: number;
  /** Null: a temporary folder, removed at the end. */
  dataFolder: string | null;
  /** The command line's script, with which companions are started. */
  entry: string;
}

/** What lives as long as the demo, and when it is over. */
export interface Life {
  /** Aborts with the reason why the demo must end early. */
  signal: AbortSignal;
  startedAt: number;
  dataFolder: string;
  /** Hands over a process that is to be stopped at the end, and whose death ends the demo. */
  keep(companion: Companion): void;
  keepClient(client: EngineClient): EngineClient;
}

/** The wish of whoever runs the demo to end it. */
class Interrupted extends Error {}

/**
 * Runs the demo: engine and partner in processes of their own, configured and fed through the
 * engine's HTTP API only. Whatever happens, nothing is left running and no temporary folder stays.
 *
 * @returns the exit code
 */
export async function runDemo(
  options: DemoOptions,
  io: CommandIo,
  stop: StopSignal,
): Promise<number> {
  const over = new AbortController();
  const companions: Companion[] = [];
  const clients: EngineClient[] = [];
  const isTemporary = options.dataFolder === null;
  const life: Life = {
    signal: over.signal,
    startedAt: Date.now(),
    dataFolder: options.dataFolder ?? (await mkdtemp(join(tmpdir(), 'labrelay-demo-'))),
    keep: (companion) => {
      companions.push(companion);
      companion.died.catch((reason: unknown) => over.abort(reason));
    },
    keepClient: (client) => {
      clients.push(client);
      return client;
    },
  };
  const endedEarly = new Promise<never>((_, reject) => {
    over.signal.addEventListener('abort', () => reject(over.signal.reason as Error));
  });
  void stop.asked.then(() => over.abort(new Interrupted('The demo was interrupted.')));
  const giveUp = setTimeout(() => {
    if (options.once)
      over.abort(new Error(`The demo was not done within ${GIVE_UP_MS / 1_000} s.`));
  }, GIVE_UP_MS);

  const work = perform(options, io, life);
  try {
    return await Promise.race([work, endedEarly]);
  } catch (error) {
    // Ctrl-C is how a lasting demo is meant to end.
    if (error instanceof Interrupted && !options.once) return 0;
    throw error;
  } finally {
    clearTimeout(giveUp);
    over.abort();
    await Promise.all(clients.map((client) => client.close()));
    await Promise.allSettled([work]);
    // Started last, stopped first: the worker gives back what it has leased, and what the engine
    // drains still finds the partner.
    for (const companion of companions.toReversed()) await companion.stop();
    if (isTemporary) await rm(life.dataFolder, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function perform(options: DemoOptions, io: CommandIo, life: Life): Promise<number> {
  const stage = await openStage(options, io, life);
  const isOk = await firstAct(options, io, life, stage);
  if (options.once) return isOk ? 0 : 1;
  announce(options, io, stage);
  await trickle(options, life, stage);
  return 0;
}
