import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { queueOf } from '../../../src/main/engine/retry/manual.ts';
import { RETRY_OBSTACLES } from '../../../src/shared/model/retry.ts';
import type { RetryDoubt } from '../../../src/shared/model/retry-verdict.ts';
import {
  CERTAINTIES,
  type Certainty,
  type Resolution,
} from '../../../src/shared/model/vocabulary.ts';
import { attemptEnds, endedLog, retryOf, tamper } from '../../store/retrying.ts';
import { delivery, event, stampNext } from '../../store/samples.ts';
import { type Room, room, WISH } from './retrying.ts';

/** A way that a log may have come, and what is to be sent of it now. */
interface Case {
  /** How the attempt before its newest ended; null: there was none. */
  before: 'UNKNOWN' | 'COMMITTED' | 'REFUSED' | null;
  certainty: Certainty;
  resolution: Resolution | null;
  change: 'none' | 'body' | 'configuration';
  isOvertaken: boolean;
}

/** All there are; people close only what is in doubt or handed on. */
function allCases(): Case[] {
  const cases: Case[] = [];
  for (const before of [null, 'REFUSED', 'UNKNOWN', 'COMMITTED'] as const) {
    for (const certainty of CERTAINTIES) {
      const closes = certainty === 'UNKNOWN' || certainty === 'COMMITTED';
      for (const resolution of closes ? ([null, 'delivered', 'not_delivered'] as const) : [null]) {
        for (const change of ['none', 'body', 'configuration'] as const) {
          for (const isOvertaken of [false, true]) {
            cases.push({ before, certainty, resolution, change, isOvertaken });
          }
        }
      }
    }
  }
  return cases;
}

/** The table of the design, in its own words: what stands against a case. */
function expectedDoubts({
  before,
  certainty,
  resolution,
  change,
  isOvertaken,
}: Case): RetryDoubt[] {
  const doubts: RetryDoubt[] = [];
  const isDenied = resolution === 'not_delivered';
  const isOpenBefore = (before === 'UNKNOWN' || before === 'COMMITTED') && !isDenied;
  if (certainty === 'ACCEPTED' || resolution === 'delivered') doubts.push('ACCEPTED');
  else if (certainty === 'UNKNOWN' && !isDenied) doubts.push('MAY_HOLD');
  else if (certainty === 'COMMITTED' && !isDenied) doubts.push('HANDED_ON');
  else {
    if (certainty === 'REFUSED' && change === 'none') doubts.push('REFUSED_UNCHANGED');
    if (isOpenBefore) doubts.push('MAY_HOLD');
  }
  if (isOvertaken) doubts.push('OVERTAKEN');
  return doubts;
}

describe('on what terms a person may retry', () => {
  const cases = allCases();
  let at: Room;
  beforeAll(async () => {
    at = await room();
  });
  afterAll(() => at.store.close());

  /** Makes a log that has come that way. @returns its `log_id` */
  const make = async (one: Case, key: string): Promise<string> => {
    const { store, rule } = at;
    const id = rule.labIntegrationId;
    const first = one.before ?? one.certainty;
    const logId = await endedLog(store, id, first, { orderingKey: key });
    if (one.before !== null) {
      await store.queueRetry(await retryOf(store, logId));
      await attemptEnds(store, one.certainty);
    }
    const word = { reason: 'asked them', actor: 'Anna', now: 6_000 };
    if (one.resolution !== null) {
      await store.resolveLog({ logId, resolution: one.resolution, ...word });
    }
    if (one.isOvertaken) await endedLog(store, id, 'ACCEPTED', { orderingKey: key });
    return logId;
  };

  test(`follows from what is known, in all of ${cases.length} cases`, async () => {
    for (const [index, one] of cases.entries()) {
      const logId = await make(one, `key ${index}`);
      at.builds.body = one.change === 'body' ? '{"a":2}' : null;
      at.rule.version = one.change === 'configuration' ? 2 : 1;
      const doubts = expectedDoubts(one);
      const needsReason = doubts.some((doubt) => doubt !== 'HANDED_ON');
      const told = `${index}: ${JSON.stringify(one)}`;

      const plain = await at.retries.prepare(logId, WISH);
      if (doubts.length === 0) {
        expect(plain, told).toMatchObject({ outcome: 'READY', doubts: [] });
      } else {
        const terms = needsReason ? 'REASON' : 'CONFIRM';
        expect(plain, told).toMatchObject({ outcome: 'DOUBTED', terms, doubts });
      }
      const confirmed = await at.retries.prepare(logId, { ...WISH, acceptsDuplicates: true });
      expect(confirmed.outcome, told).toBe(needsReason ? 'DOUBTED' : 'READY');
      const reasoned = await at.retries.prepare(logId, { ...WISH, reason: 'asked them' });
      expect(reasoned, told).toMatchObject({ outcome: 'READY', doubts });
      // What was prepared is what the store queues, and as many bodies as there are.
      if (reasoned.outcome !== 'READY') throw new Error('not ready');
      const by = { actor: 'Anna', reason: 'asked them', bulkRetryId: null };
      const queued = await at.store.queueRetry(queueOf(reasoned, by, 10_000));
      expect(queued, told).toMatchObject({
        outcome: 'QUEUED',
        attempt: one.before === null ? 2 : 3,
        revision: one.change === 'body' ? 2 : 1,
      });
      await attemptEnds(at.store, 'ACCEPTED', 11_000);
    }
  }, 120_000);
});

