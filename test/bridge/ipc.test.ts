import type { IpcMain, IpcMainInvokeEvent } from 'electron';
import { describe, expect, it, vi } from 'vitest';
import type { Caller, Handlers } from '../../src/main/bridge/handler.ts';
import { bindIpc } from '../../src/main/bridge/ipc.ts';
import type { PushSink, PushSource } from '../../src/main/bridge/pushes/push-hub.ts';
import {
  type BridgeAnswer,
  CALL_CHANNEL,
  PUSH_CHANNEL,
  SUBSCRIBE_CHANNEL,
} from '../../src/shared/contract/bridge.ts';
import type { ProcedureName } from '../../src/shared/contract/index.ts';
import { fieldError } from '../../src/shared/errors.ts';

const ORIGIN = 'http://127.0.0.1:7420';
const OPERATOR: Caller = { accessKeyId: null, name: 'mira', role: 'admin', address: null };

const PAGE = { items: [], next_cursor: null, total_estimate: 0 };

/** Binds the given handlers and answers how the console calls them. */
function bound(handlers: Partial<Handlers<ProcedureName>>, caller = OPERATOR) {
  const onFault = vi.fn();
  const listeners: { sink: PushSink; lastId: string | null; isEnded: boolean }[] = [];
  const pushes: PushSource = {
    subscribe(sink, lastId) {
      const listener = { sink, lastId, isEnded: false };
      listeners.push(listener);
      return { resume: () => {}, end: () => (listener.isEnded = true) };
    },
  };
  const channels = new Map<string, Parameters<IpcMain['handle']>[1]>();
  bindIpc(
    { handle: (channel, given) => void channels.set(channel, given) },
    {
      handlers: handlers as Handlers<ProcedureName>,
      pushes,
      caller,
      consoleOrigin: ORIGIN,
      onFault,
    },
  );
  const frame = { url: `${ORIGIN}/#/logs/1` };
  const sender = { mainFrame: frame, send: vi.fn(), once: vi.fn() };
  const event = { sender, senderFrame: frame } as unknown as IpcMainInvokeEvent;
  const call = async (name: unknown, input: unknown): Promise<BridgeAnswer<unknown>> =>
    channels.get(CALL_CHANNEL)?.(event, name, input);
  const subscribe = async (lastId: unknown, from = event): Promise<BridgeAnswer<unknown>> =>
    channels.get(SUBSCRIBE_CHANNEL)?.(from, lastId);
  return { call, subscribe, sender, event, listeners, onFault };
}

describe('the contract over IPC', () => {
  it('gives handlers the validated input, defaults filled in, and the caller', async () => {
    const searchLogs = vi.fn().mockResolvedValue(PAGE);
    const { call } = bound({ searchLogs });
    expect(await call('searchLogs', { log_id: 'abcdef' })).toEqual({ ok: true, output: PAGE });
    expect(searchLogs).toHaveBeenCalledWith(
      { log_id: 'abcdef', include_suppressed: false, limit: 50 },
      OPERATOR,
    );
  });

  it('refuses bad input before any handler sees it', async () => {
    const searchLogs = vi.fn();
    const { call } = bound({ searchLogs });
    for (const input of [{ limit: 0 }, { unknown: 1 }, null, undefined, 'text', []]) {
      expect(await call('searchLogs', input)).toMatchObject({
        ok: false,
        problem: { code: 'INVALID_INPUT', status: 422 },
      });
    }
    expect(searchLogs).not.toHaveBeenCalled();
  });

  it('refuses a caller whose role is too weak', async () => {
    const requeueFailedTask = vi.fn();
    const { call } = bound({ requeueFailedTask }, { ...OPERATOR, role: 'viewer' });
    expect(await call('requeueFailedTask', { failed_task_id: 1 })).toMatchObject({
      ok: false,
      problem: { code: 'FORBIDDEN' },
    });
    expect(requeueFailedTask).not.toHaveBeenCalled();
  });

  it('hands out only what the contract names', async () => {
    const searchLogs = vi.fn().mockResolvedValue({ ...PAGE, sql: 'SELECT 1' });
    const { call } = bound({ searchLogs });
    expect(await call('searchLogs', {})).toEqual({ ok: true, output: PAGE });
  });

  it('carries refusals as problem documents', async () => {
    const getLog = vi.fn().mockRejectedValue(fieldError('UNKNOWN_LOG', 'log_id', 'is not known'));
    const { call, onFault } = bound({ getLog });
    expect(await call('getLog', { log_id: 'x' })).toMatchObject({
      ok: false,
      problem: { code: 'UNKNOWN_LOG', status: 404, errors: [{ field: 'log_id' }] },
    });
    expect(onFault).not.toHaveBeenCalled();
  });

  it('says nothing of a fault of our own to the page, and tells the application log', async () => {
    const fault = new Error('disk I/O error at /secret/path');
    const { call, onFault } = bound({ getLog: vi.fn().mockRejectedValue(fault) });
    const answer = await call('getLog', { log_id: 'x' });
    expect(answer).toMatchObject({ ok: false, problem: { code: 'INTERNAL', status: 500 } });
    expect(JSON.stringify(answer)).not.toContain('secret');
    expect(onFault).toHaveBeenCalledWith({ procedure: 'getLog', error: fault });
  });
});

describe('pushes over IPC', () => {
  const PUSH = { event: 'HealthChanged', data: {} } as const;

  it('go to the page that asked for them, with the id to come back with', async () => {
    const { subscribe, listeners, sender } = bound({});
    expect(await subscribe('e-4')).toEqual({ ok: true, output: null });
    expect(listeners[0]?.lastId).toBe('e-4');
    expect(listeners[0]?.sink.send([PUSH], 'e-5')).toBe(true);
    expect(sender.send).toHaveBeenCalledWith(PUSH_CHANNEL, { pushes: [PUSH], id: 'e-5' });
  });

  it('go to no frame but the console’s own', async () => {
    const { subscribe, listeners, event } = bound({});
    const stranger = { ...event, senderFrame: { url: 'https://example.com/' } };
    expect(await subscribe(null, stranger as IpcMainInvokeEvent)).toMatchObject({
      ok: false,
      problem: { code: 'FOREIGN_ORIGIN' },
    });
    expect(await subscribe({ any: 1 })).toMatchObject({ problem: { code: 'INVALID_INPUT' } });
    expect(listeners).toEqual([]);
  });

  it('go to a page that was loaded anew instead of the one before, and end with the window', async () => {
    const { subscribe, listeners, sender } = bound({});
    await subscribe(null);
    await subscribe(null);
    expect(listeners.map(({ isEnded }) => isEnded)).toEqual([true, false]);
    expect(sender.once).toHaveBeenCalledTimes(1);
    const [name, onDestroyed] = sender.once.mock.calls[0] as [string, () => void];
    expect(name).toBe('destroyed');
    onDestroyed();
    expect(listeners.map(({ isEnded }) => isEnded)).toEqual([true, true]);
  });
});
