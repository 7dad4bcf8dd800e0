import { createServer } from 'node:https';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { ANONYMOUS } from '../../../src/main/engine/dispatch/credentials.ts';
import { HttpTransport } from '../../../src/main/engine/dispatch/http-transport.ts';
import { NotSendable } from '../../../src/main/engine/dispatch/not-sendable.ts';
import { FreshObjectReader } from '../../../src/main/engine/domain-source/fresh-objects.ts';
import { LEFT_ALONE_MS } from '../../../src/main/engine/domain-source/source-cache.ts';
import type { DomainSource, Lab } from '../../../src/shared/model/configuration.ts';
import type { Reference } from '../../../src/shared/model/domain.ts';
import type { JsonObject } from '../../../src/shared/model/json.ts';
import { openLocalStore } from '../../store/local-store.ts';
import { authority, hasOpenssl } from '../dispatch/certificates.ts';
import { closedPort, listen, type Partner, partner } from '../dispatch/peers.ts';

const transport = new HttpTransport(Date.now, () => {});
afterAll(() => transport.close());

const bill = { kind: 'bill', id: 'B-1' } as const;
const patient = { kind: 'patient', id: 'P-1' } as const;

let store: ReturnType<typeof openLocalStore>;
let now: number;
/** What the lab's system has, by path; a number is answered as a status code. */
let objects: Record<string, JsonObject | number>;
let lis: Partner;

beforeEach(async () => {
  now = 1_000_000;
  store = openLocalStore();
  await store.configuration.saveLab({ ...labWith(null) });
  objects = {};
  lis = await partner((response, { url }) => {
    const found = objects[url ?? ''] ?? 404;
    if (url?.includes('/slow/')) return;
    if (typeof found === 'number') response.writeHead(found).end('{}');
    else response.writeHead(200).end(JSON.stringify(found));
  });
});

function labWith(domainSource: DomainSource | null): Lab {
  return {
    labId: 1,
    name: 'City',
    organizationId: null,
    timeZone: 'UTC',
    isActive: true,
    domainSource,
  };
}

function source(more: Partial<DomainSource> = {}): Lab {
  return labWith({
    baseUrl: `${lis.origin}/lis/`,
    developerAuthenticationId: null,
    objects: { bill: { path: '/bills/{id}?lab={lab_id}', objectAt: null } },
    timeoutMs: 2_000,
    cacheMs: 30_000,
    ca: null,
    isActive: true,
    ...more,
  });
}

function reader(authorize = async () => ANONYMOUS): FreshObjectReader {
  return new FreshObjectReader({ store, transport, authorize, clock: () => now });
}

/** Keeps an object as an event would have. */
async function kept(kind: 'bill' | 'patient', id: string, document: JsonObject, at?: number) {
  const write = { kind, id, baseVersion: null, sourceUpdatedAt: at ?? null, document };
  expect(await store.saveObjects({ labId: 1, objects: [write], now })).toBe(true);
}

async function localCopy(reference: Reference) {
  const question = { labId: 1, references: [reference], eventId: null, bodyHash: '' };
  return (await store.readIntake({ ...question, idempotency: null })).objects[0];
}

