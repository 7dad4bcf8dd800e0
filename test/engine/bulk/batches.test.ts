import { v7 as uuid } from 'uuid';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Batches } from '../../../src/main/engine/bulk/batches.ts';
import { BatchBuilder } from '../../../src/main/engine/bulk/build.ts';
import { BulkIntake } from '../../../src/main/engine/bulk/bulk-intake.ts';
import { Turns } from '../../../src/main/engine/bulk/turns.ts';
import { FirstSight } from '../../../src/main/engine/intake/first-sight.ts';
import { KeyedQueue } from '../../../src/main/engine/intake/keyed-queue.ts';
import { PayloadBuilder } from '../../../src/main/engine/payload/builder.ts';
import { StoreUnavailableError } from '../../../src/main/store/protocol.ts';
import type { BuildChunk, BuildResult } from '../../../src/shared/model/batch.ts';
import type { JsonObject } from '../../../src/shared/model/json.ts';
import { openLocalStore } from '../../store/local-store.ts';
import { RULE } from '../../store/samples.ts';
import { configurationOf, evaluatorOf, idOfCategory, NOW, rule } from '../intake/lab.ts';

/** A batch's way through the engine over the real store; what stands beside it is faked. */
const store = { current: openLocalStore() };
let troubles: string[];
let chunks: number[];
/** Run before each chunk is committed. */
let beforeBuild: (chunk: BuildChunk) => Promise<void>;
let isDropRefused: boolean;
/** Run when a batch was read that is open, before its reader is told. */
let onOpen: () => void;
/** Positions of parcels that the store does not keep. */
let lost: number[];
let batches: Batches;
let bulk: BulkIntake;

/** Builds payloads, but never that of the bill called POISON. */
class PoisonedPayloads extends PayloadBuilder {
  override build(request: Parameters<PayloadBuilder['build']>[0]) {
    if (JSON.stringify(request.args).includes('POISON')) throw new Error('a fault of ours');
    return super.build(request);
  }
}

beforeEach(async () => {
  store.current = openLocalStore();
  await store.current.configuration.saveLab({
    labId: 7,
    name: 'seven',
    organizationId: null,
    timeZone: 'UTC',
    isActive: true,
    domainSource: null,
  });
  const saved = await store.current.configuration.saveLabIntegration({
    labIntegrationId: null,
    expectedVersion: null,
    settings: { ...RULE, labId: 7 },
    changedBy: 'test',
    now: 1,
  });
  if (saved.outcome !== 'SAVED') throw new Error(saved.outcome);
  troubles = [];
  chunks = [];
  onOpen = () => {};
  isDropRefused = false;
  beforeBuild = () => Promise.resolve();
  lost = [];
  const { labIntegrationId } = saved.row;
  const configuration = configurationOf([
    rule(idOfCategory('BILL_GENERATED'), { labIntegrationId }),
  ]);
  const real = store.current;
  const buildBatch = async (chunk: BuildChunk): Promise<BuildResult> => {
    await beforeBuild(chunk);
    const result = await real.buildBatch(chunk);
    if (result.outcome === 'BUILT') chunks.push(chunk.events.length);
    return result;
  };
  const openBatch: typeof real.openBatch = async (batchSeq) => {
    const batch = await real.openBatch(batchSeq);
    if (batch?.state === 'OPEN') {
      onOpen();
      // The cancelling is noted meanwhile.
      await new Promise(setImmediate);
    }
    return batch;
  };
  // At once, as the store is asked: what is sealed in the same turn comes after it.
  const spoolRecords: typeof real.spoolRecords = (request) =>
    lost.includes(request.parcel.position)
      ? Promise.reject(new StoreUnavailableError('locked'))
      : real.spoolRecords(request);
  const spied = new Proxy(real, {
    get: (target, name) => {
      if (name === 'spoolRecords') return spoolRecords;
      if (name === 'openBatch') return openBatch;
      if (name === 'dropBatch' && isDropRefused) {
        return () => Promise.reject(new StoreUnavailableError('disk full'));
      }
      return name === 'buildBatch' ? buildBatch : Reflect.get(target, name);
    },
  });
  const turns = new Turns();
  batches = new Batches({
    store: spied,
    builder: new BatchBuilder({
      store: spied,
      configuration,
      payloads: new PoisonedPayloads({ evaluator: evaluatorOf({}) }),
      callbackUrl: () => 'http://127.0.0.1:7420/integration_callback/',
      contended: new KeyedQueue(),
      firstSight: new FirstSight(),
      turns,
    }),
    turns,
    clock: () => NOW,
    onReleased: () => {},
    onTrouble: (_what, message) => troubles.push(message),
  });
  bulk = new BulkIntake({ store: spied, configuration, batches, clock: () => NOW });
  await batches.start();
});
afterEach(async () => {
  await batches.stop();
  await store.current.close();
});

