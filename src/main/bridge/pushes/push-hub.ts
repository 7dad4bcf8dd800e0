import { randomBytes } from 'node:crypto';
import type { Push } from '../../../shared/contract/pushes.ts';
import type { Change } from '../../../shared/model/change.ts';
import type { LogState } from '../../../shared/model/log-state.ts';
import { History } from './history.ts';
import { Pending } from './pending.ts';
import { checked, pushesOf } from './push-documents.ts';

/** How long changes are gathered before they are told (ms). */
export const GATHER_MS = 200;
/** Changes that are kept for whoever is cut off. */
const KEPT = 10_000;
/** How long they are kept up to date after the last one has gone (ms). */
const LINGER_MS = 5 * 60_000;

/** Where one listener's pushes go. */
export interface PushSink {
  /**
   * @param id what to come back with after an interruption; told with the last of the pushes, since only
   *   then all of them have arrived
   * @returns false: it takes no more until `resume` is called
   */
  send(pushes: readonly Push[], id: string): boolean;
}

/** One listener's part. */
export interface Subscription {
  /** Its sink takes pushes again. */
  resume(): void;
  /** Idempotent. */
  end(): void;
}

/** Where listeners come to. */
export interface PushSource {
  /** @param lastId the last id that it was told; null: it comes for the first time */
  subscribe(sink: PushSink, lastId: string | null): Subscription;
}

export interface PushHubParts {
  /** Tells changes from now on, each after its commit; null: no more. */
  listen(listener: ((changes: readonly Change[]) => void) | null): void;
  /** How logs stand by now. */
  logStates(logIds: readonly string[]): Promise<LogState[]>;
  /** Told where they could not be read; it is tried again. */
  onTrouble(error: unknown): void;
  sizes?: { kept?: number; gatherMs?: number; lingerMs?: number };
}

interface Listener {
  sink: PushSink;
  pending: Pending;
  /** Its sink takes pushes. */
  isReady: boolean;
}

/**
 * Tells listeners what has changed. Changes are gathered for a moment and told once, with the state
 * that is read after their commit, so whoever has heard everything knows the store as it is. A
 * listener that is slow is told less often, never late for ever: what it has not heard is a set of
 * bounded size. While nobody listens nothing is gathered at all.
 */
export class PushHub implements PushSource {
  readonly #parts: PushHubParts;
  readonly #history: History;
  readonly #gatherMs: number;
  readonly #lingerMs: number;
  readonly #listeners = new Set<Listener>();
  readonly #fresh = new Pending();
  #timer: NodeJS.Timeout | null = null;
  #linger: NodeJS.Timeout | null = null;
  #isTelling = false;
  #isListening = false;
  #isStopped = false;

  constructor(parts: PushHubParts) {
    this.#parts = parts;
    const { kept = KEPT, gatherMs = GATHER_MS, lingerMs = LINGER_MS } = parts.sizes ?? {};
    this.#history = new History(randomBytes(6).toString('hex'), kept);
    this.#gatherMs = gatherMs;
    this.#lingerMs = lingerMs;
  }

  subscribe(sink: PushSink, lastId: string | null): Subscription {
    this.#listenToStore();
    const listener: Listener = { sink, pending: new Pending(), isReady: true };
    this.#listeners.add(listener);
    // What was gathered and is not told yet comes with the next round, to this listener as well.
    const missed = lastId === null ? [] : this.#history.since(lastId);
    const first = Array.isArray(missed)
      ? []
      : [checked({ event: 'Reset', data: { reason: missed } })];
    if (Array.isArray(missed)) for (const change of missed) listener.pending.add(change);
    // With missed changes pending, the id that it came with stays its own.
    const id = listener.pending.isEmpty ? this.#history.lastId : (lastId ?? '');
    this.#send(listener, first, id);
    this.#schedule();
    return {
      resume: () => {
        listener.isReady = true;
        this.#schedule();
      },
      end: () => this.#remove(listener),
    };
  }

  /** Something has changed that is not in the store. */
  changed(changes: readonly Change[]): void {
    if (!this.#isListening) return;
    for (const change of changes) this.#fresh.add(change);
    this.#schedule();
  }

  /** Nobody is told anything any more. Idempotent. */
  stop(): void {
    this.#isStopped = true;
    this.#listeners.clear();
    this.#stopListening();
    if (this.#timer) clearTimeout(this.#timer);
  }

  #schedule(): void {
    if (this.#timer || this.#isTelling || this.#isStopped || !this.#hasWork()) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      void this.#tell();
    }, this.#gatherMs);
  }

  #hasWork(): boolean {
    return !this.#fresh.isEmpty || this.#due().length > 0;
  }

  #due(): Listener[] {
    return [...this.#listeners].filter(({ isReady, pending }) => isReady && !pending.isEmpty);
  }

  /** One round. Never throws. */
  async #tell(): Promise<void> {
    this.#isTelling = true;
    for (const change of this.#fresh.take()) {
      this.#history.add(change);
      for (const { pending } of this.#listeners) pending.add(change);
    }
    // Taken together: what comes while states are read belongs to the next round, and to a later id.
    const id = this.#history.lastId;
    const round = this.#due().map((listener) => ({ listener, changes: listener.pending.take() }));
    try {
      const states = await this.#statesOf(round.flatMap(({ changes }) => changes));
      for (const { listener, changes } of round) {
        if (this.#listeners.has(listener)) this.#send(listener, pushesOf(changes, states), id);
      }
    } catch (error) {
      for (const { listener, changes } of round) {
        for (const change of changes) listener.pending.add(change);
      }
      this.#parts.onTrouble(error);
    }
    this.#isTelling = false;
    this.#schedule();
  }

  async #statesOf(changes: readonly Change[]): Promise<Map<string, LogState>> {
    const logIds = new Set(
      changes.flatMap((change) => (change.kind === 'LOG' ? [change.logId] : [])),
    );
    if (logIds.size === 0) return new Map();
    const states = await this.#parts.logStates([...logIds]);
    return new Map(states.map((state) => [state.logId, state]));
  }

  /** A listener can never break the others. */
  #send(listener: Listener, told: readonly Push[], id: string): void {
    try {
      listener.isReady = listener.sink.send(told, id);
    } catch (error) {
      this.#remove(listener);
      this.#parts.onTrouble(error);
    }
  }

  #remove(listener: Listener): void {
    if (!this.#listeners.delete(listener) || this.#listeners.size > 0) return;
    // Whoever was only cut off comes back in a moment.
    this.#linger = setTimeout(() => this.#stopListening(), this.#lingerMs);
    this.#linger.unref();
  }

  #listenToStore(): void {
    if (this.#linger) clearTimeout(this.#linger);
    this.#linger = null;
    if (this.#isListening || this.#isStopped) return;
    this.#isListening = true;
    this.#parts.listen((changes) => this.changed(changes));
  }

  #stopListening(): void {
    if (this.#linger) clearTimeout(this.#linger);
    this.#linger = null;
    if (!this.#isListening) return;
    this.#isListening = false;
    this.#parts.listen(null);
    this.#fresh.take();
    this.#history.interrupt();
  }
}
