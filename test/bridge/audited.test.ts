import { describe, expect, it, vi } from 'vitest';
import { audited } from '../../src/main/bridge/audited.ts';
import type { Handlers } from '../../src/main/bridge/handler.ts';
import { contract, type ProcedureName } from '../../src/shared/contract/index.ts';
import type { Procedure } from '../../src/shared/contract/procedure.ts';
import { LabRelayError } from '../../src/shared/errors.ts';
import type { NewAuditEntry } from '../../src/shared/model/audit.ts';
import { anna } from './calling.ts';

const LOG_ID = '0197b2f0-0000-7000-8000-000000000001';
const names = Object.keys(contract) as ProcedureName[];

/** The given handlers with an audit trail that keeps what it is told, in the order of things. */
function trail(handlers: Record<string, (input: never) => unknown>) {
  const told: (Omit<NewAuditEntry, 'at'> | string)[] = [];
  const append = vi.fn(async (entry: Omit<NewAuditEntry, 'at'>) => {
    // A commit takes a while.
    await new Promise((resolve) => setImmediate(resolve));
    return told.push(entry);
  });
  const onFault = vi.fn();
  const all = Object.fromEntries(
    Object.entries(handlers).map(([name, handler]) => [
      name,
      async (input: never) => {
        told.push(`${name} runs`);
        return handler(input);
      },
    ]),
  );
  const bound = audited(all as unknown as Handlers<ProcedureName>, { append }, onFault);
  const call = (name: ProcedureName, input: object) =>
    (bound[name] as (input: object, caller: typeof anna) => Promise<unknown>)(input, anna);
  return { told, append, onFault, call };
}

