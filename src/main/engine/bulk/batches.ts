import { setTimeout as pause } from 'node:timers/promises';
import { LabRelayError, messageOf } from '../../../shared/errors.ts';
import type {
  BatchBegun,
  BatchRecord,
  BatchSearch,
  NewBatch,
  OpenBatch,
  Rejection,
} from '../../../shared/model/batch.ts';
import type { AnsweredCall } from '../../../shared/model/call.ts';
import type { JsonObject } from '../../../shared/model/json.ts';
import type { BatchBuilder } from './build.ts';
import type { BatchPort } from './port.ts';
import type { Turns } from './turns.ts';

/** Tasks that one command deals with: other work comes between the commands. */
const CHUNK = 500;
/** Wait before the store is asked again, where it could not go on with a batch (ms). */
const AGAIN_AFTER_MS = 1_000;

/** Failures in a row after which the record at fault is looked for. */
const STUCK_AFTER = 3;

interface BatchesParts {
  store: BatchPort;
  builder: Pick<BatchBuilder, 'build'>;
  turns: Turns;
  /** Epoch milliseconds. */
  clock: () => number;
  /** Deliveries may leave: wakes the dispatcher. @param urgent integrations with urgent ones */
  onReleased: (urgent: number[]) => void;
  onTrouble: (what: string, message: string) => void;
}

/** A batch that is being built, released or cancelled. */
interface Work {
  /** Resolves when its answer stands; rejects when that takes longer. */
  built: PromiseWithResolvers<void>;
  done: Promise<void>;
}

/**
 * The life of batches once they have arrived: built, released, and cancelled if somebody wishes so,
 * chunk by chunk, so that nobody waits behind a whole one. Where each stands is on disk, so a start
 * goes on with what a former life left.
 */
export class Batches {
  readonly #parts: BatchesParts;
  readonly #works = new Map<number, Work>();
  /** Batches whose records are arriving, by their id; resolved when that is over. */
  readonly #arriving = new Map<string, PromiseWithResolvers<void>>();
  readonly #arrivingSeqs = new Map<number, string>();
  /** Of calls, what they were answered. */
  #noted: Promise<unknown> = Promise.resolve();
  #stopped = true;

  constructor(parts: BatchesParts) {
    this.#parts = parts;
  }

  /** Drops what was arriving when a former life ended, and goes on with what had arrived. */
  async start(): Promise<void> {
    this.#stopped = false;
    for (const batch of await this.#parts.store.unfinishedBatches()) {
      if (batch.state === 'RECEIVING') await this.drop(batch.batchId);
      else this.takeUp(batch);
    }
  }

  /** Ends behind the chunks under way. Idempotent; the next start goes on. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const { built } of this.#works.values()) built.reject(unfinished());
    await Promise.all([...this.#works.values()].map(({ done }) => done));
    await this.#noted;
  }

  /**
   * Begins a batch, unless its key names one that has arrived or is arriving. One that a former call
   * could not drop (the store was out of order) is dropped here.
   */
  async begin(batch: NewBatch): Promise<BatchBegun> {
    this.#arriving.set(batch.batchId, Promise.withResolvers());
    let begun = await this.#parts.store.beginBatch(batch);
    if (begun.outcome === 'KNOWN' && !this.#arrivingSeqs.has(begun.batchSeq)) {
      const known = await this.#parts.store.openBatch(begun.batchSeq);
      if (known?.state === 'RECEIVING' && !this.#arrivingSeqs.has(begun.batchSeq)) {
        await this.drop(known.batchId);
        begun = { outcome: 'KNOWN', batchSeq: begun.batchSeq };
      }
    }
    if (begun.outcome === 'BEGUN') this.#arrivingSeqs.set(begun.batchSeq, batch.batchId);
    else this.arrived(batch.batchId);
    return begun;
  }

  /** The arrival of a batch is over. */
  arrived(batchId: string): void {
    this.#arriving.get(batchId)?.resolve();
    this.#arriving.delete(batchId);
    for (const [seq, id] of this.#arrivingSeqs) if (id === batchId) this.#arrivingSeqs.delete(seq);
  }

  /** Resolves when a batch is not arriving (any more). */
  async whenArrived(batchSeq: number): Promise<void> {
    const batchId = this.#arrivingSeqs.get(batchSeq);
    if (batchId !== undefined) await this.#arriving.get(batchId)?.promise;
  }

  /** Drops a batch that has not arrived whole, once the store lets it. Never throws. */
  async drop(batchId: string): Promise<void> {
    try {
      while (await this.#parts.store.dropBatch({ batchId }));
    } catch (error) {
      this.#parts.onTrouble('batch', messageOf(error));
      void this.#dropLater(batchId);
    } finally {
      this.arrived(batchId);
    }
  }

  /** On a full disk its records must not take what is made free there. A start drops it as well. */
  async #dropLater(batchId: string): Promise<void> {
    for (let isLeft = true; isLeft; ) {
      await pause(AGAIN_AFTER_MS, undefined, { ref: false });
      if (this.#stopped) return;
      // It has been told above.
      isLeft = await this.#parts.store.dropBatch({ batchId }).catch(() => true);
    }
  }

  /** Goes on with a batch that has arrived. */
  takeUp(batch: Pick<OpenBatch, 'batchSeq'>): Work {
    const { batchSeq } = batch;
    const known = this.#works.get(batchSeq);
    if (known) return known;
    const work: Work = { built: newBuilt(), done: Promise.resolve() };
    this.#works.set(batchSeq, work);
    work.done = this.#carryOn(batchSeq, work).finally(() => this.#works.delete(batchSeq));
    return work;
  }

  /**
   * A batch's answer, once it stands.
   * @throws LabRelayError `BATCH_UNFINISHED` where that takes longer; the batch is finished all the same
   */
  async answer(batchSeq: number): Promise<JsonObject> {
    await this.#works.get(batchSeq)?.built.promise;
    const answer = await this.#parts.store.batchAnswer(batchSeq);
    if (!answer) throw new Error('a batch is gone');
    // Nobody builds it any more: this life is ending.
    if (!answer.isBuilt) throw unfinished();
    return {
      batch_id: answer.batchId,
      accepted: answer.accepted,
      log_ids: answer.logIds,
      rejected: answer.rejections.map(({ index, field, reason }) => ({ index, field, reason })),
    };
  }

  /** Notes in a batch's call what it was answered. A failure is told: the answer stands. */
  completeCall(answered: AnsweredCall): void {
    const noted = this.#parts.store.completeCall(answered).catch((error: unknown) => {
      this.#parts.onTrouble('batch', messageOf(error));
    });
    this.#noted = Promise.all([this.#noted, noted]);
  }

