import { describe, expect, test } from 'vitest';
import { PayloadBuilder } from '../../../src/main/engine/payload/builder.ts';
import type { MappingResult } from '../../../src/main/engine/payload/evaluator.ts';
import {
  type RebuildableLog,
  type Rebuilt,
  rebuild,
} from '../../../src/main/engine/payload/rebuild.ts';
import type { Reference } from '../../../src/shared/model/domain.ts';
import type { JsonObject } from '../../../src/shared/model/json.ts';
import type { ObjectsFrom } from '../../../src/shared/model/vocabulary.ts';
import { ruleOf } from '../dispatch/lookup.ts';

const LOG: RebuildableLog = {
  logId: '0193a5c0-0000-7000-8000-000000000001',
  labId: 7,
  labIntegrationId: 1,
  actionCategory: 'BILL_GENERATED',
  eventId: 'e-1',
  references: [
    { kind: 'event', id: 'e-1' },
    { kind: 'bill', id: '17' },
    { kind: 'patient', id: 'P1' },
  ],
  sha256: '',
  isBodyGiven: false,
};

/** The lab's objects by `kind id`. */
type Objects = Record<string, JsonObject>;
const OBJECTS: Objects = {
  'event e-1': { bill: { bill_id: 17, patient_id: 'P1', total: 100 } },
  'bill 17': { bill_id: 17, patient_id: 'P1', total: 120 },
  'patient P1': { patient_id: 'P1', name: 'Asha Verma' },
};

function rebuilt(
  options: {
    log?: Partial<RebuildableLog>;
    objects?: Objects;
    from?: ObjectsFrom;
    fallback?: string;
    missing?: Reference[];
    rule?: Parameters<typeof ruleOf>[0] | null;
    mapping?: MappingResult;
  } = {},
): Promise<Rebuilt> {
  const { objects = OBJECTS, from = 'LOCAL', fallback = null, missing = [] } = options;
  const { rule = {}, mapping } = options;
  return rebuild(
    {
      configuration: { integration: () => (rule === null ? undefined : ruleOf(rule)) },
      payloads: new PayloadBuilder({
        evaluator: {
          evaluate: async (_, args) => mapping ?? { ok: true, value: args },
          stop: async () => {},
        },
      }),
      readObjects: async (labId, references) => ({
        objects: references.map(({ kind, id }) => {
          const document = labId === 7 ? objects[`${kind} ${id}`] : undefined;
          return document ? { kind, id, version: 1, sourceUpdatedAt: null, document } : null;
        }),
        from,
        fallback,
        missing,
      }),
    },
    { ...LOG, ...options.log },
  );
}

const bodyOf = (result: Rebuilt): JsonObject => {
  if (result.outcome !== 'CHANGED') throw new Error(result.outcome);
  return JSON.parse(result.revision.body) as JsonObject;
};

describe('a body that is built anew', () => {
  test('holds the objects as they stand now, with the version that made it', async () => {
    const result = await rebuilt({ rule: { version: 9 } });
    expect(bodyOf(result)).toMatchObject({
      log_id: LOG.logId,
      event_id: 'e-1',
      lab_id: 7,
      data: { bill: { total: 120, patient: { name: 'Asha Verma' } } },
    });
    expect(result).toMatchObject({ revision: { configVersion: 9, objectsFrom: 'LOCAL' } });
  });

  test('goes through the present mapping', async () => {
    const result = await rebuilt({
      rule: { mapping: '$', headers: { 'content-type': 'application/vnd.partner+json' } },
      mapping: { ok: true, value: { mapped: true } },
    });
    expect(bodyOf(result)).toEqual({ mapped: true });
    expect(result).toMatchObject({ revision: { contentType: 'application/vnd.partner+json' } });
  });

  test('that has the very same bytes keeps its revision', async () => {
    const first = await rebuilt();
    if (first.outcome !== 'CHANGED') throw new Error(first.outcome);
    expect(await rebuilt({ log: { sha256: first.revision.sha256 } })).toEqual({
      outcome: 'SAME',
      objectsFrom: 'LOCAL',
      fallback: null,
    });
  });

  test('reads also what an object has come to be linked to since', async () => {
    const objects = {
      ...OBJECTS,
      'bill 17': { bill_id: 17, patient_id: 'P2' },
      'patient P2': { patient_id: 'P2', name: 'Ravi Rao' },
    };
    expect(bodyOf(await rebuilt({ objects }))).toMatchObject({
      data: { bill: { patient: { name: 'Ravi Rao' } } },
    });
  });

  test('says where its objects were read, and why our own copy had to serve', async () => {
    expect(await rebuilt({ from: 'SOURCE' })).toMatchObject({
      revision: { objectsFrom: 'SOURCE', fallback: null },
    });
    expect(await rebuilt({ fallback: 'no answer within 5 s' })).toMatchObject({
      revision: { objectsFrom: 'LOCAL', fallback: 'no answer within 5 s' },
    });
  });
});

describe('a body that cannot be built anew says why', () => {
  test.each<[string, Parameters<typeof rebuilt>[0], RegExp]>([
    ['its event is gone', { objects: {} }, /event of this delivery is no longer kept/],
    [
      'the lab’s own system has deleted what it is about',
      { missing: [{ kind: 'bill', id: '17' }] },
      /^The lab's own system has no such bill any more\.$/,
    ],
    ['its rule is gone', { rule: null }, /rule of this delivery no longer exists/],
    [
      'its mapping fails',
      {
        rule: { mapping: '$error()' },
        mapping: { ok: false, fault: 'RUNTIME', message: 'the mapping failed at position 7' },
      },
      /failed at position 7/,
    ],
    [
      'its mapping makes nothing',
      { rule: { mapping: '$' }, mapping: { ok: true, value: undefined } },
      /produced nothing/,
    ],
  ])('%s', async (_, options, message) => {
    expect(await rebuilt(options)).toMatchObject({
      outcome: 'FAILED',
      message: expect.stringMatching(message) as unknown,
    });
  });
});
