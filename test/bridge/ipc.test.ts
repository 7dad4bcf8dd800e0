import type { IpcMain, IpcMainInvokeEvent } from 'electron';
import { describe, expect, it, vi } from 'vitest';
import type { Caller, Handlers } from '../../src/main/bridge/handler.ts';
import { bindIpc } from '../../src/main/bridge/ipc.ts';
import { type BridgeAnswer, CALL_CHANNEL } from '../../src/shared/contract/bridge.ts';
import type { ProcedureName } from '../../src/shared/contract/index.ts';
import { fieldError } from '../../src/shared/errors.ts';

const ORIGIN = 'http://127.0.0.1:7420';
const OPERATOR: Caller = { accessKeyId: null, name: 'mira', role: 'admin', address: null };

const PAGE = { items: [], next_cursor: null, total_estimate: 0 };

/** Binds the given handlers and answers how the console calls them. */
function bound(handlers: Partial<Handlers<ProcedureName>>, caller = OPERATOR) {
  const onFault = vi.fn();
  let listener: Parameters<IpcMain['handle']>[1] | undefined;
  bindIpc(
    {
      handle: (channel, given) => {
        expect(channel).toBe(CALL_CHANNEL);
        listener = given;
      },
    },
    { handlers: handlers as Handlers<ProcedureName>, caller, consoleOrigin: ORIGIN, onFault },
  );
  const frame = { url: `${ORIGIN}/#/logs/1` };
  const event = { sender: { mainFrame: frame }, senderFrame: frame } as IpcMainInvokeEvent;
  const call = async (name: unknown, input: unknown): Promise<BridgeAnswer<unknown>> =>
    listener?.(event, name, input);
  return { call, onFault };
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
