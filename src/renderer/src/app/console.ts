import { createStore } from 'zustand/vanilla';
import type { LogSummaryDocument } from '../../../shared/contract/log-document.ts';
import { LabRelayError } from '../../../shared/errors.ts';
import { type Client, UnreachableError } from '../client/client.ts';
import { concerned } from './concerned.ts';
import { createRefresher } from './refresher.ts';
import {
  type Console,
  type ConsoleState,
  FIRST_ROWS,
  type Loadable,
  stateAtFirst,
} from './state.ts';

const PAGE_ROWS = 50;

/** Logs of a bulk retry on one page. */
const BULK_ROWS = 100;

/** How long the page rests between two readings, however much changes (ms). */
const REST_MS = 500;

/** The page's state and everything that can be done to it. */
export function createConsole(client: Client): Console {
  const store = createStore<ConsoleState>()(stateAtFirst);
  const { getState: get, setState: set } = store;
  let watched: readonly string[] = [];

  /** Keeps track of whether the engine answers; a refusal is an answer as well. */
  async function reach<T>(call: () => Promise<T>): Promise<T> {
    try {
      const answer = await call();
      set({ reachedAt: Date.now(), isStale: false });
      return answer;
    } catch (error) {
      if (error instanceof UnreachableError) set({ isStale: true });
      else set({ reachedAt: Date.now(), isStale: false });
      if (isSignedOut(error) && get().session.state === 'in') {
        leave('Your session has ended. Sign in again.');
      }
      throw error;
    }
  }

  function leave(message: string | null): void {
    set({
      session: { state: 'out', message },
      breakers: [],
      logs: { state: 'loading' },
      openLog: { state: 'loading' },
      bulk: { state: 'loading' },
      revealed: null,
    });
  }

  /** At first: whether a session is still open from before the page was loaded. */
  async function learnWho(): Promise<void> {
    if (get().session.state !== 'unknown') return;
    try {
      const who = await reach(() => client.who());
      set({ session: { state: 'in', who } });
    } catch (error) {
      if (isSignedOut(error)) set({ session: { state: 'out', message: null } });
    }
  }

  async function refreshHealth(): Promise<void> {
    const health = await reach(() => client.health());
    set({ health });
    // Health is told to anyone, this only to people who have signed in.
    if (get().session.state !== 'in') return;
    const { items } = await reach(() => client.call('listBreakers', {}));
    set({ breakers: items });
  }

  async function refreshLogs(): Promise<void> {
    const { filter, status, includeSuppressed, includeCalls } = get();
    const isCurrent = () =>
      get().filter === filter &&
      get().status === status &&
      get().includeSuppressed === includeSuppressed &&
      get().includeCalls === includeCalls;
    try {
      const page = await reach(() =>
        client.call('searchLogs', {
          limit: PAGE_ROWS,
          // Whoever asks for an id means that log, suppressed or not, a call or a delivery.
          include_suppressed: includeSuppressed || filter !== '',
          ...(includeCalls || filter !== '' ? {} : { direction: 'OUTBOUND' as const }),
          ...(filter ? { log_id: filter } : {}),
          ...(status ? { status: [status] } : {}),
        }),
      );
      const strays = await readStrays(page.items);
      if (isCurrent()) set({ logs: { state: 'ready', value: page.items }, strays });
    } catch (error) {
      if (isCurrent() && !keepsWhatIsShown(error, get().logs)) {
        set({ logs: { state: 'error', message: messageOf(error) } });
      }
      throw error;
    }
  }

  /** Rows that are held in their places while newer ones have taken theirs on the page. */
  async function readStrays(page: readonly LogSummaryDocument[]): Promise<LogSummaryDocument[]> {
    const there = new Set(page.map((log) => log.log_id));
    const missing = watched.filter((logId) => !there.has(logId));
    if (missing.length === 0) return [];
    const { items } = await reach(() => client.call('getLogs', { log_ids: missing }));
    return items;
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

  async function refreshBulk(): Promise<void> {
    const { openBulkId, bulkRows } = get();
    if (openBulkId === null) return;
    const isCurrent = () => get().openBulkId === openBulkId && get().bulkRows === bulkRows;
    const { state, pages } = bulkRows;
    const cursor = pages.at(-1);
    try {
      const bulk = await reach(() =>
        client.call('getBulkRetry', {
          bulk_retry_id: openBulkId,
          limit: BULK_ROWS,
          ...(state ? { state } : {}),
          ...(cursor === undefined ? {} : { cursor }),
        }),
      );
      if (isCurrent()) set({ bulk: { state: 'ready', value: bulk } });
    } catch (error) {
      if (isCurrent() && !keepsWhatIsShown(error, get().bulk)) {
        set({ bulk: { state: 'error', message: messageOf(error) } });
      }
      throw error;
    }
  }

  return {
    store,
    needsSignIn: client.needsSignIn,
    async signIn(key) {
      try {
        const who = await client.signIn(key);
        set({ session: { state: 'in', who } });
      } catch (error) {
        return isSignedOut(error)
          ? 'This key is not valid. Check that you have copied all of it.'
          : messageOf(error);
      }
      await settle(refreshLogs(), refreshOpenLog(), refreshBulk());
      return null;
    },
    async signOut() {
      try {
        await client.signOut();
        leave(null);
      } catch (error) {
        // The session may still be open: whoever leaves must know.
        leave(`Signing out may not have reached LabRelay: ${messageOf(error)}`);
      }
    },
    async setFilter(filter) {
      set({ filter, logs: { state: 'loading' } });
      await settle(refreshLogs());
    },
    async setStatus(status) {
      set({ status, logs: { state: 'loading' } });
      await settle(refreshLogs());
    },
    async setIncludeSuppressed(includeSuppressed) {
      set({ includeSuppressed });
      await settle(refreshLogs());
    },
    async setIncludeCalls(includeCalls) {
      set({ includeCalls });
      await settle(refreshLogs());
    },
    async open(logId) {
      if (logId === get().openLogId) return;
      set({ openLogId: logId, openLog: { state: 'loading' }, revealed: null });
      if (get().session.state === 'in') await settle(refreshOpenLog());
    },
    async openBulk(bulkRetryId) {
      if (bulkRetryId === get().openBulkId) return;
      set({ openBulkId: bulkRetryId, bulk: { state: 'loading' }, bulkRows: FIRST_ROWS });
      if (get().session.state === 'in') await settle(refreshBulk());
    },
    async setBulkRows(bulkRows) {
      set({ bulkRows });
      await settle(refreshBulk());
    },
    async ask(name, input) {
      try {
        return { ok: true, output: await reach(() => client.call(name, input)) };
      } catch (error) {
        return { ok: false, message: messageOf(error) };
      }
    },
    async reveal(reason) {
      const { openLogId: logId, session } = get();
      if (logId === null) return null;
      try {
        const log = await reach(() => client.call('revealLog', { log_id: logId, reason }));
        // Whoever has signed in meanwhile has not asked for it.
        if (get().openLogId === logId && get().session === session) set({ revealed: log });
        return null;
      } catch (error) {
        return messageOf(error);
      }
    },
    hide: () => set({ revealed: null }),
    watch(logIds) {
      watched = logIds;
    },
    goLive() {
      const refresher = createRefresher(
        {
          logs: refreshLogs,
          openLog: refreshOpenLog,
          bulk: refreshBulk,
          health: refreshHealth,
        },
        REST_MS,
      );
      const end = client.subscribe({
        onLine: (line) => set({ line }),
        onPush: (push) => refresher.need(concerned(push, get())),
      });
      return () => {
        end();
        refresher.stop();
        set({ line: 'reconnecting' });
      };
    },
    async refresh() {
      await learnWho();
      await settle(
        refreshHealth(),
        ...(get().session.state === 'in' ? [refreshLogs(), refreshOpenLog(), refreshBulk()] : []),
      );
    },
  };
}

/** The engine does not know who calls: nobody has signed in, or the session has ended. */
function isSignedOut(error: unknown): boolean {
  return error instanceof LabRelayError && error.code === 'UNAUTHENTICATED';
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
