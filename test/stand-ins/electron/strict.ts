/**
 * Wraps a part of the stand-in so that whatever it lacks throws: code that uses more of Electron
 * than the stand-in plays must not pass a test by chance.
 */
export function strict<T extends object>(name: string, part: T): T {
  return new Proxy(part, {
    get(target, property, receiver) {
      // Promises and test printers ask every object for these.
      const isProbe = typeof property === 'symbol' || property === 'then' || property === 'toJSON';
      if (!isProbe && !(property in target)) {
        throw new Error(`the Electron stand-in has no ${name}.${property}`);
      }
      return Reflect.get(target, property, receiver);
    },
  });
}

type Listener = (...args: never[]) => unknown;

/** Listeners by event; only the events that the stand-in raises can be listened to. */
export class Events {
  readonly #owner: string;
  readonly #known: readonly string[];
  readonly #listeners = new Map<string, Listener[]>();

  constructor(owner: string, known: readonly string[]) {
    this.#owner = owner;
    this.#known = known;
  }

  add(event: string, listener: Listener): void {
    if (!this.#known.includes(event)) {
      throw new Error(`the Electron stand-in never raises ${this.#owner} "${event}"`);
    }
    this.#listeners.set(event, [...(this.#listeners.get(event) ?? []), listener]);
  }

  /** Calls the listeners with an event object first; answers whether one prevented the default. */
  raise(event: string, first: object = {}, ...rest: unknown[]): boolean {
    let isPrevented = false;
    const eventObject = { ...first, preventDefault: () => (isPrevented = true) };
    for (const listener of this.#listeners.get(event) ?? []) {
      (listener as (...args: unknown[]) => unknown)(eventObject, ...rest);
    }
    return isPrevented;
  }
}
