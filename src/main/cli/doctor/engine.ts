import type { Output } from '../../../shared/contract/index.ts';
import type { EngineClient } from '../client.ts';
import { oneLine } from '../plain.ts';
import { type Finding, ok, problem, warning } from './finding.ts';

/** Bulk retries that are looked at, the newest first. */
const LOOKED_AT = 100;

/** How a running engine stands: its health, what was given up, what stands still and waits for a person. */
export async function engineFindings(client: EngineClient): Promise<Finding[]> {
  const health = await client.call('getHealth', {});
  const { items: breakers } = await client.call('listBreakers', {});
  const { items: bulks } = await client.call('listBulkRetries', { limit: LOOKED_AT });
  return [
    ...healthFindings(health, breakers),
    ...exhaustedFindings(health),
    ...bulks.flatMap(standingStill),
  ];
}

function healthFindings(
  { checks }: Output<'getHealth'>,
  breakers: Output<'listBreakers'>['items'],
): Finding[] {
  // Told for as long as there are any, not only for an hour.
  const told = checks.filter(({ name, ok: isOk }) => isOk || name !== 'retries');
  return told.map(({ name, ok: isOk, detail }) => {
    const what = `engine: ${name}`;
    if (isOk) return ok(what, detail);
    if (name === 'store') {
      return problem(what, detail, 'see the application log and the disk of the data folder');
    }
    const breaker = breakers.find((one) => name === `integration ${one.lab_integration_id}`);
    return warning(what, detail, breaker ? breakerCure(breaker) : 'see what it says');
  });
}

function breakerCure(breaker: Output<'listBreakers'>['items'][number]): string {
  const { lab_integration_id: id, state, reason, waiting } = breaker;
  if (state === 'closed') return `see why: labrelay search --integration ${id} --status FAIL`;
  const close = `labrelay breaker close ${id} --reason TEXT`;
  const waits = waiting === 1 ? '1 delivery waits' : `${waiting} deliveries wait`;
  return reason === 'BY_HAND'
    ? `${waits}; if what it was opened for is over: ${close}`
    : `${waits} and go by themselves once the partner is back; at once: ${close}`;
}

function exhaustedFindings({ retries: { exhausted } }: Output<'getHealth'>): Finding[] {
  if (exhausted === 0) return [];
  const those = exhausted === 1 ? '1 delivery has' : `${exhausted} deliveries have`;
  const cure = 'mend the cause, then: labrelay retry --retry-state EXHAUSTED';
  return [warning('engine: retries', `${those} used up all retries`, cure)];
}

/** A bulk retry that goes on only if a person says so. */
function standingStill(bulk: Output<'listBulkRetries'>['items'][number]): Finding[] {
  const { bulk_retry_id: id, state, stop, progress } = bulk;
  if (state !== 'STOPPED' && state !== 'PAUSED') return [];
  const detail = `${state}, ${progress.waiting} of its logs wait: ${oneLine(stop?.sentence ?? '', 300)}`;
  const cure = `labrelay bulk-retry ${id} tells more; --resume lets it go on, --cancel ends it`;
  return [warning(`engine: bulk retry ${id}`, detail, cure)];
}
