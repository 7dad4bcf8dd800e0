import { setTimeout as pause } from 'node:timers/promises';
import { median, quantile, round } from './figures.ts';
import { type BenchProcess, startRole } from './line-rpc.ts';
import type { RetryEngine } from './retry-engine-role.ts';

/** How long an engine that has just been opened is left to settle down (ms). */
const SETTLE_MS = 1_500;
/** How long what is due may take until all of it has arrived, after the last is due (ms). */
const LATEST_MS = 10_000;

/** What `bench retry` was asked for. */
export interface RetryBenchOptions {
  entry: string;
  /** Retries that are scheduled for another day. */
  scheduled: number;
  /** Retries that fall due while it runs. */
  due: number;
  rounds: number;
  /** One round of idling (ms). */
  idle: number;
  progress: (text: string) => void;
}

interface Usage {
  cpuUs: number;
  at: number;
}

/**
 * `bench retry`: what waiting retries cost, and how punctual they are. Two engines idle side by side,
 * one with nothing scheduled and one with very many retries; then some of the second fall due, evenly,
 * while the others wait. See docs/benchmarks.md.
 */
export async function benchRetry(options: RetryBenchOptions) {
  const { entry, progress, scheduled, due, rounds, idle } = options;
  const processes: BenchProcess[] = [];
  const start = (role: string): BenchProcess => {
    const started = startRole(entry, role);
    processes.push(started);
    return started;
  };
  try {
    const [receiver, none, many] = [
      start('receiver'),
      start('retry-engine'),
      start('retry-engine'),
    ];
    const endPoint = `http://127.0.0.1:${await receiver.call<number>('port')}/deliveries`;
    const over = rounds * idle;
    const open = (engine: BenchProcess, more: Omit<RetryEngine, 'endPoint' | 'over'>) =>
      engine.call<{ firstIn: number }>('open', { endPoint, over, ...more });
    progress(`scheduling ${scheduled} retries`);
    await open(none, { scheduled: 0, due: 0, firstIn: 0 });
    // Time to open it, to let it settle down and to measure it before the first is due.
    const firstIn = 2 * SETTLE_MS + rounds * idle + 3_000;
    const opened = await open(many, { scheduled, due, firstIn });
    const firstDue = performance.now() + opened.firstIn;

    await pause(SETTLE_MS);
    const percent = { none: [] as number[], many: [] as number[] };
    for (let index = 0; index < rounds; index++) {
      // Both at the same time: what disturbs the machine disturbs both.
      const [idleNone, idleMany] = await Promise.all([usedOver(none, idle), usedOver(many, idle)]);
      percent.none.push(idleNone);
      percent.many.push(idleMany);
      progress(
        `round ${index + 1}: idle ${round(idleMany, 2)} % of a core, ${round(idleNone, 2)} % with nothing scheduled`,
      );
    }
    if (performance.now() > firstDue) throw new Error('retries fell due while idling was measured');
    progress(`waiting for ${due} retries that fall due`);
    const late = pause(firstDue - performance.now() + over + LATEST_MS, null, { ref: false });
    const arrived = receiver.call<{ requests: number; unique: number }>('wait', { count: due });
    const seen = await Promise.race([arrived, late]);
    if (seen === null) throw new Error('not every retry that was due has arrived');
    if (seen.requests !== due) throw new Error(`${seen.requests} requests for ${due} retries`);
    const delays = await many.call<number[]>('delays');
    return {
      scheduled,
      idle_cpu_percent: round(median(percent.many), 2),
      idle_cpu_percent_none: round(median(percent.none), 2),
      start_delay_ms: {
        p50: round(quantile(delays, 0.5), 1),
        p99: round(quantile(delays, 0.99), 1),
      },
      n: due,
      rounds,
      arms: {
        idle_cpu_percent: percent.many.map((value) => round(value, 2)),
        idle_cpu_percent_none: percent.none.map((value) => round(value, 2)),
      },
    };
  } finally {
    await Promise.all(processes.map((one) => one.stop()));
  }
}

/** Processor time that an engine uses over a while, in per cent of a core. */
async function usedOver(engine: BenchProcess, ms: number): Promise<number> {
  const before = await engine.call<Usage>('usage');
  await pause(ms);
  const after = await engine.call<Usage>('usage');
  return (after.cpuUs - before.cpuUs) / ((after.at - before.at) * 10);
}
