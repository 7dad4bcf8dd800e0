import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { beforeEach, describe, expect, test } from 'vitest';
import { copyStore } from '../../src/main/store/backup.ts';
import { encodeBuildChunk } from '../../src/main/store/batch-wire.ts';
import { openReader, openWriter } from '../../src/main/store/connection.ts';
import { createCommands } from '../../src/main/store/commands.ts';
import { migrate } from '../../src/main/store/migrate.ts';
import { MIGRATIONS } from '../../src/main/store/migrations/index.ts';
import { examineBackup, heldGroupsOf, holdEverything } from '../../src/main/store/restore.ts';
import { compareWithPresent } from '../../src/main/store/restore-compare.ts';
import { putInPlace, takeBackup } from '../../src/main/store/restore-files.ts';
import { openStore, storeFile } from '../../src/main/store/store.ts';
import type { BuildChunk } from '../../src/shared/model/batch.ts';
import { temporaryFolder } from '../helpers/folders.ts';
import { type OpenStore, openLocalStore } from './local-store.ts';
import { configure, delivery, event, report, stampNext } from './samples.ts';

const PAUSE = { since: 9_000, by: 'restore', reason: 'restored from a backup' };

let store: OpenStore & { file: string };
let copy: string;
beforeEach(() => {
  store = openLocalStore();
  copy = join(temporaryFolder(), 'copy.db');
});

async function backup(): Promise<void> {
  const wish = { target: copy, overwrite: true, sealedKey: null, madeAt: 5_000, madeBy: '0.1.0' };
  await copyStore(store.file, wish);
}

/** All rows of a query on the copy. */
function rows(sql: string): unknown[] {
  const db = openReader(copy);
  try {
    return db.prepare(sql).all();
  } finally {
    db.close();
  }
}

