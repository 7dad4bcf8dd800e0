import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { hashOf, type AuditRow } from '../../src/main/store/audit-chain.ts';
import { verifyAudit } from '../../src/main/store/audit-verify.ts';
import type { NewAuditEntry } from '../../src/shared/model/audit.ts';
import { openLocalStore } from './local-store.ts';

const SEAL_KEY = Buffer.alloc(32, 1);

let store: ReturnType<typeof openLocalStore>;
beforeEach(() => {
  store = openLocalStore();
});
afterEach(() => store.close());

const entry = (at: number, more: Partial<NewAuditEntry> = {}): NewAuditEntry => ({
  at,
  actor: 'Anna',
  action: 'revealLog',
  subject: 'log_id=1',
  reason: 'asked',
  address: '127.0.0.1',
  detail: { role: 'operator' },
  ...more,
});

const append = (at: number, sealKey = SEAL_KEY) => store.appendAudit({ entry: entry(at), sealKey });
/** Without the newest link, which most tests are not about. */
function verify(sealKey: Buffer | null = SEAL_KEY) {
  const { newest: _newest, ...verdict } = verifyAudit(store.file, sealKey);
  return verdict;
}

/** What somebody does who can write to the file, but does not have the key. */
function tamper(sql: string, ...values: unknown[]): void {
  const db = new Database(store.file);
  db.exec('DROP TRIGGER IF EXISTS audit_is_append_only_update');
  db.exec('DROP TRIGGER IF EXISTS audit_is_append_only_delete');
  db.prepare(sql).run(...values);
  db.close();
}

function rows(): AuditRow[] {
  const db = new Database(store.file);
  try {
    return db.prepare<[], AuditRow>('SELECT * FROM audit ORDER BY audit_id').all();
  } finally {
    db.close();
  }
}

/** Chains every row anew, as whoever knows how it is done could. */
function rechain(): void {
  let previous = '0'.repeat(64);
  for (const row of rows()) {
    const hash = hashOf({ ...row, previous_hash: previous });
    tamper(
      'UPDATE audit SET previous_hash = ?, hash = ? WHERE audit_id = ?',
      previous,
      hash,
      row.audit_id,
    );
    previous = hash;
  }
}

async function five(): Promise<void> {
  for (let at = 1; at <= 5; at++) await append(at);
}

describe('the audit chain', () => {
  test('links each entry to the one before, and is whole', async () => {
    expect(verify()).toEqual({ entries: 0, fault: null });
    // At once: they share a transaction, and still follow one another.
    expect(await Promise.all([append(1), append(2), append(3)])).toEqual([1, 2, 3]);
    const [first, second] = rows();
    expect(second?.previous_hash).toBe(first?.hash);
    expect(verify()).toEqual({ entries: 3, fault: null });
  });

  test('is append-only', async () => {
    await append(1);
    const db = new Database(store.file);
    expect(() => db.prepare(`UPDATE audit SET actor = 'Ben'`).run()).toThrow('append-only');
    expect(() => db.prepare('DELETE FROM audit').run()).toThrow('append-only');
    db.close();
  });

  test('is listed newest first, by its filters and page after page', async () => {
    await five();
    await store.appendAudit({ entry: entry(6, { actor: 'Ben' }), sealKey: SEAL_KEY });
    const ALL = { from: null, to: null, actor: null, action: null, beforeId: null, limit: 2 };
    const ids = async (query: object) =>
      (await store.listAudit({ ...ALL, ...query })).map(({ auditId }) => auditId);
    expect(await ids({})).toEqual([6, 5]);
    expect(await ids({ beforeId: 5 })).toEqual([4, 3]);
    expect(await ids({ actor: 'Ben' })).toEqual([6]);
    expect(await ids({ from: 2, to: 4 })).toEqual([3, 2]);
    expect(await ids({ action: 'other' })).toEqual([]);
  });
});

