import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';

/** Bodies shorter than this (UTF-16 units) are kept as text: compressing them costs more than it saves. */
const COMPRESS_FROM = 2_048;

/** What a compressed body must save to be worth its decompression at every read. */
const WORTHWHILE = 0.8;

/** A body column's value: plain text, or a zstd blob; SQLite's own type tells which. */
export type StoredBody = string | Buffer;

/** Text as it goes into a body column. */
export function encodeBody(text: string): StoredBody {
  if (text.length < COMPRESS_FROM) return text;
  const plain = Buffer.from(text, 'utf8');
  const packed = zstdCompressSync(plain);
  return packed.length < plain.length * WORTHWHILE ? packed : text;
}

/** The text of a body column. */
export function decodeBody(stored: StoredBody): string {
  return typeof stored === 'string' ? stored : zstdDecompressSync(stored).toString('utf8');
}

/** As {@link decodeBody}, for columns that may be empty. */
export function decodeBodyOrNull(stored: StoredBody | null): string | null {
  return stored === null ? null : decodeBody(stored);
}
