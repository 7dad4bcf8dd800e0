import type { Change } from '../../../shared/model/change.ts';

/** Logs that are named in one push; more of them are `many`. */
export const NAMED_AT_ONCE = 200;

/** Changes that somebody has not been told of yet, each once; never more than fit into one push. */
export class Pending {
  readonly #logIds = new Set<string>();
  /** There are logs that are not named. */
  #isMany = false;
  /** There are too many to name any of them. */
  #isFull = false;
  /** By kind and id: of these there are never many. */
  readonly #others = new Map<string, Change>();

  add(change: Change): void {
    switch (change.kind) {
      case 'LOG':
        this.#addLog(change.logId);
        break;
      case 'MANY':
        this.#isMany = true;
        break;
      case 'BREAKER':
        this.#others.set(`${change.kind} ${change.labIntegrationId}`, change);
        break;
      case 'BULK_RETRY':
        this.#others.set(`${change.kind} ${change.bulkRetryId}`, change);
        break;
      case 'HEALTH':
        this.#others.set(change.kind, change);
        break;
    }
  }

  get isEmpty(): boolean {
    return this.#logIds.size === 0 && !this.#isMany && this.#others.size === 0;
  }

  /** All of them; none is pending from then on. */
  take(): Change[] {
    const logs = [...this.#logIds].map((logId): Change => ({ kind: 'LOG', logId }));
    const taken = [...logs, ...this.#others.values()];
    if (this.#isMany) taken.push({ kind: 'MANY' });
    this.#logIds.clear();
    this.#others.clear();
    this.#isMany = false;
    this.#isFull = false;
    return taken;
  }

  #addLog(logId: string): void {
    if (this.#isFull) return;
    this.#logIds.add(logId);
    if (this.#logIds.size <= NAMED_AT_ONCE) return;
    this.#logIds.clear();
    this.#isFull = true;
    this.#isMany = true;
  }
}
