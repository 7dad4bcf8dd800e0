import type { FileHandle } from 'node:fs/promises';
import type { SpillRecord } from '../../../shared/model/spill.ts';
import { encodeRecord, type Entry, RECORD_HEADER, recordAt, RECORDS_AT } from './record-format.ts';

/** The most bytes that are written, or read for a replay, at a time. */
const CHUNK_BYTES = 4 * 2 ** 20;

/**
 * The share of the journal that calls may fill. A caller that does not let up would otherwise take the
 * room from the outcomes of what was being sent, of which there are no more than slots.
 */
const CALLS_SHARE = 0.75;

/** What became of a record that was to be kept. */
export type Kept = 'KEPT' | 'FULL' | 'FAILED';

/** A record that waits to be applied; null: its bytes have changed since they were written. */
export interface Waiting {
  sequence: number;
  record: SpillRecord | null;
}

interface Wish {
  payload: Buffer;
  /** Where its room ends in the file. */
  limit: number;
  answer: (kept: Kept) => void;
}

/** Where an opened journal stands. */
export interface JournalContent {
  id: string;
  handle: FileHandle;
  /** The file's size, which never changes. */
  capacity: number;
  /** Records that are not applied yet, in order. */
  waiting: Entry[];
  /** The sequence of the last record that was applied. */
  applied: number;
}

/**
 * The spill journal: a file that was written in full before it is needed, so that a full disk cannot
 * refuse it. Whoever waits meanwhile shares one write and one sync. What was applied is told by the
 * store alone, so the rewind behind it writes nothing and no crash can come in between.
 */
export class SpillJournal {
  readonly id: string;
  readonly capacity: number;
  readonly #handle: FileHandle;
  readonly #waiting: Entry[];
  readonly #wishes: Wish[] = [];
  #tail: number;
  #next: number;
  #writing: Promise<void> | null = null;
  #lastWasFull = false;
  #fault: string | null = null;

  constructor(content: JournalContent) {
    this.id = content.id;
    this.capacity = content.capacity;
    this.#handle = content.handle;
    this.#waiting = [...content.waiting];
    const last = this.#waiting.at(-1);
    this.#tail = last ? last.offset + last.length : RECORDS_AT;
    this.#next = (last?.sequence ?? content.applied) + 1;
  }

  /** Records that are kept and not applied. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Whether nothing is kept, nor about to be. */
  get isEmpty(): boolean {
    return this.#waiting.length === 0 && this.#wishes.length === 0 && this.#writing === null;
  }

  /** Bytes in use. */
  get used(): number {
    return this.#tail;
  }

  /** Whether the last record had no room; calls that had none in their share say nothing of outcomes. */
  get isFull(): boolean {
    return this.#lastWasFull;
  }

  /** The system's code, where the last write failed; null: it did not. */
  get fault(): string | null {
    return this.#fault;
  }

  /** Keeps a record durably. Never throws. */
  append(record: SpillRecord): Promise<Kept> {
    const share = record.kind === 'CALL' ? CALLS_SHARE : 1;
    const limit = RECORDS_AT + (this.capacity - RECORDS_AT) * share;
    return new Promise((answer) => {
      this.#wishes.push({ payload: Buffer.from(JSON.stringify(record)), limit, answer });
      this.#writing ??= this.#writeAll();
    });
  }

  /** The first records that wait, in order. @throws where the file cannot be read */
  async read(limit: number): Promise<Waiting[]> {
    const entries: Entry[] = [];
    let bytes = 0;
    for (const entry of this.#waiting.slice(0, limit)) {
      bytes += entry.length;
      if (entries.length > 0 && bytes > CHUNK_BYTES) break;
      entries.push(entry);
    }
    return Promise.all(entries.map((entry) => this.#readOne(entry)));
  }

  /** The store has everything up to this sequence: once nothing waits, the journal begins anew. */
  applied(sequence: number): void {
    const left = this.#waiting.findIndex((entry) => entry.sequence > sequence);
    this.#waiting.splice(0, left < 0 ? this.#waiting.length : left);
    this.#rewind();
  }

  /** Ends behind what is being kept. Idempotent. */
  async close(): Promise<void> {
    await this.#writing;
    await this.#handle.close();
  }

  #rewind(): void {
    if (!this.isEmpty) return;
    this.#tail = RECORDS_AT;
    this.#lastWasFull = false;
  }

  async #readOne({ sequence, offset, length }: Entry): Promise<Waiting> {
    const bytes = Buffer.alloc(length);
    await this.#handle.read(bytes, 0, length, offset);
    const isWhole = recordAt(bytes, 0)?.sequence === sequence;
    if (!isWhole) return { sequence, record: null };
    return { sequence, record: JSON.parse(bytes.toString('utf8', RECORD_HEADER)) as SpillRecord };
  }

  async #writeAll(): Promise<void> {
    // Whoever comes in this turn shares the write.
    await Promise.resolve();
    while (this.#wishes.length > 0) await this.#writeSome();
    this.#writing = null;
    this.#rewind();
  }

  async #writeSome(): Promise<void> {
    const [accepted, records, entries] = this.#layOut();
    if (accepted.length === 0) return;
    try {
      await this.#write(Buffer.concat(records), this.#tail);
    } catch (error) {
      // The next ones are written over it, with the same sequences: nobody was told that it is kept.
      this.#fault =
        error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
      for (const { answer } of accepted) answer('FAILED');
      return;
    }
    const last = entries.at(-1);
    if (last) {
      this.#tail = last.offset + last.length;
      this.#next = last.sequence + 1;
    }
    this.#waiting.push(...entries);
    this.#lastWasFull = false;
    this.#fault = null;
    for (const { answer } of accepted) answer('KEPT');
  }

  /** Gives wishes their places; those without room are answered at once. */
  #layOut(): [Wish[], Buffer[], Entry[]] {
    const accepted: Wish[] = [];
    const records: Buffer[] = [];
    const entries: Entry[] = [];
    let offset = this.#tail;
    while (this.#wishes.length > 0 && offset - this.#tail < CHUNK_BYTES) {
      const wish = this.#wishes.shift();
      if (!wish) break;
      const length = RECORD_HEADER + wish.payload.length;
      if (offset + length > wish.limit) {
        if (wish.limit === this.capacity) this.#lastWasFull = true;
        wish.answer('FULL');
        continue;
      }
      const sequence = this.#next + entries.length;
      records.push(encodeRecord(sequence, wish.payload));
      entries.push({ sequence, offset, length });
      accepted.push(wish);
      offset += length;
    }
    return [accepted, records, entries];
  }

  async #write(bytes: Buffer, position: number): Promise<void> {
    let written = 0;
    while (written < bytes.length) {
      const { bytesWritten } = await this.#handle.write(
        bytes,
        written,
        bytes.length - written,
        position + written,
      );
      written += bytesWritten;
    }
    await this.#handle.datasync();
  }
}