async function send(records: JsonObject[], idempotencyKey: string = uuid()): Promise<JsonObject> {
  const caller = { accessKeyId: null, labIds: null, idempotencyKey };
  const route = '/integrationWebhookBulkAPI/' as const;
  const arrival = bulk.receive({ route, caller, call: null });
  try {
    for (const record of records) {
      arrival.add(record, JSON.stringify(record));
      await arrival.room();
    }
    const { body } = await arrival.finish({ lab_id: 7, action_category: 'BILL_GENERATED' });
    return body;
  } catch (error) {
    await arrival.drop();
    throw error;
  }
}

const bill = (id: string): JsonObject => ({ bill: { bill_id: id } });
const bills = (count: number) => Array.from({ length: count }, (_, at) => bill(`B${at}`));

test('a batch is committed in chunks of at most 500 logs', async () => {
  const answer = await send(bills(1_200));
  expect(answer).toMatchObject({ accepted: 1_200, rejected: [] });
  expect(chunks.length).toBeGreaterThan(2);
  expect(Math.max(...chunks)).toBeLessThanOrEqual(500);
});

test('a chunk whose object others have changed is done again, and each record once', async () => {
  let isChanged = false;
  beforeBuild = async () => {
    if (isChanged) return;
    isChanged = true;
    const object = { kind: 'bill', id: 'B3', baseVersion: null, sourceUpdatedAt: null } as const;
    const objects = [{ ...object, document: { bill_id: 'B3', from: 'others' } }];
    await store.current.saveObjects({ labId: 7, objects, now: NOW });
  };
  expect(await send(bills(300))).toMatchObject({ accepted: 300, rejected: [] });
  const { objects } = await store.current.readIntake({
    labId: 7,
    references: [{ kind: 'bill', id: 'B3' }],
    eventId: null,
    bodyHash: '',
    idempotency: null,
  });
  expect(objects).toMatchObject([{ version: 1, document: { from: 'others' } }]);
});

test('a caller is not kept waiting for a store that is out of order; the batch is finished all the same', async () => {
  let isBroken = true;
  beforeBuild = async () => {
    if (isBroken) throw new StoreUnavailableError('disk full');
  };
  const sent = send(bills(120), 'k');
  await expect(sent).rejects.toMatchObject({ code: 'BATCH_UNFINISHED' });
  isBroken = false;
  expect(await send(bills(120), 'k')).toMatchObject({ accepted: 120 });
  expect(troubles).toHaveLength(1);
  expect(chunks).toEqual([120]);
});

test('a batch of which some records could not be kept has not arrived, and may be sent again', async () => {
  lost = [250];
  const sent = send(bills(600), 'k');
  await expect(sent).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  lost = [];
  expect(await send(bills(600), 'k')).toMatchObject({ accepted: 600, rejected: [] });
});

test('a broken-off batch that the store could not drop is dropped once it can', async () => {
  isDropRefused = true;
  lost = [0];
  await expect(send(bills(120), 'k')).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  expect((await store.current.openBatch(1))?.state).toBe('RECEIVING');
  isDropRefused = false;
  const state = async () => (await store.current.openBatch(1))?.state;
  await expect.poll(state, { timeout: 5_000 }).toBe('DROPPED');
});

test('a batch that is not built yet is never answered as if it were', async () => {
  beforeBuild = () => Promise.reject(new StoreUnavailableError('disk full'));
  await expect(send(bills(120), 'k')).rejects.toMatchObject({ code: 'BATCH_UNFINISHED' });
  await batches.stop();
  await expect(send(bills(120), 'k')).rejects.toMatchObject({ code: 'BATCH_UNFINISHED' });
});

test('a batch that is cancelled in the moment in which it opens is cancelled', async () => {
  const { batch_id: batchId } = await send(bills(20), 'k');
  const cancelled = await new Promise<{ state: string }>((resolve, reject) => {
    // What the release asks last is answered from before.
    onOpen = () => {
      onOpen = () => {};
      batches.cancel(batchId as string, 'no', 'test').then(resolve, reject);
    };
    batches.takeUp({ batchSeq: 1 });
  });
  expect(cancelled).toMatchObject({ state: 'CANCELLED', progress: { cancelled: 20 } });
  expect((await store.current.openBatch(1))?.state).toBe('CANCELLED');
});

test('a record that nothing can be built of is rejected alone, after some tries', async () => {
  const records = [...bills(20), bill('POISON'), ...bills(5)];
  await expect(send(records, 'k')).rejects.toMatchObject({ code: 'BATCH_UNFINISHED' });
  const answer = async () => {
    try {
      return await send(records, 'k');
    } catch {
      return null;
    }
  };
  await expect.poll(answer, { timeout: 15_000 }).toMatchObject({
    accepted: 25,
    rejected: [{ index: 20, field: '' }],
  });
});
