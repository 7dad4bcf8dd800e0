import { once } from 'node:events';
import { join } from 'node:path';
import pino from 'pino';
import roll from 'pino-roll';
import { contract } from '../shared/contract/index.ts';
import { makeFolder } from './folders.ts';

/** What the application log tells of. Texts are closed, so that nothing can be written into one. */
export const APP_EVENTS = [
  'started',
  'stopping',
  'stopped',
  'admin_key_made',
  'insecure_http',
  'tls_renewed',
  'tls_refused',
  'tls_expiring',
  'backup_made',
  'backup_failed',
  'backups_not_rotated',
  'secrets_unreadable',
  'engine_started',
  'engine_stopped',
  'engine_trouble',
  'store_back',
  'spill_missing',
  'spill_moved_aside',
  'spill_not_found',
  'order_hold_expired',
  'retries_exhausted',
  'logs_stalled',
  'bulk_retry_stopped',
  'breaker_warning',
  'breaker_opened',
  'breaker_closed',
  'request_fault',
  'procedure_fault',
] as const;
export type AppEvent = (typeof APP_EVENTS)[number];

/** A line's fields by {@link FIELDS}; anything else is dropped. */
export type AppFields = Partial<Record<keyof typeof FIELDS, unknown>>;

/** The application log: for lab IT, without patient data and without secrets. */
export interface AppLog {
  info(event: AppEvent, fields?: AppFields): void;
  warn(event: AppEvent, fields?: AppFields): void;
  error(event: AppEvent, fields?: AppFields): void;
}

/** A log that is a file, and must be closed. */
export interface AppLogFile extends AppLog {
  /** Writes what is buffered and closes the file. Idempotent. */
  close(): Promise<void>;
}

type Shape = (value: unknown) => unknown;

const count: Shape = (value) =>
  typeof value === 'number' && Number.isFinite(value) ? value : undefined;
/** Ids of our own making: UUIDs, with an attempt's or revision's number, and request ids. */
const ownId: Shape = (value) =>
  typeof value === 'string' &&
  /^(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?:_[ar]\d{1,9})?|[0-9a-f]{8}-\d{1,15})$/.test(
    value,
  )
    ? value
    : undefined;
const code: Shape = (value) =>
  typeof value === 'string' && /^[A-Z][A-Z0-9_]{1,60}$/.test(value) ? value : undefined;
const oneOf =
  (words: readonly string[]): Shape =>
  (value) =>
    typeof value === 'string' && words.includes(value) ? value : undefined;
const version: Shape = (value) =>
  typeof value === 'string' && /^v?\d+\.\d+\.\d+[\w.-]{0,30}$/.test(value) ? value : undefined;

/**
 * The fields that a line may have, each with the shape that its value must have. A value of another
 * shape is left out rather than guessed at.
 */
const FIELDS = {
  log_id: ownId,
  attempt_id: ownId,
  bulk_retry_id: ownId,
  request_id: ownId,
  lab_id: count,
  lab_integration_id: count,
  access_key_id: count,
  task_id: count,
  pid: count,
  port: count,
  count,
  requeued: count,
  unknown: count,
  failed: count,
  duration_ms: count,
  code,
  version,
  node: version,
  route: (value: unknown) =>
    typeof value === 'string' && /^\/[A-Za-z0-9_/*.-]{0,80}$/.test(value) ? value : undefined,
  procedure: oneOf(Object.keys(contract)),
  /** What the engine was doing when it met trouble. */
  what: oneOf([
    'claim',
    'stamp',
    'handler',
    'settle',
    'bury',
    'recover',
    'lease',
    'report',
    'bulk_retry',
    'index',
    'housekeeping',
    'release',
    'begin',
    'hold',
    'gone',
    'listener',
    'store',
    'people',
    'call',
    'spill',
    'set_aside',
  ]),
  error: errorShape,
} satisfies Record<string, Shape>;

/**
 * What may be told of an error: its class, its code and where it was thrown. Its message never is,
 * since libraries quote in it what they choked on; neither is anything hung onto it.
 */
function errorShape(error: unknown): unknown {
  if (!(error instanceof Error)) return { type: typeof error };
  const type = /^[A-Z][A-Za-z0-9]{0,60}$/.test(error.constructor.name)
    ? error.constructor.name
    : 'Error';
  const errorCode = 'code' in error ? code(error.code) : undefined;
  return {
    type,
    ...(errorCode === undefined ? {} : { code: errorCode }),
    at: framesOf(error),
    ...(error.cause instanceof Error ? { cause: errorShape(error.cause) } : {}),
  };
}

/** `file:line` of the innermost frames. The stack's head holds the message and is cut off whole. */
function framesOf(error: Error): string[] {
  const stack = error.stack ?? '';
  const start = stack.indexOf(error.message);
  // A stack without its message cannot be told apart from an older one; leave it.
  if (start < 0) return [];
  const frames = stack.slice(start + error.message.length);
  return [...frames.matchAll(/^ {4}at (?:.* \()?[^()\n]*?([\w.-]+:\d+):\d+\)?$/gm)]
    .map((match) => match[1] ?? '')
    .slice(0, 8);
}

function allowed(fields: AppFields | undefined): Record<string, unknown> {
  const kept: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields ?? {})) {
    const shape: Shape | undefined = Object.hasOwn(FIELDS, name)
      ? FIELDS[name as keyof typeof FIELDS]
      : undefined;
    const shown = shape?.(value);
    if (shown !== undefined) kept[name] = shown;
  }
  return kept;
}

/**
 * Opens the log in the data folder: `logs/labrelay.N.log`, the highest N being written, rolled at
 * 10 MiB, five files in all. A full disk costs lines of this log, never a delivery.
 */
export async function openAppLog(dataFolder: string): Promise<AppLogFile> {
  const folder = join(dataFolder, 'logs');
  makeFolder(folder);
  const file = await roll({
    file: join(folder, 'labrelay.log'),
    size: '10m',
    mode: 0o600,
    // Lines are few. Written at once they outlive a crash, and the file is rolled also in a flood.
    sync: true,
    limit: { count: 5, removeOtherLogFiles: true },
  });
  // Rejects where the file cannot be opened, e.g. in a folder of another user.
  await once(file, 'ready');
  // Without a listener a write error would end the process. It is not retried: the next line is.
  file.on('error', () => {});
  const log = pino(
    {
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      messageKey: 'event',
      formatters: { level: (level) => ({ level }) },
    },
    file,
  );
  const write =
    (level: 'info' | 'warn' | 'error') =>
    (event: AppEvent, fields?: AppFields): void => {
      if (!closed && APP_EVENTS.includes(event)) log[level](allowed(fields), event);
    };
  let closed: Promise<void> | null = null;
  return {
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    close: () => {
      closed ??= new Promise((resolve) => {
        file.once('close', resolve);
        file.once('error', () => resolve());
        file.end();
      });
      return closed;
    },
  };
}
