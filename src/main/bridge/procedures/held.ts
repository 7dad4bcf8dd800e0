import { toIso } from '../../../shared/contract/common.ts';
import type { WAITING_CHOICES } from '../../../shared/contract/held.ts';
import type { Input } from '../../../shared/contract/index.ts';
import type { HeldAction, HeldFilter } from '../../../shared/model/held.ts';
import type { HeldTasks } from '../../engine/queue/held-tasks.ts';
import type { Handlers } from '../handler.ts';

/** Handlers of the procedures that let go of held deliveries by filter. */
export function heldHandlers(heldTasks: HeldTasks): Handlers<'previewHeld' | 'releaseHeld'> {
  return {
    previewHeld: async (input) => {
      const groups = await heldTasks.preview(filterOf(input));
      const oldest = groups.map(({ oldestAt }) => oldestAt);
      return {
        count: groups.reduce((sum, { count }) => sum + count, 0),
        oldest_at: oldest.length === 0 ? null : toIso(Math.min(...oldest)),
        groups: groups.map((group) => ({
          lab_integration_id: group.labIntegrationId,
          held_reason: group.heldReason,
          certainty: group.certainty,
          count: group.count,
          oldest_at: toIso(group.oldestAt),
        })),
      };
    },
    releaseHeld: (input, caller) =>
      heldTasks.release(
        {
          filter: filterOf(input),
          action: heldAction(input.action),
          reason: input.reason ?? null,
          acceptsDuplicates: input.accept_duplicates,
        },
        caller.name,
      ),
  };
}

/** A choice in the words of the interface as the engine has it. */
export function heldAction(choice: (typeof WAITING_CHOICES)[number]): HeldAction {
  switch (choice) {
    case 'release':
      return 'RELEASE';
    case 'rebuild':
      return 'REBUILD';
    case 'drop':
      return 'DROP';
  }
}

function filterOf(input: Input<'previewHeld'>): HeldFilter {
  return {
    labIntegrationId: input.lab_integration_id ?? null,
    heldReasons: input.held_reason === undefined ? null : [input.held_reason],
    certainty: input.certainty ?? null,
    from: input.from === undefined ? null : Date.parse(input.from),
    to: input.to === undefined ? null : Date.parse(input.to),
  };
}
