import { searchLogsInput } from '../../shared/contract/logs.ts';
import { UsageError } from './arguments.ts';
import type { EngineClient } from './client.ts';
import { localTime } from './times.ts';

/** So many candidates are listed where an id fits several. */
const CANDIDATES = 10;

/** Length of a whole `log_id` (UUID). */
const WHOLE = 36;

/**
 * A `log_id` as people type it, whole or a part of it.
 * @throws UsageError where it can be no part of one
 */
export function givenLogId(text: string): string {
  const given = text.trim().toLowerCase();
  const checked = searchLogsInput.shape.log_id.safeParse(given);
  if (checked.success) return given;
  throw new UsageError(`LOG_ID: ${checked.error.issues[0]?.message ?? 'is no log_id'}`);
}

/**
 * The whole id of the one log whose id begins or ends so. Whole ids are taken as they are.
 * @throws Error where none or several do, naming those
 */
export async function wholeLogId(client: EngineClient, given: string): Promise<string> {
  if (given.length === WHOLE) return given;
  const { items, total_estimate } = await client.call('searchLogs', {
    log_id: given,
    include_suppressed: true,
    limit: CANDIDATES,
  });
  const [first, second] = items;
  if (first && !second) return first.log_id;
  if (!first) throw new Error(`No log has an id that begins or ends with ${given}.`);
  const lines = items.map(({ log_id, created_at, direction, status, action_category }) =>
    `  ${log_id}  ${localTime(created_at)}  ${direction.toLowerCase()}  ${status}  ${action_category ?? ''}`.trimEnd(),
  );
  const more = total_estimate > items.length ? [`  … ${total_estimate} in all`] : [];
  throw new Error(
    [`Several logs fit ${given}; give more of the id:`, ...lines, ...more].join('\n'),
  );
}

/** Whole ids of all of these, each once, in the order given. */
export async function wholeLogIds(
  client: EngineClient,
  given: readonly string[],
): Promise<string[]> {
  const whole = new Set<string>();
  for (const part of given) whole.add(await wholeLogId(client, part));
  return [...whole];
}
