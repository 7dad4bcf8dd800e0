import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { UsageError } from '../../src/main/cli/arguments.ts';
import { demoOptions } from '../../src/main/cli/demo.ts';

const options = (values: Parameters<typeof demoOptions>[0], environment = {}) =>
  demoOptions(values, { environment });

describe('the arguments of demo', () => {
  test('by default it lasts, on the usual port, with data of its own', () => {
    expect(options({})).toMatchObject({ once: false, events: 200, port: 7420, dataFolder: null });
  });

  test('once, it takes any free port', () => {
    expect(options({ once: true })).toMatchObject({ once: true, events: 200, port: 0 });
    expect(options({ once: true, port: '8000' })).toMatchObject({ port: 8000 });
  });

  test("it never writes into the lab's own data folder unless told so", () => {
    expect(options({}, { LABRELAY_DATA: '/lab' }).dataFolder).toBeNull();
    expect(options({ data: 'kept' }, { LABRELAY_DATA: '/lab' }).dataFolder).toBe(resolve('kept'));
  });

  test.each([
    [{ events: '0' }, '--events'],
    [{ events: '10001' }, '--events'],
    [{ events: '2e2' }, '--events'],
    [{ port: '65536' }, '--port'],
    [{ port: '-1' }, '--port'],
    [{ data: '' }, '--data'],
  ])('%j is unusable', (values, flag) => {
    expect(() => options(values)).toThrow(UsageError);
    expect(() => options(values)).toThrow(flag);
  });
});
