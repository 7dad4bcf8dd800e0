import { readFileSync } from 'node:fs';
import type { CallInput } from '../../shared/contract/index.ts';
import { UsageError } from './arguments.ts';

/** Flags that say how one log is retried. */
export const BODY_OPTIONS = {
  'accept-duplicates': { type: 'boolean' },
  stored: { type: 'boolean' },
  revision: { type: 'string' },
  edit: { type: 'string' },
  'config-version': { type: 'string' },
  reveal: { type: 'boolean' },
  wait: { type: 'boolean' },
  'no-wait': { type: 'boolean' },
} as const;

/** Flags that say how many are retried at once. */
export const MANY_OPTIONS = {
  yes: { type: 'boolean', short: 'y' },
  rate: { type: 'string' },
  'no-canary': { type: 'boolean' },
  'stop-after': { type: 'string' },
} as const;

/** What was typed beside the connection and the filters. */
export interface RetryFlags {
  reason?: string | undefined;
  plan?: boolean | undefined;
  'accept-duplicates'?: boolean | undefined;
  stored?: boolean | undefined;
  revision?: string | undefined;
  edit?: string | undefined;
  'config-version'?: string | undefined;
  reveal?: boolean | undefined;
  wait?: boolean | undefined;
  'no-wait'?: boolean | undefined;
  yes?: boolean | undefined;
  rate?: string | undefined;
  'no-canary'?: boolean | undefined;
  'stop-after'?: string | undefined;
}

/** One log to be retried; its id is still as it was typed. */
export type OneWish = Omit<CallInput<'retryIntegration'>, 'log_id'>;

/** Flags that choose the bytes, of which one at most can be meant. */
const BODY_CHOICES = ['stored', 'revision', 'edit', 'config-version'] as const;

/** Flags that say something of one log only, and the cure where there are several. */
const OF_ONE_ALONE = ['revision', 'edit', 'config-version', 'reveal'] as const;

/**
 * Whether one log is meant, or many.
 * @param hasFilters some search filter was given
 * @throws UsageError naming each flag that does not fit, and its cure
 */
export function retryMode(flags: RetryFlags, ids: number, hasFilters: boolean): 'ONE' | 'MANY' {
  const faults: string[] = [];
  if (ids === 0 && !hasFilters) {
    faults.push('LOG_ID or a filter is missing, e.g. --status FAIL --from 2h');
  }
  if (ids > 0 && hasFilters) {
    faults.push('give either log ids or filters: ids alone say which logs are meant');
  }
  const mode = ids === 1 && !hasFilters ? 'ONE' : 'MANY';
  const given = (names: readonly (keyof RetryFlags)[]) =>
    names.filter((name) => flags[name] !== undefined && flags[name] !== false);
  if (mode === 'ONE') {
    for (const name of given(Object.keys(MANY_OPTIONS) as (keyof RetryFlags)[])) {
      // A habit that does no harm.
      if (name !== 'yes') faults.push(`--${name}: is for several logs; leave it out`);
    }
  } else {
    for (const name of given(OF_ONE_ALONE)) {
      faults.push(`--${name}: is for one log; give a single LOG_ID`);
    }
  }
  const chosen = given(BODY_CHOICES);
  if (chosen.length > 1) {
    faults.push(`${chosen.map((name) => `--${name}`).join(' and ')}: choose one of them`);
  }
  if (flags.wait && flags['no-wait']) faults.push('--wait and --no-wait: choose one of them');
  if (flags.plan) {
    for (const name of given(['wait', 'no-wait', 'yes'])) {
      faults.push(`--${name}: --plan only shows what would be sent; leave one out`);
    }
  } else if (flags.reveal) faults.push('--reveal: goes with --plan');
  if (faults.length > 0) throw new UsageError(faults.join('\n  '));
  return mode;
}

/**
 * The retry of one log that was typed, without its id.
 * @throws UsageError where a value cannot be used or the file cannot be read
 */
export function oneWish(flags: RetryFlags): OneWish {
  const { reason, stored, revision, edit } = flags;
  const configVersion = wholeFlag(flags, 'config-version', 1, 1_000_000_000);
  return {
    ...(reason === undefined ? {} : { reason }),
    ...(flags['accept-duplicates'] ? { accept_duplicates: true } : {}),
    ...(stored || revision !== undefined ? { body: 'stored' as const } : {}),
    ...numbered('revision', wholeFlag(flags, 'revision', 1, 1_000_000)),
    ...numbered('config_version', configVersion),
    // As text, so that the very bytes of the file go out.
    ...(edit === undefined ? {} : { body: 'edited' as const, payload: payloadOf(edit) }),
  };
}

function numbered<K extends string>(key: K, value: number | null): { [P in K]?: number } {
  return (value === null ? {} : { [key]: value }) as { [P in K]?: number };
}

function payloadOf(file: string): string {
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8');
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new UsageError(`--edit: ${file} cannot be read (${why})`, { cause: error });
  }
}

/** A flag's whole number; null where it was not given. */
export function wholeFlag(
  flags: RetryFlags,
  name: 'revision' | 'config-version' | 'rate' | 'stop-after',
  low: number,
  high: number,
): number | null {
  const text = flags[name];
  if (text === undefined) return null;
  const number = Number(text);
  if (/^\d{1,10}$/.test(text) && number >= low && number <= high) return number;
  throw new UsageError(`--${name}: must be a whole number from ${low} to ${high}`);
}
