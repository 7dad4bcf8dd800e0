import type { PendingWaitingAction, WaitingAction } from '../../../shared/model/held.ts';

/** The wait before what failed is taken up again, doubled each time up to the last (ms). */
const FIRST_WAIT_MS = 1_000;
const LAST_WAIT_MS = 60_000;

/** An action that fails again and again, so that what waits for its integration does not go on. */
export interface FailingAction {
  labIntegrationId: number;
  action: WaitingAction;
  /** Epoch milliseconds. */
  since: number;
}

interface Failing extends FailingAction {
  failures: number;
  /** Null while it is tried again. */
  timer: NodeJS.Timeout | null;
}

/** Which actions failed, and when each is tried again: what hangs is not asked every second. */
export class HeldRetries {
  readonly #clock: () => number;
  readonly #onDue: () => void;
  readonly #failing = new Map<number, Failing>();

  constructor(clock: () => number, onDue: () => void) {
    this.#clock = clock;
    this.#onDue = onDue;
  }

  /** Has an action tried again later. @returns whether it is the first time that it failed */
  failed({ labIntegrationId, action }: PendingWaitingAction): boolean {
    const known = this.#failing.get(labIntegrationId);
    const before = known?.action === action ? known : null;
    const failures = (before?.failures ?? 0) + 1;
    const since = before?.since ?? this.#clock();
    const failing: Failing = { labIntegrationId, action, since, failures, timer: null };
    const wait = Math.min(FIRST_WAIT_MS * 2 ** (failures - 1), LAST_WAIT_MS);
    failing.timer = setTimeout(() => {
      failing.timer = null;
      this.#onDue();
    }, wait);
    this.#failing.set(labIntegrationId, failing);
    return before === null;
  }

  /** Whether an action has to wait before it is tried again; another one of its integration has not. */
  mustWait({ labIntegrationId, action }: PendingWaitingAction): boolean {
    const failing = this.#failing.get(labIntegrationId);
    return failing?.action === action && failing.timer !== null;
  }

  /** Forgets that an integration's action failed: it is done, or another took its place. */
  forget(labIntegrationId: number): void {
    clearTimeout(this.#failing.get(labIntegrationId)?.timer ?? undefined);
    this.#failing.delete(labIntegrationId);
  }

  /** What fails just now. */
  list(): FailingAction[] {
    return [...this.#failing.values()].map(({ labIntegrationId, action, since }) => ({
      labIntegrationId,
      action,
      since,
    }));
  }

  /** Tries nothing again by itself any more. */
  stop(): void {
    for (const id of this.#failing.keys()) this.forget(id);
  }
}
