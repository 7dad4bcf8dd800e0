import type { IntegrationSettings } from '../../../shared/model/configuration.ts';
import type { IntegrationChange } from './integrations.ts';
import type { ConfigurationMemory } from './memory.ts';

const LATER = 'is kept and takes effect with a later version of LabRelay';

/** What the author of a rule should know once it is saved, in whole sentences. */
export function noticesOf(
  memory: ConfigurationMemory,
  change: IntegrationChange,
  settings: IntegrationSettings,
): string[] {
  return [...laterFields(change), ...sendsNothing(memory, settings)];
}

/** Fields that were given and are stored and versioned, but do nothing yet. */
function laterFields(change: IntegrationChange): string[] {
  const given: [string, boolean][] = [['response_schema', Boolean(change.responseSchema)]];
  return given.filter(([, isGiven]) => isGiven).map(([field]) => `${field} ${LATER}.`);
}

/** Why a rule that looks active will not send. */
function sendsNothing(memory: ConfigurationMemory, settings: IntegrationSettings): string[] {
  if (!settings.isActive)
    return ['The integration is disabled: it stays, sends nothing and holds what waits for it.'];
  const notices: string[] = [];
  const lab = settings.labId === null ? undefined : memory.labs.get(settings.labId);
  if (lab && !lab.isActive)
    notices.push(
      `Lab ${lab.labId} is inactive: it takes no events, so nothing new is sent for it.`,
    );
  const category = memory.categories.get(settings.actionCategoryListId);
  if (category && !category.isActive) {
    notices.push(`Action category ${category.code} is inactive: its events are not sent.`);
  }
  const id = settings.developerAuthenticationId;
  const authentication = id === null ? undefined : memory.authentications.get(id);
  if (authentication && !authentication.isActive) {
    notices.push(
      `Developer authentication ${id} is inactive: deliveries will fail until it is active.`,
    );
  }
  return notices;
}
