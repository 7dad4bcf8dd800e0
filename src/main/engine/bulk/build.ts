import { setTimeout as pause } from 'node:timers/promises';
import { LabRelayError } from '../../../shared/errors.ts';
import type { BatchEvent, BuildChunk, OpenBatch } from '../../../shared/model/batch.ts';
import type { ConfigurationLookup } from '../configuration/lookup.ts';
import type { FirstSight } from '../intake/first-sight.ts';
import { MAX_TRIES } from '../intake/intake.ts';
import type { KeyedQueue } from '../intake/keyed-queue.ts';
import { type BuiltChunk, buildChunk, type ChunkParts, type ChunkPlan } from './chunk.ts';
import type { KnownObjects } from './known-objects.ts';
import type { BuildPort } from './port.ts';
import { RecordChecks } from './records.ts';
import type { Turns } from './turns.ts';

/** Logs that one command writes at the most, unless a single record has more. */
const CHUNK_LOGS = 500;

export interface BuilderParts extends ChunkParts {
  store: BuildPort;
  configuration: ConfigurationLookup;
  /** Of all batches: the writer has two chunks at the most, so that a single event gets between. */
  turns: Turns;
  /** Shared with intake. */
  contended: KeyedQueue;
  firstSight: FirstSight;
}

/** What all chunks of a batch are built with. */
type Plan = Pick<ChunkPlan, 'batch' | 'checks' | 'eventIds'>;

/** Chunks that are under way at once: one is committed, and one waits for that in the writer. */
const AHEAD = 2;

/** What is being committed while others are built. */
interface Pending {
  chunk: BuiltChunk;
  /** The position up to which it was committed; less than its end where it met a conflict. */
  done: Promise<number>;
}

/**
 * Makes the records of a batch that has arrived into events, logs and tasks. While one chunk is
 * committed the next ones are built. A chunk whose objects others have changed meanwhile is done again
 * record by record, as single events are.
 */
export class BatchBuilder {
  readonly #parts: BuilderParts;
  #built = 0;

  constructor(parts: BuilderParts) {
    this.#parts = parts;
  }

  /** Records that have become events since the start. */
  get built(): number {
    return this.#built;
  }

  /**
   * Goes on with a batch until all of it is built.
   * @param isOver asked before each chunk; what is left is for the next start
   * @param isStuck it has failed at this place before, so the record at fault is found and rejected
   * @throws what the store throws; the batch stays as far as it came
   */
  async build(batch: OpenBatch, isOver: () => boolean, isStuck = false): Promise<void> {
    const checks = new RecordChecks(batch, this.#parts.configuration);
    const plan = { batch, checks, eventIds: new Map<string, number>() };
    const pending: Pending[] = [];
    let from = batch.built;
    if (isStuck) from = await this.#pastFault(plan, from, isOver);
    try {
      while (!isOver()) {
        const isLast = from >= batch.records;
        if (!isLast) {
          const known = pending.map(({ chunk }) => chunk.known);
          const next = await this.#next(plan, from, known);
          from = next.upTo;
          const done = this.#commit(batch, next);
          // A failure is met below.
          done.catch(() => {});
          pending.push({ chunk: next, done });
        }
        if (pending.length < AHEAD && !isLast) continue;
        const oldest = pending.shift();
        if (!oldest) return;
        const committed = await oldest.done;
        if (committed === oldest.chunk.upTo) continue;
        // What was built behind it is built on what is not so, and finds no place in the store.
        await Promise.all(pending.splice(0).map(({ done }) => done));
        from = oldest.chunk.upTo;
        await this.#carefully(plan, committed, from, isOver);
      }
    } finally {
      await Promise.allSettled(pending.map(({ done }) => done));
    }
  }

  /** Does the rest of a parcel record by record; one that cannot be built at all is rejected. */
  async #pastFault(plan: Plan, from: number, isOver: () => boolean): Promise<number> {
    const { batchSeq } = plan.batch;
    const parcel = await this.#parts.store.recordParcel({ batchSeq, from });
    const upTo = parcel ? parcel.position + parcel.records : from;
    for (let index = from; index < upTo && !isOver(); index++) {
      try {
        await this.#carefully(plan, index, index + 1, isOver);
      } catch (error) {
        if (error instanceof LabRelayError && error.code === 'STORE_UNAVAILABLE') throw error;
        await this.#reject(plan.batch, index, 'could not be made into deliveries; send it again');
      }
    }
    return upTo;
  }

