import { expect, test } from 'vitest';
import { canaryLanes, roomsOf, sharesOf } from '../../../src/main/engine/retry/bulk-lanes.ts';
import type { BulkCanary, QueuedBulkItem } from '../../../src/shared/model/bulk-retry.ts';

const underWay = (labIntegrationId: number, count: number): QueuedBulkItem[] =>
  Array.from({ length: count }, (_, position) => ({
    position,
    labIntegrationId,
    isCanary: false,
    queuedAt: 0,
    made: null,
    later: null,
    task: null,
  }));

test('what may go is shared among the integrations', () => {
  expect(sharesOf(roomsOf([1, 2], [], 10), 30)).toEqual([
    { labIntegrationId: 1, limit: 15 },
    { labIntegrationId: 2, limit: 15 },
  ]);
});

test('an integration with fifty under way gets no more; the others have their room', () => {
  expect(roomsOf([1, 2], underWay(1, 50), 10)).toEqual([{ labIntegrationId: 2, limit: 50 }]);
  expect(roomsOf([1], underWay(1, 45), 10)).toEqual([{ labIntegrationId: 1, limit: 5 }]);
});

test('one that is to stop after more failures may have more under way', () => {
  expect(roomsOf([1], underWay(1, 50), 80)).toEqual([{ labIntegrationId: 1, limit: 30 }]);
});

test('with less to go than integrations, the emptiest go first, the others at the next turn', () => {
  const rooms = roomsOf([1, 2, 3], underWay(1, 1), 10);
  expect(sharesOf(rooms, 2)).toEqual([
    { labIntegrationId: 2, limit: 1 },
    { labIntegrationId: 3, limit: 1 },
  ]);
  expect(sharesOf(rooms, 0)).toEqual([]);
});

test('an integration is cleared by a good canary, and needs another one after a failed one', () => {
  const canary = (labIntegrationId: number, more: Partial<BulkCanary>): BulkCanary => ({
    position: 1,
    logId: 'l',
    labIntegrationId,
    state: 'DONE',
    failureClass: null,
    ...more,
  });
  const canaries = [
    canary(1, { failureClass: 'TIMEOUT' }),
    canary(1, {}),
    canary(2, { state: 'QUEUED' }),
    canary(3, { failureClass: 'TIMEOUT' }),
    canary(4, { state: 'SKIPPED', failureClass: 'MAPPING_FAILED' }),
  ];
  expect(canaryLanes([1, 2, 3, 4, 5], canaries)).toEqual({
    cleared: [1],
    waiting: [2],
    without: [3, 4, 5],
  });
});
