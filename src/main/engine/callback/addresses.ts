import type { CallbackReport } from '../../../shared/contract/callback.ts';
import { fieldError } from '../../../shared/errors.ts';

/** Where a report's own content lies: what was sent and answered, which is nobody's address. */
const CONTENT: ReadonlySet<string> = new Set<keyof CallbackReport>([
  'request_headers',
  'request_body',
  'response_headers',
  'response_body',
]);

const ADDRESS = 'integration_callback_url';

/** Longest path that is told whole; nobody but an attacker nests deeper. */
const LONGEST_PATH = 1_000;

/**
 * Refuses a report that names another address for reports than LabRelay gave out, wherever in it:
 * workers repeat their whole `integration_payload`, some below `args`.
 *
 * @param ours addresses that LabRelay itself has told
 * @throws LabRelayError `INVALID_INPUT` with the address's whole path
 */
export function refuseForeignAddress(
  report: CallbackReport,
  ours: readonly (string | null | undefined)[],
): void {
  const isOurs = (told: unknown) =>
    told === null || told === undefined || ours.includes(told as string);
  // A list of what is still to be looked at: a recursion could be made to exhaust the stack.
  const waiting: { path: string; value: object }[] = [{ path: '', value: report }];
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    for (const [key, value] of Object.entries(next.value)) {
      if (next.path === '' && CONTENT.has(key)) continue;
      const path = next.path === '' ? key : `${next.path}.${key}`;
      if (key === ADDRESS && !isOurs(value)) {
        throw fieldError(
          'INVALID_INPUT',
          path.length > LONGEST_PATH ? `${path.slice(0, LONGEST_PATH)}…` : path,
          'reports go to no address that a caller brings; send it as integration_payload gave it, or remove the field',
        );
      }
      if (typeof value === 'object' && value !== null) waiting.push({ path, value });
    }
  }
}
