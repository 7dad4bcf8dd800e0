import { readFileSync } from 'node:fs';
import { compileFunction } from 'node:vm';
import { Events, strict } from './strict.ts';

export type Invocation = (event: object, ...args: unknown[]) => unknown;

/** Handlers of `ipcMain.handle`, by channel. */
export const handlers = new Map<string, Invocation>();

interface Frame {
  url: string;
}

/** One page (`webContents`) with its preload script, without a browser: nothing is drawn. */
export class Page {
  readonly events = new Events('webContents', [
    'will-navigate',
    'will-redirect',
    'will-attach-webview',
    'destroyed',
  ]);
  readonly mainFrame: Frame = { url: 'about:blank' };
  openHandler: ((details: { url: string }) => { action: string }) | null = null;
  /** What the preload script exposed to the page, by name. */
  readonly world: Record<string, unknown> = {};
  /** Which frame calls; tests set it to play an embedded or a foreign page. */
  caller: Frame | null = this.mainFrame;

  /** What the preload script listens to, by channel. */
  readonly #heard = new Map<string, ((event: object, message: unknown) => void)[]>();
  isDestroyed = false;

  /** What main sees of it. */
  readonly webContents = strict('webContents', {
    mainFrame: this.mainFrame,
    on: (event: string, listener: (...args: never[]) => unknown) =>
      this.events.add(event, listener),
    once: (event: string, listener: (...args: never[]) => unknown) =>
      this.events.add(event, listener),
    send: (channel: string, message: unknown) => {
      if (this.isDestroyed) throw new TypeError('Object has been destroyed');
      const copy = structuredClone(message);
      for (const listener of this.#heard.get(channel) ?? []) listener({}, copy);
    },
    setWindowOpenHandler: (handler: (details: { url: string }) => { action: string }) => {
      this.openHandler = handler;
    },
  });

  /** Runs the built preload script in a function scope of its own, as a sandboxed one is. */
  runPreload(file: string): void {
    const electron = strict('electron (preload)', {
      contextBridge: strict('contextBridge', {
        exposeInMainWorld: (name: string, api: unknown) => {
          this.world[name] = api;
        },
      }),
      ipcRenderer: strict('ipcRenderer', {
        invoke: (channel: string, ...args: unknown[]) => this.#invoke(channel, args),
        on: (channel: string, listener: (event: object, message: unknown) => void) => {
          this.#heard.set(channel, [...(this.#heard.get(channel) ?? []), listener]);
        },
        removeAllListeners: (channel: string) => this.#heard.delete(channel),
      }),
    });
    const require = (name: string) => {
      if (name === 'electron') return electron;
      throw new Error(`a sandboxed preload script cannot require ${name}`);
    };
    const module = { exports: {} };
    compileFunction(readFileSync(file, 'utf8'), ['require', 'module', 'exports'])(
      require,
      module,
      module.exports,
    );
  }

  async #invoke(channel: string, args: unknown[]): Promise<unknown> {
    const handler = handlers.get(channel);
    if (!handler) throw new Error(`No handler registered for '${channel}'`);
    const event = { sender: this.webContents, senderFrame: this.caller };
    // Both ways through the structured clone, as between Electron's processes.
    const answer = await handler(event, ...args.map((arg) => structuredClone(arg)));
    return structuredClone(answer);
  }
}
