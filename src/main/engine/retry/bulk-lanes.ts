import type { BulkCanary, BulkPlan, QueuedBulkItem } from '../../../shared/model/bulk-retry.ts';

/** The least that may be under way of one integration at a time. */
const LEAST_UNDER_WAY = 50;

/** What may be queued next of one integration. */
export interface Want {
  labIntegrationId: number;
  limit: number;
}

/** How an integration's canary stands. `NONE`: it has none yet, or a new one is to go. */
type CanaryStand = 'NONE' | 'WAITING' | 'GOOD';

/** Integrations of which something is to be sent. */
export function lanesOf(plan: BulkPlan | null): number[] {
  return (plan?.byIntegration ?? []).flatMap(({ labIntegrationId, total, refused }) =>
    labIntegrationId !== null && total > refused ? [labIntegrationId] : [],
  );
}

/**
 * How many of each integration may be under way beside what is, the emptiest first. So many are under
 * way at most that the failures of one class stop it before many more have gone; and one integration
 * whose partner is slow leaves the others their room.
 */
export function roomsOf(
  lanes: readonly number[],
  queued: readonly QueuedBulkItem[],
  stopAfter: number,
): Want[] {
  const room = new Map(lanes.map((lane) => [lane, Math.max(stopAfter, LEAST_UNDER_WAY)]));
  for (const { labIntegrationId: lane } of queued) room.set(lane, (room.get(lane) ?? 0) - 1);
  return lanes
    .map((lane) => ({ labIntegrationId: lane, limit: room.get(lane) ?? 0 }))
    .filter(({ limit }) => limit > 0)
    .sort((a, b) => b.limit - a.limit);
}

/**
 * How many of each integration are queued now.
 *
 * @param rooms of integrations of which something is left: one without would keep its share for nothing
 * @param budget how many may go at the set rate
 */
export function sharesOf(rooms: readonly Want[], budget: number): Want[] {
  const open = rooms.slice(0, budget);
  const share = open.length === 0 ? 0 : Math.floor(budget / open.length);
  return open.map(({ labIntegrationId, limit }) => ({
    labIntegrationId,
    limit: Math.min(limit, share),
  }));
}

/** Which integrations may go on, by their canaries, and which have to send one first. */
export function canaryLanes(
  lanes: readonly number[],
  canaries: readonly BulkCanary[],
): { cleared: number[]; waiting: number[]; without: number[] } {
  const stand = (lane: number): CanaryStand => {
    const own = canaries.filter(({ labIntegrationId }) => labIntegrationId === lane);
    if (own.some(({ state, failureClass }) => state === 'DONE' && failureClass === null)) {
      return 'GOOD';
    }
    return own.some(({ state }) => state === 'QUEUED') ? 'WAITING' : 'NONE';
  };
  const stands = lanes.map((lane) => ({ lane, is: stand(lane) }));
  const those = (wanted: CanaryStand) =>
    stands.flatMap(({ lane, is }) => (is === wanted ? [lane] : []));
  return { cleared: those('GOOD'), waiting: those('WAITING'), without: those('NONE') };
}
