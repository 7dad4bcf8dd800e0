/** What ends in a burst is looked at together (ms). */
const TOGETHER_MS = 25;

/** The rest between two steps of a loop, which somebody may cut short. */
export class Waker {
  #isDue = false;
  #end: (() => void) | null = null;
  #timer: NodeJS.Timeout | undefined;

  /** Something has happened: the rest ends soon. Many at once wake once. */
  wake(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    if (this.#end) this.#arm(TOGETHER_MS);
  }

  /** Resolves after so many milliseconds, or soon after being woken, also before it was called. */
  async rest(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#end = resolve;
      this.#arm(this.#isDue ? Math.min(ms, TOGETHER_MS) : ms);
    });
    this.#isDue = false;
  }

  /** Ends the rest at once. */
  hurry(): void {
    this.#isDue = true;
    if (this.#end) this.#arm(0);
  }

  #arm(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      const end = this.#end;
      this.#end = null;
      end?.();
    }, ms);
  }
}
