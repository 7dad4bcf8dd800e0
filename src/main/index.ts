/** Electron's entry: the desktop host. It composes the same engine as `labrelay serve`. */
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { app, BrowserWindow, dialog, ipcMain } from 'electron';
import { bindIpc } from './bridge/ipc.ts';
import { type HostConfig, hostConfig } from './config.ts';
import { guardPages, openWindow } from './desktop/window.ts';
import { makeFolder } from './folders.ts';
import { type Host, openHost } from './host.ts';

// Before Electron is ready, or pages made early would be without it.
app.enableSandbox();

// Not awaited here: Electron becomes ready only after this module has been evaluated.
start().catch((error: unknown) => {
  dialog.showErrorBox('LabRelay cannot start', error instanceof Error ? error.message : 'Unknown');
  app.exit(1);
});

/** The options of `labrelay serve`, from the command line and the environment. */
function readConfig(): HostConfig {
  const { values } = parseArgs({
    // A packaged program has no script's path between its own name and its arguments.
    args: process.argv.slice(app.isPackaged ? 1 : 2),
    options: {
      data: { type: 'string' },
      host: { type: 'string' },
      port: { type: 'string' },
      'public-url': { type: 'string' },
      'allow-host': { type: 'string', multiple: true },
      'tls-cert': { type: 'string' },
      'tls-key': { type: 'string' },
      'insecure-http': { type: 'boolean' },
    },
    allowPositionals: true,
  });
  return hostConfig(values, process.env);
}

async function start(): Promise<void> {
  const config = readConfig();
  // Chromium's own files go under the data folder as well: another data folder is another LabRelay,
  // with a window and an instance lock of its own.
  const profile = join(config.dataFolder, 'desktop');
  makeFolder(profile);
  app.setPath('userData', profile);
  if (!app.requestSingleInstanceLock()) {
    app.quit();
    return;
  }
  // Without a listener Electron quits by itself when the last window closes, which is meant; with
  // one, the engine is drained first (see quitDrained).
  app.on('window-all-closed', () => app.quit());
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => app.quit());

  await app.whenReady();
  const host = await openHost(config);
  quitDrained(host);
  const { origin } = new URL(host.url);
  guardPages(origin);
  bindIpc(ipcMain, {
    handlers: host.handlers,
    pushes: host.pushes,
    // Whoever may use this account of this computer may read the data folder: the desktop adds no
    // weaker role of its own.
    caller: { accessKeyId: null, name: operatorName(), role: 'admin', address: null },
    consoleOrigin: origin,
    onFault: (fault) => host.onFault(fault),
  });
  void endWhenBroken(host);
  app.on('second-instance', showWindow);
  app.on('activate', () => {
    if (BrowserWindow.getAllWindows().length === 0) void openWindow(origin);
  });
  await openWindow(origin);
}

/** A host whose store has failed can keep nothing: better no console than one that looks alive. */
async function endWhenBroken(host: Host): Promise<void> {
  await host.broken;
  dialog.showErrorBox(
    'LabRelay must be started anew',
    'Its store has failed; the application log in the data folder tells more. What was acknowledged is on disk.',
  );
  app.quit();
}

function showWindow(): void {
  const [window] = BrowserWindow.getAllWindows();
  if (window?.isMinimized()) window.restore();
  window?.focus();
}

/** Holds the first wish to quit back until deliveries under way have ended and the store is closed. */
function quitDrained(host: Host): void {
  let state: 'running' | 'draining' | 'drained' = 'running';
  app.on('before-quit', (event) => {
    if (state === 'drained') return;
    event.preventDefault();
    if (state === 'draining') return;
    state = 'draining';
    void host.close().finally(() => {
      state = 'drained';
      app.quit();
    });
  });
}

/** For `changed_by` and audit: who uses the computer, since nobody signs in at the desktop. */
function operatorName(): string {
  try {
    return userInfo().username;
  } catch {
    // Accounts without a name exist, e.g. a bare uid in a container.
    return 'desktop';
  }
}
