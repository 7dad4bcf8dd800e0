import { type BenchProcess, startRole } from './line-rpc.ts';
import { round, median } from './figures.ts';
import type { Load } from './loader.ts';

/** Requests in flight, and slots of the engine, in every arm. */
const CONCURRENCY = 64;

/** What `bench dispatch` was asked for. */
export interface DispatchBenchOptions {
  entry: string;
  /** Deliveries of one arm over all rounds. */
  deliveries: number;
  rounds: number;
  warmUp: number;
  progress: (text: string) => void;
}

/** Deliveries a second of each arm, round by round. */
interface Arms {
  bare: number[];
  passThrough: number[];
  live: number[];
  drain: number[];
}

/** One arm: sends `count` deliveries and answers when the receiver has all of them. */
type Arm = (count: number, prefix: string) => Promise<{ seconds: number }>;

/**
 * `bench dispatch`: what LabRelay's honesty costs, as ratios of arms that run interleaved on the same
 * machine: a bare undici loop, a pass-through that keeps nothing, the live way (event over HTTP,
 * committed, dispatched, reported) and the draining of a queue. See docs/benchmarks.md.
 */
export async function benchDispatch(options: DispatchBenchOptions) {
  const { entry, progress } = options;
  const processes: BenchProcess[] = [];
  const start = (role: string): BenchProcess => {
    const started = startRole(entry, role);
    processes.push(started);
    return started;
  };
  try {
    const [receiver, loader, passing, engine] = [
      start('receiver'),
      start('loader'),
      start('pass-through'),
      start('engine'),
    ];
    const origin = `http://127.0.0.1:${await receiver.call<number>('port')}`;
    const target = { endPoint: `${origin}/deliveries`, concurrency: CONCURRENCY };
    const pass = await passing.call<{ url: string; key: string }>('open', target);
    const live = await engine.call<{ url: string; key: string }>('open', target);

    const load = (more: Pick<Load, 'origin' | 'path' | 'kind' | 'key' | 'count' | 'prefix'>) =>
      loader.call<{ failed: number }>('run', { ...more, concurrency: CONCURRENCY });
    const events = (at: { url: string; key: string }, count: number, prefix: string) =>
      load({ origin: at.url, path: '/billing/', kind: 'event', key: at.key, count, prefix });
    /** Times a run until the receiver has seen every id, and checks that it has seen no other. */
    const timed = async (count: number, run: () => Promise<{ failed: number } | void>) => {
      await receiver.call('reset');
      const started = performance.now();
      const [result, seen] = await Promise.all([
        run(),
        receiver.call<{ requests: number; unique: number }>('wait', { count }),
      ]);
      const seconds = (performance.now() - started) / 1_000;
      const failed = result?.failed ?? 0;
      if (failed > 0 || seen.unique !== count || seen.requests !== count) {
        throw new Error(
          `an arm failed: ${failed} refused, ${seen.requests} requests, ${seen.unique} ids of ${count}`,
        );
      }
      return { seconds };
    };

    let cpuUs = 0;
    let liveCount = 0;
    const arms: Record<keyof Arms, Arm> = {
      bare: (count, prefix) =>
        timed(count, () =>
          load({ origin, path: '/deliveries', kind: 'bare', key: null, count, prefix }),
        ),
      passThrough: (count, prefix) => timed(count, () => events(pass, count, prefix)),
      live: async (count, prefix) => {
        const before = await engine.call<number>('settledSoFar');
        const used = await engine.call<{ cpuUs: number }>('usage');
        const result = await timed(count, async () => {
          const sent = await events(live, count, prefix);
          await engine.call('settled', { count: before + count });
          return sent;
        });
        cpuUs += (await engine.call<{ cpuUs: number }>('usage')).cpuUs - used.cpuUs;
        liveCount += count;
        return result;
      },
      drain: async (count, prefix) => {
        const before = await engine.call<number>('settledSoFar');
        await engine.call('fill', { count, prefix });
        return timed(count, () => engine.call<void>('drain', { count: before + count }));
      },
    };

    const names = Object.keys(arms) as (keyof Arms)[];
    for (const name of names) {
      progress(`warming up ${name}`);
      await arms[name](options.warmUp, `warm-${name}`);
    }
    cpuUs = 0;
    liveCount = 0;
    const perSecond: Arms = { bare: [], passThrough: [], live: [], drain: [] };
    const perRound = Math.ceil(options.deliveries / options.rounds);
    for (let index = 0; index < options.rounds; index++) {
      // Each round begins with another arm, so that no arm always has the coolest machine.
      for (let turn = 0; turn < names.length; turn++) {
        const name = names[(turn + index) % names.length] as keyof Arms;
        const { seconds } = await arms[name](perRound, `round-${index}-${name}`);
        perSecond[name].push(perRound / seconds);
        progress(`round ${index + 1}: ${name} ${Math.round(perRound / seconds)}/s`);
      }
    }
    const { peakRssMib } = await engine.call<{ peakRssMib: number }>('usage');
    return summary(perSecond, options, perRound, cpuUs / liveCount, peakRssMib);
  } finally {
    await Promise.all(processes.map((one) => one.stop()));
  }
}

function summary(
  arms: Arms,
  options: DispatchBenchOptions,
  perRound: number,
  cpuUsPerDelivery: number,
  peakRssMib: number,
) {
  const bare = median(arms.bare);
  const passThrough = median(arms.passThrough);
  const live = median(arms.live);
  const drain = median(arms.drain);
  return {
    bare_per_s: round(bare),
    pass_through_per_s: round(passThrough),
    drain_per_s: round(drain),
    drain_ratio: ratio(arms.drain, arms.bare),
    live_per_s: round(live),
    live_ratio: ratio(arms.live, arms.passThrough),
    live_bare_ratio: ratio(arms.live, arms.bare),
    cpu_us_per_delivery: round(cpuUsPerDelivery),
    peak_rss_mib: round(peakRssMib),
    n: perRound * options.rounds,
    rounds: options.rounds,
    warm_up: options.warmUp,
    arms: {
      bare_per_s: arms.bare.map((value) => round(value)),
      pass_through_per_s: arms.passThrough.map((value) => round(value)),
      live_per_s: arms.live.map((value) => round(value)),
      drain_per_s: arms.drain.map((value) => round(value)),
    },
  };
}

/** The median of the rounds' ratios: both arms of a pair ran within seconds of each other. */
function ratio(arm: readonly number[], yardstick: readonly number[]): number {
  return round(median(arm.map((value, index) => value / (yardstick[index] ?? Number.NaN))), 3);
}