describe('holding what is open in a restored store', () => {
  test('holds what waits, is claimed or scheduled; what was under way is UNKNOWN', async () => {
    const rule = await configure(store);
    const sent = delivery(rule);
    await store.acceptEvent(event([sent]));
    await stampNext(store);
    await store.acceptEvent(event([delivery(rule), delivery(rule), delivery(rule)]));
    await store.claim({ worker: 'w', limit: 1, leaseUntil: 99_000, now: 0 });
    const db = new Database(store.file);
    db.exec(`UPDATE task SET state = 'SCHEDULED' WHERE task_id = (SELECT max(task_id) FROM task)`);
    db.close();
    await backup();

    expect(holdEverything(copy, PAUSE)).toEqual({ unknown: 1, reported: 0, sessions: 0 });
    expect(
      rows(`SELECT state, count(*) AS n, max(claimed_by) AS c FROM task GROUP BY state`),
    ).toEqual([{ state: 'HELD', n: 3, c: null }]);
    expect(
      rows(
        `SELECT retry_state, held_reason, count(*) AS n FROM log GROUP BY held_reason ORDER BY n`,
      ),
    ).toEqual([
      { retry_state: 'NONE', held_reason: null, n: 1 },
      { retry_state: 'HELD', held_reason: 'RESTORED_BACKUP', n: 3 },
    ]);
    expect(rows(`SELECT log_id, status, certainty FROM log WHERE held_reason IS NULL`)).toEqual([
      { log_id: sent.log.logId, status: 'FAIL', certainty: 'UNKNOWN' },
    ]);
    expect(heldGroupsOf(copy)).toEqual([
      { labIntegrationId: rule, name: 'rule', certainty: null, count: 3 },
    ]);
  });

  test('applies outcomes that were known but not reported yet', async () => {
    const rule = await configure(store);
    await store.acceptEvent(event([delivery(rule)]));
    const { task } = await stampNext(store);
    await store.settle({
      taskId: task.taskId,
      report: report(task.logId),
      reportOverHttp: { log_id: task.logId } as never,
    });
    await backup();
    expect(holdEverything(copy, PAUSE)).toMatchObject({ reported: 1, unknown: 0 });
    expect(rows('SELECT status, certainty FROM log')).toEqual([
      { status: 'SUCCESS', certainty: 'ACCEPTED' },
    ]);
    expect(rows('SELECT * FROM task')).toEqual([]);
  });

  describe('of batches', () => {
    const envelope = {
      labId: 1,
      actionCategory: 'BILL_GENERATED',
      priority: 'ROUTINE',
      deliverBy: null,
    } as const;

    /** A batch of two records that has arrived. @returns a chunk of its record at a position */
    async function arrived(rule: number) {
      const batchId = 'batch-1';
      await store.beginBatch({
        batchId,
        route: '/integrationWebhookBulkAPI/',
        accessKeyId: null,
        triggeredBy: null,
        idempotency: { scope: 's', key: 'k' },
        receivedAt: 1_000,
      });
      const parcel = { position: 0, records: 2, lines: '{}\n{}' };
      await store.spoolRecords({ batchId, parcel });
      const facts = { records: 2, bodyHash: 'h', expiresAt: 9e12, call: null };
      const batch = await store.sealBatch({ batchId, envelope, ...facts });
      if (!batch) throw new Error('not sealed');
      const { batchSeq } = batch;
      const common = { batchSeq, labId: 1, accessKeyId: null, receivedAt: 1_000, rejections: [] };
      return (position: number) => {
        const eventId = `e${position}`;
        const row = { eventId, actionCategoryListId: 1, document: '{}', bodyHash: '' };
        const deliveries = [delivery(rule, { batchId, eventId })];
        const made = { position, event: row, objects: [], deliveries };
        const place = { from: position, upTo: position + 1, isLast: position === 1 };
        return { ...common, ...place, events: [made] };
      };
    }

    /** What the next start does with it. */
    async function goOn(chunk: BuildChunk): Promise<void> {
      const db = openWriter(copy);
      const commands = createCommands(db);
      const run = (name: string, input: unknown) => commands.get(name)?.(input as never);
      run('buildBatch', encodeBuildChunk(chunk));
      for (const name of ['releaseBatch', 'cancelBatchTasks']) {
        run(name, { batchSeq: 1, afterTaskId: 0, limit: 500, now: 10_000 });
      }
      db.close();
    }

    test('one that was being built keeps its records; what becomes of them is held too', async () => {
      const chunk = await arrived(await configure(store));
      await store.buildBatch(chunk(0));
      await backup();
      holdEverything(copy, PAUSE);
      expect(rows('SELECT state, records, built FROM batch')).toEqual([
        { state: 'BUILDING', records: 2, built: 1 },
      ]);
      await goOn(chunk(1));
      expect(rows('SELECT state, accepted FROM batch')).toEqual([{ state: 'OPEN', accepted: 2 }]);
      expect(rows('SELECT state FROM task')).toEqual([{ state: 'HELD' }, { state: 'HELD' }]);
      expect(rows('SELECT retry_state AS r, held_reason AS h FROM log')).toEqual([
        { r: 'HELD', h: 'RESTORED_BACKUP' },
        { r: 'HELD', h: 'RESTORED_BACKUP' },
      ]);
      expect(heldGroupsOf(copy)).toMatchObject([{ count: 2 }]);
    });

    test('one that was being released stays held and is open', async () => {
      const chunk = await arrived(await configure(store));
      await store.buildBatch(chunk(0));
      await store.buildBatch(chunk(1));
      await store.releaseBatch({ batchSeq: 1, afterTaskId: 0, limit: 1, now: 1_000 });
      await backup();
      holdEverything(copy, PAUSE);
      await goOn(chunk(1));
      expect(rows('SELECT state FROM batch')).toEqual([{ state: 'OPEN' }]);
      expect(rows('SELECT state FROM task')).toEqual([{ state: 'HELD' }, { state: 'HELD' }]);
    });

    test('one that was cancelled while it was built is cancelled', async () => {
      const chunk = await arrived(await configure(store));
      await store.buildBatch(chunk(0));
      await store.beginCancel({ batchId: 'batch-1', actor: 'Anna', reason: 'wrong', now: 2_000 });
      await backup();
      holdEverything(copy, PAUSE);
      await goOn(chunk(1));
      expect(rows('SELECT state FROM batch')).toEqual([{ state: 'CANCELLED' }]);
      expect(rows('SELECT * FROM task')).toEqual([]);
    });

    test('one that was arriving is dropped, and its key is free', async () => {
      await arrived(await configure(store));
      const db = new Database(store.file);
      db.exec(`UPDATE batch SET state = 'RECEIVING'`);
      db.close();
      await backup();
      holdEverything(copy, PAUSE);
      expect(rows('SELECT state FROM batch')).toEqual([{ state: 'DROPPED' }]);
      expect(rows('SELECT * FROM batch_record')).toEqual([]);
    });
  });

  test('pauses deliveries, ends sessions, forgets releases under way and what the copy says of itself', async () => {
    const rule = await configure(store);
    const db = new Database(store.file);
    db.exec(`INSERT INTO access_key (kind, name, hash, hint, created_at) VALUES ('user', 'Anna', 'h', 'x', 1);
      INSERT INTO session (access_key_id, hash, created_at, last_used_at, expires_at) VALUES (1, 's', 1, 1, 9e12);
      INSERT INTO integration_state (lab_integration_id, waiting_action) VALUES (${rule}, 'RELEASE')`);
    db.close();
    await store.engineId('engine-1');
    await backup();
    expect(holdEverything(copy, PAUSE)).toMatchObject({ sessions: 1 });
    expect(rows(`SELECT value FROM setting WHERE name = 'delivery_paused'`)).toEqual([
      { value: JSON.stringify(PAUSE) },
    ]);
    expect(rows('SELECT * FROM session')).toEqual([]);
    expect(rows('SELECT waiting_action FROM integration_state')).toEqual([
      { waiting_action: null },
    ]);
    // The engine is the same one: its claims are known again.
    expect(rows('SELECT name, value FROM meta')).toEqual([
      { name: 'engine_id', value: 'engine-1' },
    ]);
  });
});

