import { crc32 } from 'node:zlib';

/** Where records begin: behind a page that says whose they are. */
export const RECORDS_AT = 4_096;

/** Begins a journal's file; the number is the format's version. */
const MAGIC = Buffer.from('LABRELAY-SPILL 1', 'latin1');
const ID_BYTES = 16;
const ID_AT = MAGIC.length;
const PAGE_CHECK_AT = ID_AT + ID_BYTES;

/** `SPIL`, checksum, sequence, length; the checksum covers all behind it. */
const RECORD_MAGIC = 0x5350494c;
const CHECK_AT = 4;
const SEQUENCE_AT = 8;
const LENGTH_AT = 16;
export const RECORD_HEADER = 20;

/** The first page of a journal. @param id a UUID */
export function encodePage(id: string): Buffer {
  const page = Buffer.alloc(RECORDS_AT);
  MAGIC.copy(page);
  Buffer.from(id.replaceAll('-', ''), 'hex').copy(page, ID_AT);
  page.writeUInt32LE(crc32(page.subarray(0, PAGE_CHECK_AT)), PAGE_CHECK_AT);
  return page;
}

/** The journal's id, or null where the page is none of a journal of this format. */
export function decodePage(page: Buffer): string | null {
  if (page.length < PAGE_CHECK_AT + 4 || !page.subarray(0, ID_AT).equals(MAGIC)) return null;
  if (page.readUInt32LE(PAGE_CHECK_AT) !== crc32(page.subarray(0, PAGE_CHECK_AT))) return null;
  const id = page.toString('hex', ID_AT, PAGE_CHECK_AT);
  return id.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** One record as it lies in the journal. */
export function encodeRecord(sequence: number, payload: Buffer): Buffer {
  const record = Buffer.alloc(RECORD_HEADER + payload.length);
  record.writeUInt32LE(RECORD_MAGIC, 0);
  record.writeBigUInt64LE(BigInt(sequence), SEQUENCE_AT);
  record.writeUInt32LE(payload.length, LENGTH_AT);
  payload.copy(record, RECORD_HEADER);
  record.writeUInt32LE(crc32(record.subarray(SEQUENCE_AT)), CHECK_AT);
  return record;
}

/** Where a record lies; its length is that of the whole record. */
export interface Entry {
  sequence: number;
  offset: number;
  length: number;
}

/**
 * The record that begins at an offset; null where none does: the bytes were never written, are what
 * an earlier filling has left, or belong to a write that a crash has torn.
 */
export function recordAt(bytes: Buffer, offset: number): Entry | null {
  if (offset + RECORD_HEADER > bytes.length) return null;
  if (bytes.readUInt32LE(offset) !== RECORD_MAGIC) return null;
  const end = offset + RECORD_HEADER + bytes.readUInt32LE(offset + LENGTH_AT);
  if (end > bytes.length) return null;
  if (bytes.readUInt32LE(offset + CHECK_AT) !== crc32(bytes.subarray(offset + SEQUENCE_AT, end))) {
    return null;
  }
  const sequence = Number(bytes.readBigUInt64LE(offset + SEQUENCE_AT));
  return { sequence, offset, length: end - offset };
}

/**
 * The run of records at the beginning: each has exactly the sequence behind the one before it. What
 * was written before the last rewind lies behind the run and has a lower one.
 */
export function scanRecords(bytes: Buffer): Entry[] {
  const entries: Entry[] = [];
  let offset = RECORDS_AT;
  for (let entry = recordAt(bytes, offset); entry; entry = recordAt(bytes, offset)) {
    const last = entries.at(-1);
    if (last && entry.sequence !== last.sequence + 1) break;
    entries.push(entry);
    offset += entry.length;
  }
  return entries;
}