  async #reject(batch: OpenBatch, index: number, reason: string): Promise<void> {
    const { store, turns } = this.#parts;
    const rejections = [{ index, field: '', reason }];
    const chunk = { ...partOf(batch, index, index + 1), events: [], rejections };
    await turns.run(() => store.buildBatch(chunk));
  }

  async #next(
    plan: Plan,
    from: number,
    before: readonly KnownObjects[],
    limit = Number.POSITIVE_INFINITY,
  ): Promise<BuiltChunk> {
    const { batch } = plan;
    const parcel = await this.#parts.store.recordParcel({ batchSeq: batch.batchSeq, from });
    const first = from - (parcel?.position ?? from);
    if (!parcel || first >= parcel.records) {
      throw new Error(`record ${from} of batch ${batch.batchId} is not kept`);
    }
    const lines = parcel.lines.split('\n').slice(first, first + limit);
    return buildChunk(this.#parts, { ...plan, from, lines, before });
  }

  /** @returns the position up to which it was committed */
  async #commit(batch: OpenBatch, chunk: BuiltChunk): Promise<number> {
    const { store, turns, firstSight } = this.#parts;
    // All asked for at once, so that those of the next chunk come behind them.
    const parts = partsOf(batch, chunk).map((part) => ({
      part,
      built: turns.run(() => store.buildBatch(part)),
    }));
    await Promise.allSettled(parts.map(({ built }) => built));
    let committed = chunk.from;
    for (const { part, built } of parts) {
      if ((await built).outcome === 'CONFLICT') return committed;
      committed = part.upTo;
      this.#built += part.events.length;
    }
    firstSight.committed(chunk.changes, false);
    return committed;
  }

  /** Does records one by one, each as often as a single event is tried. */
  async #carefully(plan: Plan, from: number, upTo: number, isOver: () => boolean): Promise<void> {
    for (let index = from; index < upTo && !isOver(); index++) {
      const { changes } = await this.#next(plan, index, [], 1);
      await this.#parts.contended.run(changes, () => this.#alone(plan, index));
    }
  }

  async #alone(plan: Plan, index: number): Promise<void> {
    for (let tries = 1; tries <= MAX_TRIES; tries++) {
      const chunk = await this.#next(plan, index, [], 1);
      if ((await this.#commit(plan.batch, chunk)) === chunk.upTo) return;
      // Random, so that contenders do not meet again.
      await pause(Math.random() * 2 * tries);
    }
    const reason = 'is about objects that others keep changing; send it again';
    await this.#reject(plan.batch, index, reason);
  }
}

function partOf(batch: OpenBatch, from: number, upTo: number) {
  const { batchSeq, envelope, accessKeyId, receivedAt, records } = batch;
  const labId = envelope?.labId ?? 0;
  return { batchSeq, labId, accessKeyId, receivedAt, from, upTo, isLast: upTo >= records };
}

/** A chunk in parts of so few logs that none keeps the writer from others for long. */
function partsOf(batch: OpenBatch, chunk: BuiltChunk): BuildChunk[] {
  const parts: BuildChunk[] = [];
  let events: BatchEvent[] = [];
  let logs = 0;
  const close = (upTo: number) => {
    const from = parts.at(-1)?.upTo ?? chunk.from;
    const rejections = chunk.rejections.filter(({ index }) => index >= from && index < upTo);
    parts.push({ ...partOf(batch, from, upTo), events, rejections });
    events = [];
    logs = 0;
  };
  for (const event of chunk.events) {
    if (logs > 0 && logs + event.deliveries.length > CHUNK_LOGS) close(event.position);
    events.push(event);
    logs += event.deliveries.length;
  }
  close(chunk.upTo);
  return parts;
}