describe('what is sent', () => {
  let at: Room;
  let logId: string;
  beforeEach(async () => {
    at = await room();
    logId = await endedLog(at.store, at.rule.labIntegrationId, 'REFUSED');
  });
  afterEach(() => at.store.close());
  const revise = (body: string) =>
    at.retries.prepare(logId, { ...WISH, body: { kind: 'EDITED', payload: body } });

  test('is built by the trigger of the log’s category, however that is called by now', async () => {
    await at.retries.prepare(logId, WISH);
    expect(at.built).toEqual(['BILL_GENERATED_NOW']);
    tamper(at.store, 'UPDATE log SET action_category_list_id = 99');
    await at.retries.prepare(logId, WISH);
    expect(at.built).toEqual(['BILL_GENERATED_NOW', 'BILL_GENERATED']);
  });

  test('is a stored revision where built bytes are those of one', async () => {
    expect(await at.retries.prepare(logId, { ...WISH, reason: 'so' })).toMatchObject({
      body: { kind: 'STORED', revision: 1 },
      made: { body: 'SAME', objectsFrom: 'LOCAL', changed: [] },
      isBodyChosen: false,
    });
  });

  test('tells where it differs from what was sent last', async () => {
    at.builds.body = '{"a":1,"b":2}';
    expect(await at.retries.prepare(logId, WISH)).toMatchObject({
      outcome: 'READY',
      made: { body: 'CHANGED', changed: ['/b'] },
    });
    expect(at.woken()).toBe(0);
  });

  test('is a person’s choice where a person has chosen the bytes, which the schedule then repeats', async () => {
    const stored = { ...WISH, reason: 'so', body: { kind: 'STORED', revision: 1 } } as const;
    expect(await at.retries.prepare(logId, stored)).toMatchObject({ isBodyChosen: true });
    expect(await revise('{"a":3}')).toMatchObject({ isBodyChosen: true });
  });

  test('goes by GET only where it is flat', async () => {
    at.rule.method = 'GET';
    at.builds.body = '{"a":{"b":1}}';
    expect(await at.retries.prepare(logId, WISH)).toMatchObject({
      outcome: 'IMPOSSIBLE',
      why: 'MAPPING_FAILED',
      message: expect.stringMatching(/flat object/) as string,
    });
  });

  test('wakes the dispatcher once it is queued, and not before', async () => {
    const by = { actor: 'Anna', expectedSha256: null };
    await expect(at.retries.retry(logId, WISH, by)).rejects.toMatchObject({
      code: 'REASON_NEEDED',
    });
    expect(at.woken()).toBe(0);
    await at.retries.retry(logId, { ...WISH, reason: 'so' }, by);
    expect(at.woken()).toBe(1);
  });
});

describe('what cannot be sent is an outcome', () => {
  let at: Room;
  let logId: string;
  beforeEach(async () => {
    at = await room();
    logId = await endedLog(at.store, at.rule.labIntegrationId, 'REFUSED');
  });
  afterEach(() => at.store.close());

  const ways: Record<(typeof RETRY_OBSTACLES)[number], (() => unknown) | null> = {
    NOT_FOUND: () => {
      logId = 'none';
    },
    CALL: () => tamper(at.store, `UPDATE log SET direction = 'INBOUND'`),
    UNDER_WAY: async () => {
      const made = delivery(at.rule.labIntegrationId);
      await at.store.acceptEvent(event([made]));
      await stampNext(at.store);
      logId = made.log.logId;
    },
    HELD: async () => {
      await at.store.queueRetry(await retryOf(at.store, logId));
      tamper(
        at.store,
        `UPDATE task SET state = 'HELD'; UPDATE log SET held_reason = 'RESTORED_BACKUP'`,
      );
    },
    DISABLED: () => {
      at.rule.isActive = false;
    },
    NO_RULE: () => {
      at.rule.labIntegrationId = 99;
      tamper(at.store, 'UPDATE log SET lab_integration_id = NULL');
    },
    NO_BODY: () => tamper(at.store, 'DELETE FROM revision; UPDATE log SET revision = 0'),
    OBJECT_GONE: () => {
      at.builds.fails = { outcome: 'FAILED', why: 'OBJECT_GONE', message: 'no such bill' };
    },
    MAPPING_FAILED: () => {
      at.builds.fails = { outcome: 'FAILED', why: 'MAPPING_FAILED', message: 'it fails' };
    },
    // Only the store can tell, while it queues: see its own tests.
    CHANGED: null,
  };

  test.each(RETRY_OBSTACLES.filter((why) => ways[why] !== null))('%s', async (why) => {
    await ways[why]?.();
    const body = why === 'NO_BODY' ? ({ kind: 'STORED', revision: null } as const) : WISH.body;
    const wish = { ...WISH, body, reason: 'so' };
    expect(await at.retries.prepare(logId, wish)).toMatchObject({ outcome: 'IMPOSSIBLE', why });
    const by = { actor: 'Anna', expectedSha256: null };
    await expect(at.retries.retry(logId, wish, by)).rejects.toMatchObject({
      name: 'LabRelayError',
      errors: [{ field: 'log_id' }],
    });
    expect(at.woken()).toBe(0);
    if (why === 'NOT_FOUND') return;
    expect(await at.retries.preview(logId, { kind: 'FRESH', configVersion: null })).toMatchObject({
      terms: why === 'NO_BODY' ? expect.any(String) : 'IMPOSSIBLE',
    });
  });
});
