import type { BulkAnswer } from './bulk-loader.ts';
import { median, round } from './figures.ts';
import { type BenchProcess, startRole } from './line-rpc.ts';
import { badPlaces, BODY_BYTES } from './messages.ts';

/** Slots of the engine. */
const CONCURRENCY = 64;

/** A call of full size, MiB. */
const LARGE_MIB = 50;
const BAD_RECORDS = 10;

/** What `bench bulk` was asked for. */
export interface BulkBenchOptions {
  entry: string;
  /** Records of one call, the bad ones included. */
  records: number;
  rounds: number;
  progress: (text: string) => void;
}

interface Round {
  answerMs: number;
  plainMs: number;
  growthMib: number;
  statWaitMs: number;
  stats: number;
}

/**
 * `bench bulk`: what one call with many records costs, against the same log-and-task rows in one
 * plain transaction; how much memory it takes; and how long STAT events that are posted meanwhile
 * wait for their acknowledgement. A run whose deliveries are not all made, once each, or whose bad
 * records are not all named, fails. See docs/benchmarks.md.
 */
export async function benchBulk(options: BulkBenchOptions) {
  const { entry, records, rounds, progress } = options;
  const processes: BenchProcess[] = [];
  const start = (role: string): BenchProcess => {
    const started = startRole(entry, role);
    processes.push(started);
    return started;
  };
  try {
    const [receiver, loader, poster, plain, engine] = [
      start('receiver'),
      start('bulk-loader'),
      start('bulk-loader'),
      start('plain-insert'),
      start('engine'),
    ];
    const endPoint = `http://127.0.0.1:${await receiver.call<number>('port')}/deliveries`;
    const { url, key } = await engine.call<{ url: string; key: string }>('open', {
      endPoint,
      concurrency: CONCURRENCY,
    });
    await plain.call('open');

    const bad = Math.min(BAD_RECORDS, Math.floor(records / 100));
    /** One call with STAT events beside it, until the receiver has everything. */
    const bulk = async (count: number, recordBytes: number, prefix: string) => {
      await receiver.call('reset');
      const settledBefore = await engine.call<number>('settledSoFar');
      const before = await engine.call<number>('markMemory');
      await poster.call('startStats', { origin: url, key, prefix });
      const call = { origin: url, key, records: count, bad, recordBytes, prefix };
      const answer = await loader.call<BulkAnswer>('post', call);
      const stats = await poster.call<{ longestMs: number; count: number }>('stopStats');
      const good = count - bad;
      if (
        answer.accepted !== good ||
        answer.logIds !== good ||
        String(answer.rejected) !== String(badPlaces(call))
      ) {
        throw new Error(
          `of ${good} good and ${bad} bad records ${answer.accepted} were taken (${answer.logIds} logs) and ${answer.rejected.length} named`,
        );
      }
      const deliveries = good + stats.count;
      const seen = await receiver.call<{ requests: number; unique: number }>('wait', {
        count: deliveries,
      });
      await engine.call('settled', { count: settledBefore + deliveries });
      if (seen.unique !== deliveries || seen.requests !== deliveries) {
        throw new Error(`${seen.requests} requests, ${seen.unique} ids of ${deliveries}`);
      }
      const growthMib = (await engine.call<number>('peakMemory')) - before;
      return { answer, stats, growthMib };
    };

    progress('warming up');
    await bulk(Math.max(1, Math.floor(records / 2)), BODY_BYTES, 'warm');
    await plain.call('insert', { count: records, recordBytes: BODY_BYTES, prefix: 'warm' });

    const measured: Round[] = [];
    for (let index = 0; index < rounds; index++) {
      const prefix = `round-${index}`;
      const insert = () =>
        plain.call<number>('insert', { count: records - bad, recordBytes: BODY_BYTES, prefix });
      // Every other round begins with the yardstick, so that neither always has the cooler machine.
      const early = index % 2 === 1 ? await insert() : null;
      const { answer, stats, growthMib } = await bulk(records, BODY_BYTES, prefix);
      const plainMs = early ?? (await insert());
      progress(
        `round ${index + 1}: answered in ${round(answer.answerMs)} ms, plain ${round(plainMs)} ms, STAT waited ${round(stats.longestMs)} ms at most`,
      );
      const { answerMs } = answer;
      const statWaitMs = stats.longestMs;
      measured.push({ answerMs, plainMs, growthMib, statWaitMs, stats: stats.count });
    }

    progress(`one call of ${LARGE_MIB} MiB`);
    const recordBytes = Math.floor((LARGE_MIB * 1_024 * 1_024 - 1_024) / records) - 1;
    const large = await bulk(records, Math.min(recordBytes, 8 * BODY_BYTES), 'large');
    return summary(measured, options, large);
  } finally {
    await Promise.all(processes.map((one) => one.stop()));
  }
}

function summary(
  measured: readonly Round[],
  { records, rounds }: BulkBenchOptions,
  large: { answer: BulkAnswer; stats: { longestMs: number }; growthMib: number },
) {
  return {
    answer_ms: round(median(measured.map(({ answerMs }) => answerMs))),
    plain_insert_ms: round(median(measured.map(({ plainMs }) => plainMs))),
    insert_ratio: round(median(measured.map(({ answerMs, plainMs }) => answerMs / plainMs)), 2),
    peak_rss_growth_mib: round(Math.max(...measured.map(({ growthMib }) => growthMib))),
    longest_stat_wait_ms: round(Math.max(...measured.map(({ statWaitMs }) => statWaitMs))),
    large_call: {
      bytes: large.answer.bytes,
      answer_ms: round(large.answer.answerMs),
      peak_rss_growth_mib: round(large.growthMib),
      longest_stat_wait_ms: round(large.stats.longestMs),
    },
    n: records,
    rounds,
    arms: {
      answer_ms: measured.map(({ answerMs }) => round(answerMs)),
      plain_insert_ms: measured.map(({ plainMs }) => round(plainMs)),
      peak_rss_growth_mib: measured.map(({ growthMib }) => round(growthMib)),
      longest_stat_wait_ms: measured.map(({ statWaitMs }) => round(statWaitMs)),
      stat_events: measured.map(({ stats }) => stats),
    },
  };
}
