import type { HeldAction, HeldFate, HeldTask } from '../../../shared/model/held.ts';
import type { RebuildableLog, Rebuilt } from '../payload/rebuild.ts';

/** Bodies that are built anew side by side, since a lab's own system may have to be asked for each. */
const AT_ONCE = 10;

/**
 * Finds out what becomes of each held task, building its body anew where that was chosen.
 *
 * @param isOver asked before each body, so that none is built for an action that is no longer wanted
 * @returns null where it was over before all were found out
 * @throws what `rebuild` throws, once none is being built any more
 */
export async function fatesOf(
  tasks: readonly HeldTask[],
  action: HeldAction,
  rebuild: (log: RebuildableLog) => Promise<Rebuilt>,
  isOver: () => boolean,
): Promise<HeldFate[] | null> {
  const fates: HeldFate[] = [];
  const rest = tasks.entries();
  let isBroken = false;
  const work = async () => {
    for (const [index, task] of rest) {
      if (isBroken || isOver()) return;
      try {
        fates[index] = await fateOf(task, action, rebuild);
      } catch (error) {
        isBroken = true;
        throw error;
      }
    }
  };
  const works = await Promise.allSettled(Array.from({ length: AT_ONCE }, work));
  for (const one of works) if (one.status === 'rejected') throw one.reason;
  return isOver() ? null : fates;
}

async function fateOf(
  { heldReason, ...task }: HeldTask,
  action: HeldAction,
  rebuild: (log: RebuildableLog) => Promise<Rebuilt>,
): Promise<HeldFate> {
  const { taskId } = task;
  // Queued after the choice was made, which was about those before it.
  if (heldReason === 'BEHIND_HELD') return { taskId, kind: 'RELEASE' };
  if (action !== 'REBUILD') return { taskId, kind: action };
  const rebuilt = await rebuild(task);
  switch (rebuilt.outcome) {
    case 'SAME':
      return { taskId, kind: 'RELEASE' };
    case 'CHANGED':
      return { taskId, kind: 'REPLACE', revision: rebuilt.revision };
    case 'FAILED':
      return { taskId, kind: 'FAIL', message: rebuilt.message };
  }
}
