import {
  type BulkRetry,
  type BulkSelection,
  type PlannedItem,
} from '../../../shared/model/bulk-retry.ts';
import type { ConfigurationLookup } from '../configuration/lookup.ts';
import type { BulkPlanPort } from './bulk-port.ts';
import { plannedVerdict } from './bulk-verdict.ts';

/** Logs that one page of the finding has: other work comes between the pages. */
const PAGE = 200;

/** The cursor behind the last page. */
const END = 'END';

interface BulkPlannerDeps {
  store: BulkPlanPort;
  configuration: Pick<ConfigurationLookup, 'integration'>;
  /** Epoch milliseconds. */
  clock: () => number;
}

/** A page of what was found. */
interface Found {
  logIds: string[];
  /** Where the next page starts; null: this is the last. */
  next: string | null;
}

/**
 * Finds and counts the logs of a bulk retry, a page at a time. Where the finding stands is kept with
 * each page, so a restart goes on behind the last one.
 */
export class BulkPlanner {
  readonly #deps: BulkPlannerDeps;

  constructor(deps: BulkPlannerDeps) {
    this.#deps = deps;
  }

  /** Finds the next page, or counts the plan where all are found. */
  async step(bulk: BulkRetry): Promise<void> {
    const { store, clock } = this.#deps;
    const { bulkRetrySeq } = bulk;
    const kept = await store.bulkSelection(bulkRetrySeq);
    if (!kept) return;
    const { selection, cursor: from } = kept;
    if (from !== END) {
      const { logIds, next } = await this.#find(selection, from);
      const last = (selection.kind === 'FILTER' ? selection.lastLogSeq : undefined) ?? Infinity;
      // What comes while it is planned was not meant.
      const items = (await this.#items(bulk, logIds)).filter(({ logSeq }) => logSeq <= last);
      const to = next ?? END;
      await store.planBulkItems({ bulkRetrySeq, from, to, items, now: clock() });
      return;
    }
    const plan = await store.countBulkPlan(bulkRetrySeq);
    await store.endBulkPlan({ bulkRetrySeq, plan, now: clock() });
  }

  async #find(selection: BulkSelection, from: string | null): Promise<Found> {
    switch (selection.kind) {
      case 'LOGS': {
        const start = from === null ? 0 : Number(from);
        const end = start + PAGE;
        const logIds = selection.logIds.slice(start, end);
        return { logIds, next: end < selection.logIds.length ? String(end) : null };
      }
      case 'FILTER': {
        const search = { ...selection.search, direction: 'OUTBOUND', cursor: from } as const;
        const page = await this.#deps.store.searchLogs({ ...search, limit: PAGE });
        return { logIds: page.items.map(({ logId }) => logId), next: page.nextCursor };
      }
    }
  }

  async #items(bulk: BulkRetry, logIds: string[]): Promise<PlannedItem[]> {
    const { store, configuration } = this.#deps;
    if (logIds.length === 0) return [];
    const logs = await store.retryableLogs(logIds);
    return logs.map((log) => {
      const { logSeq, labIntegrationId, certainty } = log;
      const rule = labIntegrationId === null ? null : configuration.integration(labIntegrationId);
      return {
        logSeq,
        labIntegrationId,
        certainty,
        verdict: plannedVerdict(log, rule ?? null, bulk),
      };
    });
  }
}