describe('an act', () => {
  it('is in the audit chain before it happens, and what came of it afterwards', async () => {
    const { told, call } = trail({ revealLog: () => ({ log_id: LOG_ID }) });
    await call('revealLog', { log_id: LOG_ID, reason: 'the partner asks' });
    const who = { access_key_id: 1, role: 'operator' };
    const same = { actor: 'Anna', action: 'revealLog', address: '127.0.0.1' };
    const subject = `log_id=${LOG_ID}`;
    expect(told).toEqual([
      {
        ...same,
        subject,
        reason: 'the partner asks',
        detail: { ...who, fields: ['log_id', 'reason'] },
      },
      'revealLog runs',
      { ...same, subject, reason: null, detail: { ...who, of: 1, outcome: 'done' } },
    ]);
  });

  it('tells the code of its error, or the id of what it made', async () => {
    const refuse = () => {
      throw new LabRelayError('UNKNOWN_LOG', 'no');
    };
    const { told, call } = trail({
      resolveLog: refuse,
      createAccessKey: () => ({ access_key_id: 9, key: 'lrk_secret' }),
    });
    await expect(call('resolveLog', { log_id: LOG_ID })).rejects.toMatchObject({
      code: 'UNKNOWN_LOG',
    });
    expect(told.at(-1)).toMatchObject({ detail: { outcome: 'UNKNOWN_LOG', of: 1 } });
    await call('createAccessKey', { kind: 'user', name: 'Ben', role: 'admin' });
    expect(told.at(-1)).toMatchObject({ subject: 'access_key_id=9', detail: { outcome: 'done' } });
    expect(JSON.stringify(told)).not.toContain('secret');
  });

  it('on what was made of named logs names those and what was made', async () => {
    const BULK_ID = '0197b2f0-0000-7000-8000-000000000002';
    const { told, call } = trail({ retryIntegrations: () => ({ bulk_retry_id: BULK_ID }) });
    await call('retryIntegrations', { log_ids: [LOG_ID] });
    const subject = `log_ids=${LOG_ID} bulk_retry_id=${BULK_ID}`;
    expect(told.at(-1)).toMatchObject({ subject, detail: { outcome: 'done' } });
    await call('retryIntegrations', { filter: { status: ['FAIL'] } });
    expect(told.at(-1)).toMatchObject({ subject: `bulk_retry_id=${BULK_ID}` });
  });

  it('keeps the words that say what was done, before and after', async () => {
    const { told, call } = trail({ controlBulkRetry: () => ({}), setBreaker: () => ({}) });
    await call('controlBulkRetry', { bulk_retry_id: LOG_ID, action: 'cancel' });
    expect(told[0]).toMatchObject({ detail: { action: 'cancel' } });
    expect(told[2]).toMatchObject({ detail: { action: 'cancel', outcome: 'done' } });
    await call('setBreaker', { lab_integration_id: 7, state: 'open', reason: 'they move' });
    expect(told.at(-1)).toMatchObject({ detail: { state: 'open' } });
  });

  it('keeps the words of closed sets alone', () => {
    for (const name of names) {
      const { auditedWords = [], input } = contract[name] as Procedure;
      for (const word of auditedWords) {
        const field = (input as unknown as { shape: Record<string, { type?: string }> }).shape[
          word
        ];
        expect(field?.type, `${name}.${word}`).toBe('enum');
      }
    }
  });

  it('names fields, and never what is in them', async () => {
    const { told, call } = trail({ addUpdateDeveloperAuthentication: () => ({}) });
    const keys = { token: 'the-token' };
    await call('addUpdateDeveloperAuthentication', {
      lab_id: 7,
      name: 'Asha',
      keys,
      note_id: 'P1',
    });
    expect(told[0]).toMatchObject({
      subject: 'lab_id=7',
      detail: { fields: ['lab_id', 'name', 'keys', 'note_id'] },
    });
    expect(JSON.stringify(told)).not.toMatch(/the-token|Asha|P1/);
  });

  it('is not done where it cannot be written', async () => {
    const { told, append, call } = trail({ revealLog: () => ({}) });
    append.mockRejectedValueOnce(new LabRelayError('STORE_UNAVAILABLE', 'full'));
    await expect(call('revealLog', { log_id: LOG_ID })).rejects.toMatchObject({ status: 503 });
    expect(told).toEqual([]);
  });

  it('is answered although its outcome could not be written, which is reported', async () => {
    const { append, onFault, call } = trail({ revealLog: () => ({ log_id: LOG_ID }) });
    append.mockResolvedValueOnce(1).mockRejectedValueOnce(new Error('full'));
    expect(await call('revealLog', { log_id: LOG_ID })).toEqual({ log_id: LOG_ID });
    expect(onFault).toHaveBeenCalledWith({ procedure: 'revealLog', error: expect.any(Error) });
  });
});

describe('a search', () => {
  it.each([
    [{ text: 'verma' }, 2],
    [{ reference: { kind: 'patient', id: 'P1' } }, 2],
    [{ reference: { kind: 'bill', id: 'B1' } }, 0],
    [{ log_id: LOG_ID }, 0],
  ])('%j is an act where it looks into patient data', async (input, entries) => {
    const { told, append, call } = trail({ searchLogs: () => ({ items: [] }) });
    await call('searchLogs', input);
    expect(append).toHaveBeenCalledTimes(entries);
    expect(JSON.stringify(told)).not.toMatch(/verma|P1/);
  });
});

/** What an outside worker does to a delivery that it was given; its log keeps that. */
const WORKERS = ['startTask', 'extendLease', 'releaseTask', 'reportTask'];

describe('the contract', () => {
  it('leaves out of the audit chain only what reads, by its very name', () => {
    for (const name of names) {
      const { audit, role }: Procedure = contract[name];
      const reads = /^(list|get|search|preview|diagnose|inspect)[A-Z]/.test(name);
      expect([name, audit === 'none'], name).toEqual([name, reads || WORKERS.includes(name)]);
      // Whoever may only look changes nothing; but a session is one's own to end.
      if (audit !== 'none' && name !== 'revokeSession')
        expect([name, role]).not.toContain('viewer');
    }
  });
});
