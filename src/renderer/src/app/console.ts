import { createStore, type StoreApi } from 'zustand/vanilla';
import type { LogDocument, LogSummaryDocument } from '../../../shared/contract/log-document.ts';
import { LabRelayError } from '../../../shared/errors.ts';
import { type Client, type Health, UnreachableError } from '../client/client.ts';

/** Something fetched: what is shown while it is fetched, and where fetching failed. */
export type Loadable<T> =
  | { state: 'loading' }
  | { state: 'ready'; value: T }
  | { state: 'error'; message: string };

export interface ConsoleState {
  /** `message` tells why the console is signed out, where it was not asked for. */
  session: { signedIn: boolean; message: string | null };
  health: Health | null;
  /** When the engine last answered (epoch ms); null before its first answer. */
  reachedAt: number | null;
  /** The engine does not answer: what is shown is as of `reachedAt`. */
  isStale: boolean;
  logs: Loadable<LogSummaryDocument[]>;
  /** What the list is narrowed to: a log_id's beginning or end; empty shows the newest logs. */
  filter: string;
  includeSuppressed: boolean;
  openLogId: string | null;
  openLog: Loadable<LogDocument>;
}

export interface Console {
  readonly store: StoreApi<ConsoleState>;
  readonly needsKey: boolean;
  /** @returns why the key was refused, or null */
  signIn(key: string): Promise<string | null>;
  signOut(): void;
  /** Narrows the list; see {@link isSearchable} for what can be looked for. */
  setFilter(filter: string): Promise<void>;
  setIncludeSuppressed(include: boolean): Promise<void>;
  open(logId: string | null): Promise<void>;
  /** Fetches everything on the page anew; never throws. */
  refresh(): Promise<void>;
}

const PAGE_ROWS = 50;
const KEY_SLOT = 'labrelay.key';

/** Whether the text can be looked for: at least six characters that a log_id may have. */
export function isSearchable(text: string): boolean {
  return /^[0-9a-f-]{6,36}$/i.test(text);
}

/** Whether the text is a whole log_id. */
export function isWholeLogId(text: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text);
}

/** The page's state and everything that can be done to it. */
export function createConsole(client: Client, keys: Storage): Console {
  const rememberedKey = keys.getItem(KEY_SLOT);
  client.setKey(rememberedKey);

  const store = createStore<ConsoleState>()(() => ({
    session: { signedIn: !client.needsKey || rememberedKey !== null, message: null },
    health: null,
    reachedAt: null,
    isStale: false,
    logs: { state: 'loading' },
    filter: '',
    includeSuppressed: false,
    openLogId: null,
    openLog: { state: 'loading' },
  }));
  const { getState: get, setState: set } = store;

  /** Keeps track of whether the engine answers; a refusal is an answer as well. */
  async function reach<T>(call: () => Promise<T>): Promise<T> {
    try {
      const answer = await call();
      set({ reachedAt: Date.now(), isStale: false });
      return answer;
    } catch (error) {
      if (error instanceof UnreachableError) set({ isStale: true });
      else set({ reachedAt: Date.now(), isStale: false });
      if (error instanceof LabRelayError && error.code === 'UNAUTHENTICATED' && client.needsKey) {
        leave('The key is not accepted any more. Sign in with a valid one.');
      }
      throw error;
    }
  }

  function leave(message: string | null): void {
    keys.removeItem(KEY_SLOT);
    client.setKey(null);
    set({ session: { signedIn: false, message }, logs: { state: 'loading' }, openLogId: null });
  }

  async function refreshHealth(): Promise<void> {
    const health = await reach(() => client.health());
    set({ health });
  }

  async function refreshLogs(): Promise<void> {
    const { filter, includeSuppressed } = get();
    const isCurrent = () =>
      get().filter === filter && get().includeSuppressed === includeSuppressed;
    try {
      const page = await reach(() =>
        client.call('searchLogs', {
          limit: PAGE_ROWS,
          // Whoever asks for an id means that log, suppressed or not.
          include_suppressed: includeSuppressed || filter !== '',
          ...(filter ? { log_id: filter } : {}),
        }),
      );
      if (isCurrent()) set({ logs: { state: 'ready', value: page.items } });
    } catch (error) {
      if (isCurrent() && !keepsWhatIsShown(error, get().logs)) {
        set({ logs: { state: 'error', message: messageOf(error) } });
      }
      throw error;
    }
  }

  async function refreshOpenLog(): Promise<void> {
    const logId = get().openLogId;
    if (logId === null) return;
    const isCurrent = () => get().openLogId === logId;
    try {
      const log = await reach(() => client.call('getLog', { log_id: logId }));
      if (isCurrent()) set({ openLog: { state: 'ready', value: log } });
    } catch (error) {
      if (isCurrent() && !keepsWhatIsShown(error, get().openLog)) {
        set({ openLog: { state: 'error', message: messageOf(error) } });
      }
      throw error;
    }
  }

  return {
    store,
    needsKey: client.needsKey,
    async signIn(key) {
      client.setKey(key);
      try {
        await client.call('getHealth', {});
      } catch (error) {
        client.setKey(null);
        const wrongKey = error instanceof LabRelayError && error.code === 'UNAUTHENTICATED';
        return wrongKey
          ? 'This key is not valid. Check that you have copied all of it.'
          : messageOf(error);
      }
      keys.setItem(KEY_SLOT, key);
      set({ session: { signedIn: true, message: null } });
      await settle(refreshLogs(), refreshOpenLog());
      return null;
    },
    signOut: () => leave(null),
    async setFilter(filter) {
      set({ filter, logs: { state: 'loading' } });
      await settle(refreshLogs());
    },
    async setIncludeSuppressed(includeSuppressed) {
      set({ includeSuppressed });
      await settle(refreshLogs());
    },
    async open(logId) {
      if (logId === get().openLogId) return;
      set({ openLogId: logId, openLog: { state: 'loading' } });
      if (get().session.signedIn) await settle(refreshOpenLog());
    },
    async refresh() {
      await settle(
        refreshHealth(),
        ...(get().session.signedIn ? [refreshLogs(), refreshOpenLog()] : []),
      );
    },
  };
}

/** Runs refreshes together. Their errors are in the state already, where the page shows them. */
async function settle(...refreshes: Promise<void>[]): Promise<void> {
  await Promise.allSettled(refreshes);
}

/** An engine that is silent for a while takes nothing off the page: the page is marked stale. */
function keepsWhatIsShown(error: unknown, shown: Loadable<unknown>): boolean {
  return error instanceof UnreachableError && shown.state === 'ready';
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : 'Something went wrong in the console.';
}
