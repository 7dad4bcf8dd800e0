import type { ClaimedTask } from '../../../shared/model/delivery.ts';

/**
 * What was claimed and waits for a slot. Slots are shared out evenly: STAT goes first, then the
 * integration that has the fewest attempts under way, then what came first. So one with hundreds
 * waiting for a slow partner has all slots only as long as nobody else waits; a newcomer gets the
 * next slot that becomes free.
 */
export class WaitingForSlot {
  readonly #tasks: ClaimedTask[] = [];
  /** Attempts under way, by integration. */
  readonly #underWay = new Map<number, number>();

  get size(): number {
    return this.#tasks.length;
  }

  get taskIds(): number[] {
    return this.#tasks.map(({ taskId }) => taskId);
  }

  /** @param isFirst before the others of its integration, where it was already at its turn */
  add(tasks: readonly ClaimedTask[], isFirst = false): void {
    if (isFirst) this.#tasks.unshift(...tasks);
    else this.#tasks.push(...tasks);
  }

  /** Takes the one whose turn it is; its integration has one more under way until it has ended. */
  next(): ClaimedTask | undefined {
    let best = 0;
    for (let at = 1; at < this.#tasks.length; at++) if (this.#isBefore(at, best)) best = at;
    const [task] = this.#tasks.splice(best, 1);
    if (task) this.#count(task, 1);
    return task;
  }

  /** A task that was taken has ended, or waits once more. */
  ended(task: ClaimedTask): void {
    this.#count(task, -1);
  }

  /** Takes some without a slot; the others keep their places. */
  take(isMeant: (task: ClaimedTask) => boolean): ClaimedTask[] {
    const taken = this.#tasks.filter(isMeant);
    const kept = this.#tasks.filter((task) => !isMeant(task));
    this.#tasks.splice(0, this.#tasks.length, ...kept);
    return taken;
  }

  #isBefore(at: number, best: number): boolean {
    const [a, b] = [this.#tasks[at], this.#tasks[best]];
    if (!a || !b) return false;
    if (a.priority !== b.priority) return a.priority === 'STAT';
    return this.#shareOf(a) < this.#shareOf(b);
  }

  #shareOf({ labIntegrationId }: ClaimedTask): number {
    return this.#underWay.get(labIntegrationId) ?? 0;
  }

  #count({ labIntegrationId: id }: ClaimedTask, change: number): void {
    const count = (this.#underWay.get(id) ?? 0) + change;
    if (count > 0) this.#underWay.set(id, count);
    else this.#underWay.delete(id);
  }
}