describe('reading objects again', () => {
  test('asks the lab’s own system first, merges what it tells, and keeps it', async () => {
    await kept('bill', 'B-1', { bill_id: 'B-1', total: '10.00', note: 'ours' });
    objects['/lis/bills/B-1?lab=1'] = { bill_id: 'B-1', total: '12.00' };
    const fresh = await reader().read(source(), [bill]);
    expect(fresh).toMatchObject({ from: 'SOURCE', missing: [], fallback: null });
    expect(fresh.objects[0]?.document).toEqual({ bill_id: 'B-1', total: '12.00', note: 'ours' });
    expect(await localCopy(bill)).toEqual(fresh.objects[0]);
  });

  test('takes a patient out of what it is embedded in', async () => {
    await kept('patient', 'P-1', { patient_id: 'P-1', name: 'Old' });
    objects['/lis/bills/B-1?lab=1'] = {
      bill_id: 'B-1',
      patient: { patient_id: 'P-1', name: 'New' },
    };
    const fresh = await reader().read(source(), [bill, patient]);
    expect(fresh.objects.map((object) => object?.document)).toEqual([
      { bill_id: 'B-1', patient_id: 'P-1' },
      { patient_id: 'P-1', name: 'New' },
    ]);
  });

  test('lets nothing older win over what events have brought', async () => {
    const newer = Date.parse('2026-11-24T10:00:00Z');
    await kept('bill', 'B-1', { bill_id: 'B-1', total: '12.00' }, newer);
    objects['/lis/bills/B-1?lab=1'] = {
      bill_id: 'B-1',
      total: '10.00',
      source_updated_at: '2026-11-24T09:00:00Z',
    };
    const fresh = await reader().read(source(), [bill]);
    expect(fresh.objects[0]?.document).toMatchObject({ total: '12.00' });
  });

  test('finds the object where the pointer leads', async () => {
    objects['/lis/bills/B-1?lab=1'] = { data: [{ 'a/b': { bill_id: 'B-1' } }] };
    const at = { bill: { path: '/bills/{id}?lab={lab_id}', objectAt: '/data/0/a~1b' } };
    const fresh = await reader().read(source({ objects: at }), [bill]);
    expect(fresh.objects[0]?.document).toEqual({ bill_id: 'B-1' });
  });

  test.skipIf(!hasOpenssl)(
    'trusts the lab’s own authority, and nobody’s word without it',
    async () => {
      const { ca, key, cert } = authority('IP:127.0.0.1');
      const secured = createServer({ key, cert }, (_request, response) => {
        response.end(JSON.stringify({ bill_id: 'B-1', total: 'secured' }));
      });
      const { port } = await listen(secured);
      const baseUrl = `https://127.0.0.1:${port}`;
      const trusted = await reader().read(source({ baseUrl, ca }), [bill]);
      expect(trusted.objects[0]?.document).toMatchObject({ total: 'secured' });
      expect((await reader().read(source({ baseUrl }), [bill])).fallback).toMatch(/certificate/i);
    },
  );

  test('encodes ids, so that none leads to another path', async () => {
    for (const id of ['../x?y', '..', '.', '$&', '%2e%2e']) {
      await reader().read(source(), [{ kind: 'bill', id }]);
    }
    // Nothing but dots is a step up however it is spelt, so such an id is not asked for at all.
    expect(lis.received.map((one) => one.url)).toEqual([
      '/lis/bills/..%2Fx%3Fy?lab=1',
      '/lis/bills/%24%26?lab=1',
      '/lis/bills/%252e%252e?lab=1',
    ]);
  });
});