  list(search: BatchSearch): Promise<BatchRecord[]> {
    return this.#parts.store.listBatches(search);
  }

  /** @throws LabRelayError `UNKNOWN_BATCH` */
  async get(
    batchId: string,
    rejections: number,
  ): Promise<BatchRecord & { rejections: Rejection[] }> {
    const { store } = this.#parts;
    const batch = await store.getBatch(batchId);
    if (!batch) throw unknownBatch();
    const { batchSeq } = batch;
    return { ...batch, rejections: await store.batchRejections({ batchSeq, limit: rejections }) };
  }

  /**
   * Takes out of the queue what has not been sent of a batch; what is under way ends as usual. One
   * that is being built is cancelled once it is built. Repeats change nothing.
   * @throws LabRelayError `UNKNOWN_BATCH`
   */
  async cancel(batchId: string, reason: string, actor: string): Promise<BatchRecord> {
    const { store, clock } = this.#parts;
    const begun = await store.beginCancel({ batchId, actor, reason, now: clock() });
    if (!begun) throw unknownBatch();
    // Work that was just ending may not have seen the wish.
    for (let { state } = begun; state === 'CANCELLING' && !this.#stopped; ) {
      await this.takeUp(begun).done;
      state = (await store.openBatch(begun.batchSeq))?.state ?? 'CANCELLED';
    }
    const batch = await store.getBatch(batchId);
    if (!batch) throw unknownBatch();
    return batch;
  }

  async #carryOn(batchSeq: number, work: Work): Promise<void> {
    let failures = 0;
    while (!this.#stopped) {
      try {
        const batch = await this.#parts.store.openBatch(batchSeq);
        if (!batch || (await this.#step(batch, work, failures >= STUCK_AFTER))) break;
        failures = 0;
      } catch (error) {
        if (this.#stopped) break;
        // Told once: it may fail for as long as nobody mends it.
        if (failures++ === 0) this.#parts.onTrouble('batch', messageOf(error));
        // Whoever waits is not kept waiting for a disk.
        work.built.reject(unfinished());
        work.built = newBuilt();
        await pause(AGAIN_AFTER_MS);
      }
    }
    if (this.#stopped) work.built.reject(unfinished());
    work.built.resolve();
  }

  /** @returns whether nothing is left to do for the batch */
  async #step(batch: OpenBatch, work: Work, isStuck: boolean): Promise<boolean> {
    const { batchSeq, state } = batch;
    if (state !== 'BUILDING') work.built.resolve();
    switch (state) {
      case 'BUILDING':
        await this.#parts.builder.build(batch, () => this.#stopped, isStuck);
        return false;
      case 'RELEASING':
        await this.#release(batchSeq);
        return false;
      case 'CANCELLING':
        await this.#takeOut(batchSeq);
        return false;
      case 'RECEIVING':
      case 'OPEN':
      case 'CANCELLED':
      case 'DROPPED':
        return true;
    }
  }

  async #release(batchSeq: number): Promise<void> {
    const { store, turns, clock, onReleased } = this.#parts;
    let afterTaskId = 0;
    while (!this.#stopped) {
      const chunk = { batchSeq, afterTaskId, limit: CHUNK, now: clock() };
      const released = await turns.run(() => store.releaseBatch(chunk));
      onReleased(released.urgent);
      if (released.isDone) return;
      ({ afterTaskId } = released);
    }
  }

  async #takeOut(batchSeq: number): Promise<void> {
    const { store, turns, clock, onReleased } = this.#parts;
    let afterTaskId = 0;
    while (!this.#stopped) {
      const chunk = { batchSeq, afterTaskId, limit: CHUNK, now: clock() };
      const taken = await turns.run(() => store.cancelBatchTasks(chunk));
      // What waited behind them in their ordering keys may be ready.
      onReleased([]);
      if (taken.isDone) return;
      ({ afterTaskId } = taken);
    }
  }
}

/** Nobody may be waiting for it. */
function newBuilt(): PromiseWithResolvers<void> {
  const built = Promise.withResolvers<void>();
  built.promise.catch(() => {});
  return built;
}

function unfinished(): LabRelayError {
  return new LabRelayError(
    'BATCH_UNFINISHED',
    'The batch is kept and will be finished, but not just now. Repeat the call with the same Idempotency-Key for its answer; without one, look for it with listBatches instead of sending it again.',
  );
}

function unknownBatch(): LabRelayError {
  const reason = 'is no batch that LabRelay knows; take one that listBatches shows';
  return new LabRelayError('UNKNOWN_BATCH', `batch_id: ${reason}`, [{ field: 'batch_id', reason }]);
}
