import { toIso } from '../../../shared/contract/common.ts';
import { fieldError } from '../../../shared/errors.ts';
import type { LegacyCallbacks } from '../../engine/callback/legacy/legacy-callbacks.ts';
import type { Handlers } from '../handler.ts';
import { maskNote } from '../masking/mask-log.ts';

/** Handlers of what older integrations have reported. */
export function legacyHandlers(
  legacyCallbacks: Pick<LegacyCallbacks, 'notes'>,
): Handlers<'listObjectNotes'> {
  return {
    listObjectNotes: async (input, caller) => {
      const { lab_id: labId, kind, limit, in_clear: inClear } = input;
      const id = String(input.id);
      if (caller.role === 'viewer' && (inClear || kind === 'patient')) {
        throw fieldError(
          'FORBIDDEN',
          inClear ? 'in_clear' : 'kind',
          'shows patient data, which takes the role operator; leave it out or use another key',
        );
      }
      const notes = await legacyCallbacks.notes({ labId, kind, id, limit });
      const items = notes.map((note) => ({ ...note, at: toIso(note.at) }));
      return { items: inClear ? items : items.map((note) => maskNote(note, kind, id)) };
    },
  };
}
