import { fileURLToPath } from 'node:url';
import { app, BrowserWindow, session, type WebContents } from 'electron';

const PRELOAD = fileURLToPath(new URL('../preload/index.cjs', import.meta.url));

/**
 * Applies Electron's security checklist to every page that this process may ever hold, before the
 * first is made: no permission is granted, no other page is gone to, no window opened, nothing
 * attached.
 */
export function guardPages(consoleOrigin: string): void {
  session.defaultSession.setPermissionRequestHandler((_page, _permission, answer) => answer(false));
  session.defaultSession.setPermissionCheckHandler(() => false);
  app.on('web-contents-created', (_event, page) => guard(page, consoleOrigin));
}

function guard(page: WebContents, consoleOrigin: string): void {
  page.setWindowOpenHandler(() => ({ action: 'deny' }));
  page.on('will-attach-webview', (event) => event.preventDefault());
  page.on('will-navigate', (event) => {
    if (!isConsolePage(event.url, consoleOrigin)) event.preventDefault();
  });
  // The console never redirects, so a redirect is never ours.
  page.on('will-redirect', (event) => event.preventDefault());
}

/** The console is one page: other paths of the same server, such as /docs, are not it. */
function isConsolePage(url: string, consoleOrigin: string): boolean {
  if (!URL.canParse(url)) return false;
  const { origin, pathname } = new URL(url);
  return origin === consoleOrigin && pathname === '/';
}

/** Opens the console's window; it is shown once its page is there. */
export async function openWindow(consoleOrigin: string): Promise<BrowserWindow> {
  const window = new BrowserWindow({
    title: 'LabRelay',
    width: 1440,
    height: 900,
    minWidth: 640,
    minHeight: 480,
    show: false,
    webPreferences: {
      preload: PRELOAD,
      sandbox: true,
      contextIsolation: true,
      nodeIntegration: false,
      webviewTag: false,
      // Payloads are not for a spelling service.
      spellcheck: false,
    },
  });
  window.once('ready-to-show', () => window.show());
  await window.loadURL(`${consoleOrigin}/`);
  return window;
}
