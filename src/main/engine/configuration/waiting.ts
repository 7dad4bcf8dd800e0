import { fieldError, LabRelayError } from '../../../shared/errors.ts';
import type { HeldAction } from '../../../shared/model/held.ts';
import type { ConfigurationPort } from './port.ts';

/** What enabling can do with what waits, in the words of the interface. */
const CHOICES =
  'release (the stored bytes are sent), rebuild (each body is built anew from current data and the present mapping) or drop (they are not sent)';

/** @throws LabRelayError where a choice is given that the change has no use for */
export function refuseChoice(choice: HeldAction | undefined): void {
  if (choice === undefined) return;
  throw fieldError('INVALID_INPUT', 'waiting', 'goes with is_active true only; remove it');
}

/**
 * Nobody else can know whether what waited is still worth sending.
 * @throws LabRelayError `WAITING_CHOICE_NEEDED` where deliveries are held, saying how many, since
 *   when, and the choices
 */
export async function demandChoice(
  store: Pick<ConfigurationPort, 'countHeldTasks'>,
  labIntegrationId: number,
): Promise<void> {
  const groups = await store.countHeldTasks({
    labIntegrationId,
    heldReasons: ['INTEGRATION_DISABLED', 'BEHIND_HELD'],
    certainty: null,
    from: null,
    to: null,
  });
  const count = groups.reduce((sum, group) => sum + group.count, 0);
  if (count === 0) return;
  const since = new Date(Math.min(...groups.map(({ oldestAt }) => oldestAt))).toISOString();
  const who =
    count === 1
      ? `1 delivery is held, from ${since}`
      : `${count} deliveries are held, the oldest from ${since}`;
  throw new LabRelayError(
    'WAITING_CHOICE_NEEDED',
    `${who}. Nothing was changed. Send waiting: ${CHOICES}.`,
    [{ field: 'waiting', reason: `${who}; send ${CHOICES}` }],
  );
}