test('a backup of an older schema is brought to the present one before it is put in place', () => {
  const db = new Database(copy);
  migrate(db, MIGRATIONS.slice(0, 1), null, new Date(0));
  db.exec(`INSERT INTO lab VALUES (1, 'City', NULL, 'UTC', 1);
    INSERT INTO lab_integration VALUES (7, 1, NULL, 1, NULL, 'Bills', 1, 8, '{}', 1, 0, 0);
    INSERT INTO log (log_seq, log_id, direction, status, retry_state, stage, priority, lab_id,
      action_category_list_id, action_category, transport, revision, is_retry_enabled,
      retry_context, created_at, updated_at)
    VALUES (1, 'log-1', 'OUTBOUND', 'PENDING', 'NONE', 'ENQUEUED', 'ROUTINE', 1, 1,
      'BILL_GENERATED', 'http', 1, 1, '{}', 0, 0);
    INSERT INTO task (log_seq, lab_integration_id, state, priority, due_at, kind, attempt, revision)
    VALUES (1, 7, 'READY', 1, 0, 'FIRST', 1, 1)`);
  db.close();
  expect(examineBackup(copy)).toMatchObject({ schemaVersion: 1, madeAt: null });
  holdEverything(copy, PAUSE);
  expect(examineBackup(copy).schemaVersion).toBe(MIGRATIONS.length);
  expect(heldGroupsOf(copy)).toMatchObject([{ name: 'Bills', count: 1 }]);
});

