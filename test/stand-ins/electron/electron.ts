/**
 * A small stand-in for the `electron` module, so that the built main process and preload script run
 * where Electron's binary cannot be had. It plays only what LabRelay uses and throws on anything
 * else. It is no Electron: no window is drawn and no sandbox holds; what it shows is that our code
 * asks for the right things. A test drives it over the process's IPC channel (see ./driver.ts).
 */
import type { Command, WindowCommand } from './driver.ts';
import { handlers, type Invocation, Page } from './page.ts';
import { Events, strict } from './strict.ts';

const appEvents = new Events('app', [
  'web-contents-created',
  'second-instance',
  'activate',
  'window-all-closed',
  'before-quit',
]);
const windows = new Set<BrowserWindow>();
const paths: Record<string, string> = {};
let isReady = false;
let permission: ((...args: [unknown, string, (granted: boolean) => void]) => void) | null = null;
let permissionCheck: ((...args: [unknown, string]) => boolean) | null = null;

function needReady(what: string): void {
  if (!isReady) throw new Error(`${what} before the app is ready`);
}

function quit(): void {
  if (!appEvents.raise('before-quit')) exit(0);
}

/** Ends the process once the test has been told everything. */
function exit(code: number): void {
  process.send?.({ event: 'exit' }, () => process.exit(code));
}

export const app = strict('app', {
  isPackaged: false,
  enableSandbox: () => {
    if (isReady) throw new Error('enableSandbox after the app is ready');
    tell({ event: 'sandbox' });
  },
  setPath: (name: string, path: string) => {
    paths[name] = path;
  },
  requestSingleInstanceLock: () => process.env['STAND_IN_SECOND_INSTANCE'] !== '1',
  whenReady: () =>
    new Promise<void>((resolve) => {
      setImmediate(() => {
        isReady = true;
        resolve();
      });
    }),
  on: (event: string, listener: (...args: never[]) => unknown) => appEvents.add(event, listener),
  quit,
  exit,
});

export const session = strict('session', {
  get defaultSession() {
    needReady('session.defaultSession');
    return strict('session.defaultSession', {
      setPermissionRequestHandler: (handler: NonNullable<typeof permission>) => {
        permission = handler;
      },
      setPermissionCheckHandler: (handler: NonNullable<typeof permissionCheck>) => {
        permissionCheck = handler;
      },
    });
  },
});

export const ipcMain = strict('ipcMain', {
  handle: (channel: string, handler: Invocation) => {
    if (handlers.has(channel)) throw new Error(`a second handler for '${channel}'`);
    handlers.set(channel, handler);
  },
});

export const dialog = strict('dialog', {
  showErrorBox: (title: string, content: string) => tell({ event: 'error-box', title, content }),
});

export class BrowserWindow {
  readonly page = new Page();
  // Not private by #: such members cannot be reached through the strict proxy.
  readonly events = new Events('BrowserWindow', ['ready-to-show', 'closed']);
  readonly preload: string | undefined;

  constructor(options: { webPreferences?: { preload?: string } }) {
    needReady('new BrowserWindow');
    this.preload = options.webPreferences?.preload;
    windows.add(this);
    tell({ event: 'window', options: structuredClone(options) });
    appEvents.raise('web-contents-created', {}, this.page.webContents);
    // oxlint-disable-next-line no-constructor-return -- the guard has to be what main holds
    return strict('BrowserWindow', this);
  }

  static getAllWindows(): BrowserWindow[] {
    return [...windows];
  }

  once(event: string, listener: (...args: never[]) => unknown): void {
    this.events.add(event, listener);
  }

  async loadURL(url: string): Promise<void> {
    const answer = await fetch(url);
    this.page.mainFrame.url = url;
    if (this.preload) this.page.runPreload(this.preload);
    tell({ event: 'loaded', url, status: answer.status, html: await answer.text() });
    this.events.raise('ready-to-show');
  }

  show(): void {
    tell({ event: 'shown' });
  }

  isMinimized(): boolean {
    return false;
  }

  focus(): void {
    tell({ event: 'focused' });
  }

  /** The user closes the window. */
  close(): void {
    windows.delete(this);
    this.page.isDestroyed = true;
    this.page.events.raise('destroyed');
    this.events.raise('closed');
    if (windows.size === 0) appEvents.raise('window-all-closed');
  }
}

function tell(message: object): void {
  process.send?.(message);
}

async function obey(command: Command): Promise<unknown> {
  switch (command.do) {
    case 'second-instance':
      return appEvents.raise('second-instance');
    case 'quit':
      return quit();
    case 'paths':
      return paths;
    case 'permission':
      return {
        requested: await new Promise((answer) => permission?.(null, command.name, answer)),
        checked: permissionCheck?.(null, command.name),
      };
    case 'call':
    case 'subscribe':
    case 'world':
    case 'navigate':
    case 'redirect':
    case 'attach':
    case 'open':
    case 'close': {
      const [window] = windows;
      if (!window) throw new Error('there is no window');
      return obeyInWindow(window, command);
    }
  }
}

function obeyInWindow(window: BrowserWindow, command: WindowCommand): unknown {
  const { page } = window;
  switch (command.do) {
    case 'call': {
      const bridge = page.world['labrelay'] as { call: (...args: unknown[]) => Promise<unknown> };
      page.caller = command.frame ?? page.mainFrame;
      return bridge.call(...command.args).finally(() => {
        page.caller = page.mainFrame;
      });
    }
    case 'subscribe': {
      const bridge = page.world['labrelay'] as {
        subscribe: (lastId: string | null, listener: (message: object) => void) => Promise<unknown>;
      };
      page.caller = command.frame ?? page.mainFrame;
      const listener = (message: object) => tell({ event: 'push', message });
      return bridge.subscribe(command.lastId, listener).finally(() => {
        page.caller = page.mainFrame;
      });
    }
    case 'world':
      return Object.fromEntries(
        Object.entries(page.world).map(([name, api]) => [name, Object.keys(api as object)]),
      );
    case 'navigate':
      return { prevented: page.events.raise('will-navigate', { url: command.url }) };
    case 'redirect':
      return { prevented: page.events.raise('will-redirect', { url: command.url }) };
    case 'attach':
      return { prevented: page.events.raise('will-attach-webview') };
    case 'open':
      return page.openHandler?.({ url: command.url });
    case 'close':
      return window.close();
  }
}

process.on('message', (message: { id: number; command: Command }) => {
  void obey(message.command).then(
    (result) => tell({ id: message.id, result }),
    (error: unknown) => tell({ id: message.id, error: String(error) }),
  );
});
// The channel alone must not keep the process alive, nor its end be taken for a reason to stay.
process.channel?.unref();
