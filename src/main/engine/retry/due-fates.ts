import { messageOf } from '../../../shared/errors.ts';
import type { DueRetry, RetryDelay, RetryFate } from '../../../shared/model/due-retry.ts';
import type { RetryNote } from '../../../shared/model/retry.ts';
import type { RebuildableLog, Rebuilt } from '../payload/rebuild.ts';
import { changedPaths } from './difference.ts';

/** Bodies that are built anew side by side, since a lab's own system may have to be asked for each. */
const AT_ONCE = 10;

/** Wait (ms) before a body is tried again that could not be built just now, e.g. without an evaluator. */
const BUILD_AGAIN_MS = 60_000;

/** What finding out the fate of a due retry takes. */
export interface FateParts {
  rebuild: (log: RebuildableLog) => Promise<Rebuilt>;
  lastSentBody: (request: { logId: string }) => Promise<string | null>;
  /** Epoch milliseconds. */
  clock: () => number;
  onTrouble: (what: string, message: string) => void;
}

/** What is to be done with due retries. */
export interface Fates {
  fates: RetryFate[];
  /** Those whose body could not be built for a reason that says nothing of the delivery. */
  delays: RetryDelay[];
}

/**
 * Finds out what becomes of each due retry, building its body anew where the receiver cannot hold the
 * former one. Never throws: what cannot be found out now is put off.
 *
 * @param isOver asked before each body; those after it are left out
 */
export async function fatesOfDue(
  due: readonly DueRetry[],
  parts: FateParts,
  isOver: () => boolean,
): Promise<Fates> {
  const result: Fates = { fates: [], delays: [] };
  const rest = due.values();
  const work = async () => {
    for (const retry of rest) {
      if (isOver()) return;
      try {
        result.fates.push(await fateOf(retry, parts));
      } catch (error) {
        parts.onTrouble('retry', messageOf(error));
        const { taskId, attempt } = retry;
        result.delays.push({ taskId, attempt, dueAt: parts.clock() + BUILD_AGAIN_MS });
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return result;
}

async function fateOf(retry: DueRetry, parts: FateParts): Promise<RetryFate> {
  const { taskId, attempt, overtakenBy } = retry;
  const wait = { taskId, attempt };
  if (overtakenBy !== null) return { ...wait, kind: 'STOP', overtakenBy };
  if (retry.body === 'STORED') return { ...wait, kind: 'GO', note: noteOf({ body: 'STORED' }) };
  const rebuilt = await parts.rebuild(retry);
  switch (rebuilt.outcome) {
    case 'SAME': {
      const { objectsFrom, fallback } = rebuilt;
      return { ...wait, kind: 'GO', note: noteOf({ body: 'SAME', objectsFrom, fallback }) };
    }
    case 'CHANGED': {
      const { revision } = rebuilt;
      const { objectsFrom, fallback } = revision;
      const before = await parts.lastSentBody({ logId: retry.logId });
      const changed = before === null ? [] : changedPaths(before, revision.body);
      const note = noteOf({ body: 'CHANGED', objectsFrom, fallback, changed });
      return { ...wait, kind: 'REPLACE', revision, note };
    }
    case 'FAILED':
      return { ...wait, kind: 'FAIL', message: rebuilt.message };
  }
}

/** The schedule's own: nobody asked for it. */
function noteOf(made: Pick<RetryNote, 'body'> & Partial<RetryNote>): RetryNote {
  const nobody = { actor: null, reason: null, bulkRetryId: null };
  return { ...nobody, objectsFrom: null, fallback: null, changed: [], ...made };
}
