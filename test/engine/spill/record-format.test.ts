import { describe, expect, test } from 'vitest';
import {
  decodePage,
  encodePage,
  encodeRecord,
  RECORDS_AT,
  scanRecords,
} from '../../../src/main/engine/spill/record-format.ts';

const ID = '0192f0c1-7d3e-4a5b-8c9d-0123456789ab';

/** A journal's bytes with records of these sequences. */
function journal(...sequences: number[]): Buffer {
  const records = sequences.map((sequence) => encodeRecord(sequence, Buffer.from('{}')));
  return Buffer.concat([encodePage(ID), ...records, Buffer.alloc(100)]);
}

const found = (bytes: Buffer) => scanRecords(bytes).map(({ sequence }) => sequence);

describe('the first page', () => {
  test('tells whose journal it is', () => {
    expect(encodePage(ID)).toHaveLength(RECORDS_AT);
    expect(decodePage(encodePage(ID))).toBe(ID);
  });

  test('of which a byte is wrong tells nothing', () => {
    const page = encodePage(ID);
    page.writeUInt8(page.readUInt8(20) ^ 1, 20);
    expect(decodePage(page)).toBeNull();
    expect(decodePage(Buffer.alloc(3))).toBeNull();
  });
});

describe('the records', () => {
  test('begin with any sequence and go on one by one', () => {
    expect(found(journal(7, 8, 9))).toEqual([7, 8, 9]);
    expect(found(journal())).toEqual([]);
  });

  test.each([[[5, 2, 3]], [[5, 7]], [[5, 5]]])('end where another one follows: %j', (sequences) => {
    expect(found(journal(...sequences))).toEqual([5]);
  });

  test('end where one has a wrong byte, wherever that is', () => {
    const whole = journal(1, 2);
    const [first, second] = scanRecords(whole);
    if (!first || !second) throw new Error('no records');
    for (let at = second.offset; at < second.offset + second.length; at++) {
      const bytes = Buffer.from(whole);
      bytes.writeUInt8(bytes.readUInt8(at) ^ 0x40, at);
      expect(found(bytes)).toEqual([1]);
    }
  });

  test('end where the file does', () => {
    const whole = journal(1, 2);
    const end = whole.length - 100;
    for (let length = 0; length < end; length++) {
      expect(found(whole.subarray(0, length)).length).toBeLessThan(2);
    }
    expect(found(whole.subarray(0, end))).toEqual([1, 2]);
  });
});