describe('verifying notices', () => {
  beforeEach(five);

  test.each(['actor', 'action', 'subject', 'reason', 'address', 'detail'])(
    'a row whose %s was changed',
    (column) => {
      tamper(`UPDATE audit SET ${column} = 'x' WHERE audit_id = 3`);
      expect(verify().fault).toMatchObject({ kind: 'CHANGED', auditId: 3 });
    },
  );

  test('a row that was changed with its hash', () => {
    const [, , third] = rows();
    if (!third) throw new Error('no third row');
    const hash = hashOf({ ...third, actor: 'Ben' });
    tamper(`UPDATE audit SET actor = 'Ben', hash = ? WHERE audit_id = 3`, hash);
    expect(verify().fault).toMatchObject({ kind: 'CHANGED', auditId: 3 });
  });

  test('a row that was changed with every hash after it', () => {
    tamper(`UPDATE audit SET actor = 'Ben' WHERE audit_id = 3`);
    rechain();
    expect(verify().fault).toMatchObject({ kind: 'CHANGED', auditId: 5 });
  });

  test.each([1, 3])('that row %i was removed', (id) => {
    tamper('DELETE FROM audit WHERE audit_id = ?', id);
    expect(verify().fault).toMatchObject({ kind: 'REMOVED', auditId: id });
  });

  test('a row that was removed, the others numbered and chained anew', () => {
    tamper('DELETE FROM audit WHERE audit_id = 3');
    tamper('UPDATE audit SET audit_id = audit_id - 1 WHERE audit_id > 3');
    rechain();
    expect(verify().fault).toMatchObject({ kind: 'TAIL_MISSING', auditId: 5 });
  });

  test('a row that was inserted at the end, and one before the beginning', () => {
    const insert = `INSERT INTO audit SELECT ?, at, actor, action, subject, reason, address, detail, hash, 'x'
      FROM audit WHERE audit_id = 5`;
    tamper(insert, 6);
    expect(verify().fault).toMatchObject({ kind: 'INSERTED', auditId: 6 });
    tamper(insert, 0);
    expect(verify().fault).toMatchObject({ kind: 'INSERTED', auditId: 0 });
  });

  test('a row that was inserted between, the others numbered and chained anew', () => {
    for (const id of [5, 4]) tamper('UPDATE audit SET audit_id = ? WHERE audit_id = ?', id + 1, id);
    tamper(`INSERT INTO audit SELECT 4, at, 'Eve', action, subject, reason, address, detail, '', ''
      FROM audit WHERE audit_id = 3`);
    rechain();
    expect(verify().fault).toMatchObject({ kind: 'INSERTED', auditId: 6 });
  });

  test('that the last row, or every row, is missing', () => {
    tamper('DELETE FROM audit WHERE audit_id = 5');
    expect(verify()).toMatchObject({ entries: 4, fault: { kind: 'TAIL_MISSING', auditId: 5 } });
    tamper('DELETE FROM audit');
    expect(verify().fault).toMatchObject({ kind: 'TAIL_MISSING', auditId: 1 });
  });

  test('that the last row is missing, also after the engine has gone on', async () => {
    tamper('DELETE FROM audit WHERE audit_id = 5');
    await append(6);
    expect(verify().fault).toMatchObject({
      kind: 'SEAL_BROKEN',
      auditId: 5,
      detail: expect.stringContaining('rows 5 to 5 are missing'),
    });
  });

  test('a seal that is missing, foreign, or cannot be checked', async () => {
    expect(verify(null).fault).toMatchObject({ kind: 'SEAL_BROKEN' });
    expect(verify(Buffer.alloc(32, 2)).fault).toMatchObject({ kind: 'SEAL_BROKEN' });
    tamper(`DELETE FROM meta WHERE name = 'audit_head'`);
    expect(verify().fault).toMatchObject({ kind: 'SEAL_BROKEN' });
  });

  test('that the engine went on with another key', async () => {
    const other = Buffer.alloc(32, 2);
    await append(6, other);
    expect(verify(other).fault).toMatchObject({
      kind: 'SEAL_BROKEN',
      detail: expect.stringContaining('another key'),
    });
  });

  test('put back whole to what it was, with its seal, is told by a link that was noted since', async () => {
    const copied = new Database(store.file);
    const head = copied.prepare(`SELECT value FROM meta WHERE name = 'audit_head'`).pluck().get();
    copied.close();
    await append(6);
    const { newest } = verifyAudit(store.file, SEAL_KEY);
    expect(newest).toMatchObject({ auditId: 6 });
    expect(verifyAudit(store.file, SEAL_KEY, newest).fault).toBeNull();

    tamper('DELETE FROM audit WHERE audit_id > 5');
    tamper(`UPDATE meta SET value = ? WHERE name = 'audit_head'`, head);
    expect(verify().fault).toBeNull();
    expect(verifyAudit(store.file, SEAL_KEY, newest).fault).toMatchObject({
      kind: 'TAIL_MISSING',
      auditId: 6,
    });
    await append(6_000);
    expect(verifyAudit(store.file, SEAL_KEY, newest).fault).toMatchObject({
      kind: 'CHANGED',
      auditId: 6,
    });
  });
});
