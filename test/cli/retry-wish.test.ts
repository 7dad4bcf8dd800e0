import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { UsageError } from '../../src/main/cli/arguments.ts';
import { manyWish, mustBeAskable } from '../../src/main/cli/retry-many.ts';
import { oneWish, type RetryFlags, retryMode } from '../../src/main/cli/retry-wish.ts';
import { capturedIo } from './captured-io.ts';
import { foldersOfFile } from './folders.ts';

const folders = foldersOfFile();
afterAll(() => folders.remove());

describe('one log or many', () => {
  test.each([
    [1, false, 'ONE'],
    [2, false, 'MANY'],
    [0, true, 'MANY'],
  ] as const)('%i ids, filters %s: %s', (ids, hasFilters, mode) => {
    expect(retryMode({}, ids, hasFilters)).toBe(mode);
  });

  test.each([
    ['nothing says which', {}, 0, false, 'LOG_ID or a filter is missing'],
    ['ids and filters', {}, 2, true, 'give either log ids or filters'],
    [
      'ways to choose the bytes',
      { stored: true, edit: 'f' },
      1,
      false,
      '--stored and --edit: choose one',
    ],
    ['a revision and a version', { revision: '1', 'config-version': '2' }, 1, false, 'choose one'],
    ['an edit of several', { edit: 'f' }, 2, false, '--edit: is for one log; give a single LOG_ID'],
    ['a revision of several', { revision: '1' }, 0, true, '--revision: is for one log'],
    ['an earlier mapping for several', { 'config-version': '1' }, 0, true, '--config-version: is'],
    ['a rate for one', { rate: '5' }, 1, false, '--rate: is for several logs; leave it out'],
    ['no canary for one', { 'no-canary': true }, 1, false, '--no-canary: is for several logs'],
    ['both waits', { wait: true, 'no-wait': true }, 1, false, 'choose one of them'],
    ['a plan that is agreed to', { plan: true, yes: true }, 0, true, '--yes: --plan only shows'],
    ['clear values without a plan', { reveal: true }, 1, false, '--reveal: goes with --plan'],
  ] as const satisfies [string, RetryFlags, number, boolean, string][])(
    'refuses %s and says what to do',
    (_, flags, ids, hasFilters, said) => {
      expect(() => retryMode(flags, ids, hasFilters)).toThrow(UsageError);
      expect(() => retryMode(flags, ids, hasFilters)).toThrow(said);
    },
  );

  test('names every flag at fault at once', () => {
    const flags = { rate: '5', 'no-canary': true, wait: true, 'no-wait': true };
    expect(() => retryMode(flags, 1, false)).toThrow(/--rate.*\n.*--no-canary.*\n.*--wait/);
  });

  test.each([{ stored: true }, { revision: '1' }, { edit: 'f' }, { 'config-version': '2' }])(
    '%j can be looked at before it is sent',
    (flags) => {
      expect(retryMode({ ...flags, plan: true, reveal: true }, 1, false)).toBe('ONE');
    },
  );

  test('agreeing in advance to a single one does no harm', () => {
    expect(retryMode({ yes: true }, 1, false)).toBe('ONE');
  });
});

describe('what is wished of one log', () => {
  test('by default it is built anew', () => {
    expect(oneWish({})).toEqual({});
    expect(oneWish({ reason: 'they lost it', 'accept-duplicates': true })).toEqual({
      reason: 'they lost it',
      accept_duplicates: true,
    });
  });

  test('or with stored bytes, an earlier mapping, or a file as it stands', () => {
    expect(oneWish({ stored: true })).toEqual({ body: 'stored' });
    expect(oneWish({ revision: '2' })).toEqual({ body: 'stored', revision: 2 });
    expect(oneWish({ 'config-version': '7' })).toEqual({ config_version: 7 });
    const file = join(folders.make(), 'edit.json');
    writeFileSync(file, '{ "amount": 1.10 }\n');
    expect(oneWish({ edit: file })).toEqual({ body: 'edited', payload: '{ "amount": 1.10 }\n' });
  });

  test.each([
    [{ revision: '0' }, '--revision: must be a whole number from 1'],
    [{ 'config-version': 'two' }, '--config-version: must be a whole number'],
    [{ edit: '/no/such/file' }, '--edit: /no/such/file cannot be read'],
  ] as const)('%j is unusable', (flags, said) => {
    expect(() => oneWish(flags)).toThrow(said);
  });
});

describe('what is wished of many', () => {
  test('is what the flags say, the rest is the engine’s', () => {
    expect(manyWish({})).toEqual({});
    const flags = {
      rate: '120',
      'stop-after': '3',
      'no-canary': true,
      stored: true,
      reason: 'why',
    };
    expect(manyWish(flags)).toEqual({
      rate_per_minute: 120,
      stop_after: 3,
      canary: false,
      body: 'stored',
      reason: 'why',
    });
    expect(() => manyWish({ rate: '0' })).toThrow('--rate: must be a whole number from 1');
    expect(() => manyWish({ 'stop-after': '1e9' })).toThrow('--stop-after: must be');
  });

  test('takes --yes or --plan where nobody can be asked', () => {
    expect(() => mustBeAskable({}, capturedIo())).toThrow('--plan to see');
    expect(() => mustBeAskable({}, capturedIo())).toThrow(UsageError);
    mustBeAskable({ yes: true }, capturedIo());
    mustBeAskable({ plan: true }, capturedIo());
    mustBeAskable({}, { ...capturedIo(), ask: async () => 'y' });
  });
});