describe('comparing with the store that is replaced', () => {
  test('counts what is newer, and marks what was attempted since as in doubt', async () => {
    const rule = await configure(store);
    const [a, b] = [delivery(rule), delivery(rule)];
    await store.acceptEvent(event([a, b]));
    await backup();
    const { task } = await stampNext(store);
    await store.settle({ taskId: task.taskId, report: report(task.logId), reportOverHttp: null });
    await store.acceptEvent(event([delivery(rule), delivery(rule), delivery(rule)]));
    holdEverything(copy, PAUSE);

    expect(compareWithPresent(copy, store.file, 9_000)).toEqual({
      newerLogs: 3,
      sentSince: 1,
      laterBodies: 0,
      droppedSince: 0,
      revokedSince: [],
    });
    expect(heldGroupsOf(copy).map(({ certainty, count }) => [certainty, count])).toEqual([
      [null, 1],
      ['UNKNOWN', 1],
    ]);
    expect(
      rows('SELECT l.log_id, a.kind FROM activity a JOIN log l ON l.log_seq = a.log_seq'),
    ).toEqual([{ log_id: a.log.logId, kind: 'SENT_SINCE' }]);
  });

  test('keeps bodies that were built since, so that no key is given to other bytes', async () => {
    const rule = await configure(store);
    const one = delivery(rule);
    await store.acceptEvent(event([one]));
    await backup();
    const later = new Database(store.file);
    later.exec(`INSERT INTO revision
        (log_seq, number, body, content_type, sha256, config_version, reason, created_at)
      SELECT log_seq, 2, '{"a":2}', 'application/json', 'sha-of-2', 1, 'REBUILT', 7 FROM log`);
    later.close();
    holdEverything(copy, PAUSE);
    expect(compareWithPresent(copy, store.file, 9_000)?.laterBodies).toBe(1);
    expect(rows('SELECT number, sha256 FROM revision ORDER BY number')).toEqual([
      { number: 1, sha256: 'x' },
      { number: 2, sha256: 'sha-of-2' },
    ]);
    // What is queued stays the body that the backup has.
    expect(rows('SELECT revision FROM task')).toEqual([{ revision: 1 }]);

    const db = new Database(copy);
    const commands = createCommands(db);
    const replaced = (sha256: string) => {
      const [fate] = db.prepare('SELECT task_id AS taskId FROM task').all() as { taskId: number }[];
      const body = { body: '{}', contentType: 'application/json', sha256, configVersion: 1 };
      const revision = { ...body, objectsFrom: 'LOCAL', fallback: null };
      const decision = { actor: 'Asha', reason: null, now: 9_500 };
      const settle = commands.get('settleHeldTasks') as (request: object) => unknown;
      db.exec(`UPDATE task SET state = 'HELD'`);
      settle({ fates: [{ ...fate, kind: 'REPLACE', revision }], decision, during: null });
      return db.prepare('SELECT revision FROM task').pluck().get();
    };
    expect(replaced('sha-of-2')).toBe(2);
    expect(replaced('sha-of-3')).toBe(3);
    db.close();
  });

  test('lets what was dropped since stay dropped, with a note', async () => {
    const rule = await configure(store);
    const [dropped, kept] = [delivery(rule), delivery(rule)];
    await store.acceptEvent(event([dropped, kept]));
    await backup();
    const later = new Database(store.file);
    later
      .prepare(`UPDATE log SET retry_state = 'CANCELLED', status = 'FAIL' WHERE log_id = ?`)
      .run(dropped.log.logId);
    later.close();
    holdEverything(copy, PAUSE);
    expect(compareWithPresent(copy, store.file, 9_000)?.droppedSince).toBe(1);
    expect(
      rows(`SELECT log_id, status, certainty, retry_state, held_reason,
        (SELECT kind FROM activity a WHERE a.log_seq = l.log_seq) AS note FROM log l`),
    ).toEqual([
      {
        log_id: dropped.log.logId,
        status: 'FAIL',
        certainty: 'NOT_SENT',
        retry_state: 'CANCELLED',
        held_reason: null,
        note: 'DROPPED',
      },
      {
        log_id: kept.log.logId,
        status: 'PENDING',
        certainty: null,
        retry_state: 'HELD',
        held_reason: 'RESTORED_BACKUP',
        note: null,
      },
    ]);
    expect(heldGroupsOf(copy)).toMatchObject([{ count: 1 }]);
  });

  test('names access keys that were revoked since', async () => {
    const key = { kind: 'user', name: 'Gone', role: 'admin', labIds: null, routes: null } as const;
    const { accessKeyId } = await store.configuration.saveAccessKey({
      ...key,
      hash: 'h',
      hint: 'x',
      createdAt: 1,
    });
    await backup();
    await store.configuration.revokeAccessKey({ accessKeyId, now: 2 });
    holdEverything(copy, PAUSE);
    expect(compareWithPresent(copy, store.file, 9_000)?.revokedSince).toEqual(['Gone']);
  });

  test('says so where the other store is another one, is damaged or is not there', async () => {
    await store.acceptEvent(event([delivery(await configure(store))]));
    await backup();
    holdEverything(copy, PAUSE);
    const other = openLocalStore();
    await other.acceptEvent(event([delivery(await configure(other))]));
    expect(compareWithPresent(copy, other.file, 9_000)).toMatchObject({ newerLogs: null });
    expect(compareWithPresent(copy, join(temporaryFolder(), 'none.db'), 9_000)).toBeNull();
  });
});

test('a restored store takes the place of the present one, which is kept whole', async () => {
  const dataDir = temporaryFolder();
  const before = await openStore({ dataDir });
  await before.acceptEvent(event([delivery(await configure(before))]));
  const wish = { target: copy, overwrite: false, sealedKey: null, madeAt: 5_000, madeBy: '0.1.0' };
  await before.backup(wish);
  await before.acceptEvent(event([delivery(1), delivery(1)]));
  await before.close();

  const draft = takeBackup(copy, dataDir);
  holdEverything(draft, PAUSE);
  const aside = join(dataDir, 'replaced-now');
  expect(putInPlace(draft, dataDir, aside)).toBe(true);
  expect(existsSync(draft)).toBe(false);
  expect(readdirSync(aside)).toEqual(['labrelay.db']);
  expect(examineBackup(join(aside, 'labrelay.db')).counts.logs).toBe(3);
  expect(examineBackup(storeFile(dataDir)).counts).toMatchObject({ logs: 1, openTasks: 1 });
  // The backup was only read.
  expect(examineBackup(copy)).toMatchObject({ madeAt: 5_000, counts: { openTasks: 1 } });
});
