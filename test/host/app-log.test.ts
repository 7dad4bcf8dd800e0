import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { type AppFields, openAppLog } from '../../src/main/app-log.ts';
import { TroubleWatch } from '../../src/main/trouble-watch.ts';

const NAME = 'Asha Verma';
const LOG_ID = '0197b2f0-1111-7222-8333-444455556666';

/** What a log that was given these lines holds. */
async function written(...lines: [event: string, fields: unknown][]): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'labrelay-log-'));
  const log = await openAppLog(folder);
  // As code without types would call it.
  for (const [event, fields] of lines) log.error(event as 'started', fields as AppFields);
  await log.close();
  const [file] = readdirSync(join(folder, 'logs'));
  return readFileSync(join(folder, 'logs', file ?? ''), 'utf8');
}

class PartnerError extends Error {
  readonly code = 'UND_ERR_SOCKET';
  readonly body = NAME;
}

describe('the application log', () => {
  it('keeps ids, codes, counts and durations', async () => {
    const fields = {
      log_id: LOG_ID,
      attempt_id: `${LOG_ID}_a2`,
      request_id: 'ab12cd34-7',
      lab_id: 7,
      code: 'SQLITE_FULL',
      duration_ms: 1.5,
      route: '/billing/',
      procedure: 'getLog',
      what: 'settle',
    };
    const line = JSON.parse(await written(['engine_trouble', fields])) as Record<string, unknown>;
    expect(line).toMatchObject({ level: 'error', event: 'engine_trouble', ...fields });
    expect(line['time']).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  });

  it.each([
    ['a field that is not on the list', { patient: NAME, body: { name: NAME }, name: NAME }],
    ['an id', { log_id: NAME, request_id: NAME, attempt_id: NAME }],
    ['an id that is an object', { log_id: { name: NAME } }],
    ['a number', { lab_id: NAME, count: NAME, duration_ms: { [NAME]: NAME } }],
    ['a code', { code: NAME, version: NAME, node: NAME }],
    ['a route', { route: `/${NAME}`, procedure: NAME, what: NAME }],
    ['an Error', { error: new Error(`cannot parse ${NAME}`) }],
    ['an Error of many lines', { error: new Error(`oops\n    at ${NAME} (${NAME}.ts:1:1)\n`) }],
    [
      'what hangs onto an Error',
      { error: Object.assign(new PartnerError(NAME), { patient: NAME }) },
    ],
    ['the cause of an Error', { error: new Error('outer', { cause: new TypeError(NAME) }) }],
    ['the errors of an Error', { error: new AggregateError([new Error(NAME)], NAME) }],
    ['the name of an Error', { error: Object.assign(new Error('x'), { name: NAME }) }],
    ['the code of an Error', { error: Object.assign(new Error('x'), { code: NAME }) }],
    ['a thrown text', { error: NAME }],
    ['fields that are an Error', new Error(NAME)],
  ])('lets no patient through: %s', async (_where, fields) => {
    const text = await written(['request_fault', fields]);
    expect(text).toContain('request_fault');
    expect(text).not.toMatch(/Asha|Verma/);
  });

  it('lets none through as the event either', async () => {
    expect(await written([NAME, {}])).toBe('');
  });

  it('tells of an Error what lab IT can use', async () => {
    const outer = new PartnerError('secret', { cause: new RangeError('secret') });
    const { error } = JSON.parse(await written(['request_fault', { error: outer }])) as {
      error: { type: string; code: string; at: string[]; cause: { type: string } };
    };
    expect(error).toMatchObject({ type: 'PartnerError', code: 'UND_ERR_SOCKET' });
    expect(error.at[0]).toMatch(/^app-log\.test\.ts:\d+$/);
    expect(error.cause.type).toBe('RangeError');
  });

  it('is rolled at 10 MiB, keeps five files, and its owner alone can read it', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'labrelay-log-'));
    const files = () => readdirSync(join(folder, 'logs')).sort();
    mkdirSync(join(folder, 'logs'));
    for (const number of [1, 2, 3, 4, 5, 6]) {
      const text = 'x'.repeat(number === 6 ? 10 * 1024 * 1024 - 1 : 1);
      writeFileSync(join(folder, 'logs', `labrelay.${number}.log`), text, { mode: 0o600 });
    }
    const log = await openAppLog(folder);
    log.info('started');
    await vi.waitFor(() => {
      expect(files()).toEqual([3, 4, 5, 6, 7].map((number) => `labrelay.${number}.log`));
    });
    log.info('stopped');
    await log.close();
    const newest = join(folder, 'logs', 'labrelay.7.log');
    expect(readFileSync(newest, 'utf8')).toContain('stopped');
    expect(statSync(newest).mode & 0o077).toBe(0);
  });
});

describe('an expired hold', () => {
  it('is one line that names the head’s log and how many, never the ordering key', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'labrelay-log-'));
    const log = await openAppLog(folder);
    new TroubleWatch(log, Date.now).alert('order_hold_expired', {
      count: 3,
      log_id: LOG_ID,
      lab_integration_id: 5,
      ordering_key: NAME,
    });
    await log.close();
    const [file] = readdirSync(join(folder, 'logs'));
    const text = readFileSync(join(folder, 'logs', file ?? ''), 'utf8');
    expect(text).not.toContain(NAME);
    expect(JSON.parse(text)).toMatchObject({
      level: 'warn',
      event: 'order_hold_expired',
      count: 3,
      log_id: LOG_ID,
      lab_integration_id: 5,
    });
  });
});
