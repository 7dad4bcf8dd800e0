import { LabRelayError, messageOf } from '../../../shared/errors.ts';
import type { AttemptReport, ClaimedTask } from '../../../shared/model/delivery.ts';
import type { Configuration } from '../configuration/configuration.ts';

/** A line for a log's activity. */
export interface ActivityLine {
  logId: string;
  at: number;
  actor: string;
  kind: string;
  note: string;
}

/** Under this name LabRelay's own acts are noted. */
const ACTOR = 'LabRelay';

/** The delivery that was answered so. */
type GoneTask = Pick<ClaimedTask, 'labIntegrationId' | 'logId'>;

interface DisableGoneDeps {
  configuration: Pick<Configuration, 'integration' | 'saveLabIntegration'>;
  note: (line: ActivityLine) => Promise<void>;
  /** Epoch milliseconds. */
  clock: () => number;
  onTrouble: (what: string, message: string) => void;
}

/**
 * Soft-disables a rule whose partner has answered 410: going on would ask a dead address for ever,
 * and what waits is held for whoever mends the rule. One that points elsewhere by now stays as it is.
 */
export function createDisableGone({
  configuration,
  note,
  clock,
  onTrouble,
}: DisableGoneDeps): (task: GoneTask, report: Pick<AttemptReport, 'endPoint'>) => void {
  const disable = async (
    { labIntegrationId, logId }: GoneTask,
    { endPoint }: Pick<AttemptReport, 'endPoint'>,
  ): Promise<void> => {
    const rule = configuration.integration(labIntegrationId);
    if (!rule?.isActive || rule.endPoint !== endPoint) return;
    const change = { labIntegrationId, isActive: false, expectedVersion: rule.version };
    const reason = 'the partner answered 410 Gone';
    const { integration } = await configuration.saveLabIntegration(change, ACTOR, reason);
    await note({
      logId,
      at: clock(),
      actor: ACTOR,
      kind: 'INTEGRATION_DISABLED',
      note: `${reason}: integration ${labIntegrationId} was disabled (version ${integration.version}); what waits for it is held`,
    });
  };
  return (task, report) => {
    disable(task, report).catch((error: unknown) => {
      // Others of its attempts were answered likewise, or somebody has just changed the rule.
      if (error instanceof LabRelayError && error.code === 'STALE_WRITE') return;
      onTrouble('gone', messageOf(error));
    });
  };
}