describe('the local copy', () => {
  test('serves alone where the lab has no source, or none that is switched on', async () => {
    await kept('bill', 'B-1', { bill_id: 'B-1' });
    for (const lab of [labWith(null), source({ isActive: false })]) {
      const fresh = await reader().read(lab, [bill, { kind: 'sample', id: 'S' }]);
      expect(fresh).toMatchObject({ from: 'LOCAL', missing: [], fallback: null });
      expect(fresh.objects.map((object) => object?.document)).toEqual([
        { bill_id: 'B-1' },
        undefined,
      ]);
    }
    expect(lis.received).toEqual([]);
  });

  test.each([
    ['is down', async () => source({ baseUrl: `http://127.0.0.1:${await closedPort()}` })],
    ['does not answer in time', async () => source({ timeoutMs: 100, objects: slow() })],
    ['answers 500', async () => answering(500)],
    ['answers 401', async () => answering(401)],
    ['answers another bill', async () => answering({ bill_id: 'B-2' })],
    ['answers no object', async () => answering({ data: 1 })],
    ['answers another lab’s', async () => answering({ bill_id: 'B-1', lab_id: 2 })],
    [
      'names another patient',
      async () => answering({ bill_id: 'B-1', patient: { patient_id: 'P-9', name: 'X' } }),
    ],
  ])('serves, and says so, where the lab’s system %s', async (_what, lab) => {
    const ours = { bill_id: 'B-1', total: '10.00', patient_id: 'P-1' };
    await kept('bill', 'B-1', ours);
    const fresh = await reader().read(await lab(), [bill]);
    expect(fresh.objects[0]?.document).toEqual(ours);
    expect(await localCopy({ kind: 'patient', id: 'P-9' })).toBeNull();
    expect(fresh.from).toBe('LOCAL');
    expect(fresh.fallback).toMatch(/^[A-Z].*\.$/);
    expect(fresh.fallback).not.toContain('B-1');
  });

  test('serves where the credentials cannot be had, in their words', async () => {
    await kept('bill', 'B-1', { bill_id: 'B-1' });
    const fresh = await reader(async () => {
      throw new NotSendable('The credentials are switched off.');
    }).read(source(), [bill]);
    expect(fresh.fallback).toBe('The credentials are switched off.');
    expect(lis.received).toEqual([]);
  });

  test('does not serve for what the lab’s system says is gone', async () => {
    await kept('bill', 'B-1', { bill_id: 'B-1' });
    const fresh = await reader().read(source(), [bill]);
    expect(fresh).toEqual({ objects: [null], from: 'LOCAL', missing: [bill], fallback: null });
  });

  function answering(answer: JsonObject | number): Lab {
    objects['/lis/bills/B-1?lab=1'] = answer;
    return source();
  }

  function slow(): DomainSource['objects'] {
    return { bill: { path: '/slow/{id}', objectAt: null } };
  }
});

describe('the lab’s system is spared', () => {
  beforeEach(() => {
    objects['/lis/bills/B-1?lab=1'] = { bill_id: 'B-1' };
  });

  test('a thousand readers of one object make one call', async () => {
    const fresh = reader();
    const reads = Array.from({ length: 1_000 }, () => fresh.read(source(), [bill]));
    await Promise.all(reads);
    expect(lis.received).toHaveLength(1);
  });

  test('an object is asked for again once its time in the cache is over', async () => {
    const fresh = reader();
    for (const at of [0, 29_999, 30_000]) {
      now = 1_000_000 + at;
      await fresh.read(source(), [bill]);
    }
    expect(lis.received).toHaveLength(2);
  });

  test('what was remembered is forgotten when the configuration changes', async () => {
    const fresh = reader();
    await fresh.read(source(), [bill]);
    fresh.forget();
    await fresh.read(source(), [bill]);
    expect(lis.received).toHaveLength(2);
  });

  test('one that is down is left alone for a while, then asked again', async () => {
    const fresh = reader();
    const down = source({ baseUrl: `http://127.0.0.1:${await closedPort()}` });
    expect((await fresh.read(down, [bill])).fallback).toMatch(/connection/i);
    // It is back, but is not asked before its time.
    expect((await fresh.read(source(), [bill])).fallback).toMatch(/connection/i);
    expect(lis.received).toEqual([]);
    now += LEFT_ALONE_MS;
    expect((await fresh.read(source(), [bill])).from).toBe('SOURCE');
  });

  test('one that answers 500 is not down: the next object is asked for', async () => {
    objects['/lis/bills/B-1?lab=1'] = 500;
    objects['/lis/bills/B-2?lab=1'] = { bill_id: 'B-2' };
    const fresh = await reader().read(source(), [bill, { kind: 'bill', id: 'B-2' }]);
    expect(fresh.from).toBe('SOURCE');
    expect(fresh.objects[1]?.document).toEqual({ bill_id: 'B-2' });
  });
});
