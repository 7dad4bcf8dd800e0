import { describe, expect, test } from 'vitest';
import { parseCommand, UsageError } from '../../src/main/cli/arguments.ts';
import { FILTER_HELP, FILTER_OPTIONS, searchInput } from '../../src/main/cli/search-filters.ts';
import { searchLogsInput } from '../../src/shared/contract/logs.ts';

const NOW = Date.parse('2026-11-23T10:00:00.000Z');

const inputOf = (...argv: string[]) => searchInput(parseCommand(argv, FILTER_OPTIONS).values, NOW);

/** What the refusal of these arguments says. */
function refusalOf(...argv: string[]): string {
  try {
    inputOf(...argv);
  } catch (error) {
    if (error instanceof UsageError) return error.message;
    throw error;
  }
  throw new Error('the arguments were taken');
}

describe('the filters of search', () => {
  test('without any, the newest page', () => {
    expect(inputOf()).toEqual({ limit: 50, include_suppressed: false });
  });

  test('several words may be repeated or listed, in either case', () => {
    expect(inputOf('--status', 'FAIL', '--status', 'pending')).toMatchObject({
      status: ['FAIL', 'PENDING'],
    });
    expect(inputOf('--certainty', 'unknown,refused')).toMatchObject({
      certainty: ['UNKNOWN', 'REFUSED'],
    });
  });

  test('each filter of the contract has its flag', () => {
    const input = inputOf(
      '--log-id',
      '01a207',
      '--retry-state',
      'HELD',
      '--direction',
      'outbound',
      '--lab',
      '4101',
      '--integration',
      '7',
      '--category',
      'bill_generated',
      '--batch',
      'b1',
      '--event',
      'e1',
      '--triggered-by',
      'call-1',
      '--control-id',
      'c1',
      '--reference',
      'bill:B-1001:7',
      '--code',
      '503',
      '--error-kind',
      'timeout',
      '--priority',
      'stat',
      '--status',
      'FAIL',
      '--certainty',
      'UNKNOWN',
      '--from',
      '2h',
      '--to',
      '2026-11-23T09:30:00Z',
      '--text',
      'Haemoglobin',
      '--cursor',
      'abc',
      '--limit',
      '5',
      '--include-suppressed',
    );
    expect(input).toEqual({
      log_id: '01a207',
      status: ['FAIL'],
      certainty: ['UNKNOWN'],
      retry_state: ['HELD'],
      direction: 'OUTBOUND',
      lab_id: 4101,
      lab_integration_id: 7,
      action_category: 'BILL_GENERATED',
      batch_id: 'b1',
      event_id: 'e1',
      triggered_by: 'call-1',
      control_id: 'c1',
      reference: { kind: 'bill', id: 'B-1001:7' },
      response_status_code: 503,
      error_kind: 'TIMEOUT',
      priority: 'STAT',
      from: '2026-11-23T08:00:00.000Z',
      to: '2026-11-23T09:30:00.000Z',
      text: 'Haemoglobin',
      include_suppressed: true,
      cursor: 'abc',
      limit: 5,
    });
    expect(Object.keys(input).sort()).toEqual(Object.keys(searchLogsInput.shape).sort());
  });

  test("each filter goes by the contract's own name too", () => {
    const long = Object.keys(searchLogsInput.shape).map((name) => name.replaceAll('_', '-'));
    expect(Object.keys(FILTER_OPTIONS)).toEqual(expect.arrayContaining(long));
    for (const flag of Object.keys(FILTER_OPTIONS)) expect(FILTER_HELP).toContain(`--${flag}`);
  });

  test('asking for suppressed logs by status asks for them', () => {
    expect(inputOf('--status', 'suppressed')).toMatchObject({ include_suppressed: true });
  });

  test('every fault is told at once, by its flag', () => {
    const refusal = refusalOf(
      '--from',
      'yesterday',
      '--limit',
      'x',
      '--status',
      'BAD',
      '--lab',
      '0',
    );
    expect(refusal).toContain('--from: must be an ISO 8601 time');
    expect(refusal).toContain('--limit: must be a whole number');
    expect(refusal).toContain('--status:');
    expect(refusal).toContain('--lab:');
  });

  test.each([
    [['--reference', 'B-1001'], '--reference: must be KIND:ID'],
    [['--reference', 'invoice:1'], '--reference:'],
    [['--log-id', ''], '--log-id: give the first characters, or the last 6 or more'],
    [['--lab', '1', '--lab-id', '2'], '--lab-id: is given twice'],
    [['--limit', '201'], '--limit:'],
  ])('%j is refused', (argv, message) => {
    expect(refusalOf(...argv)).toContain(message);
  });
});
