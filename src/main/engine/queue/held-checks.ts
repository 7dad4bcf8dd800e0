import { fieldError } from '../../../shared/errors.ts';
import type { HeldAction, HeldFilter, HeldGroup } from '../../../shared/model/held.ts';
import type { ConfigurationLookup } from '../configuration/lookup.ts';

/** What is to become of which held deliveries. */
export interface HeldWish {
  filter: HeldFilter;
  action: HeldAction;
  reason: string | null;
  /** Whoever asks knows that the partner may get some of them twice. */
  acceptsDuplicates: boolean;
}

/** @throws LabRelayError where held deliveries may not be let go as wished */
export function checkRelease(
  { filter, action, reason, acceptsDuplicates }: HeldWish,
  groups: readonly HeldGroup[],
  configuration: Pick<ConfigurationLookup, 'integration'>,
): void {
  const { labIntegrationId } = filter;
  if (labIntegrationId !== null) {
    const rule = configuration.integration(labIntegrationId);
    if (!rule) {
      const cure = `there is no integration ${labIntegrationId}; listLabIntegrations lists them`;
      throw fieldError('NOT_FOUND', 'lab_integration_id', cure);
    }
    if (!rule.isActive && action !== 'DROP') {
      throw fieldError(
        'INVALID_INPUT',
        'lab_integration_id',
        'is disabled, so nothing of it is sent; enable it (setIntegrationEnabled), or drop what waits',
      );
    }
  }
  if (action === 'DROP') return;
  const restored = groups
    .filter(({ heldReason }) => heldReason === 'RESTORED_BACKUP')
    .reduce((sum, { count }) => sum + count, 0);
  if (restored === 0) return;
  if (!acceptsDuplicates) {
    throw fieldError(
      'DUPLICATES_POSSIBLE',
      'accept_duplicates',
      `${restored} of them were open in a backup that was restored, and the partner may have got them since; send true, or narrow the filter`,
    );
  }
  if (reason === null) {
    const cure = 'the partner may already hold some of them; say why they are to be sent';
    throw fieldError('REASON_NEEDED', 'reason', cure);
  }
}
