import { randomFillSync } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';

/** Random bytes for 256 ids: asking the system for each id apart took a fifth of an event's time. */
const pool = Buffer.alloc(16 * 256);
let used = pool.length;
let lastMs = 0;
let sequence = 0;

/** A new `log_id` or `event_id`: a UUIDv7 (RFC 9562), each greater than the one before. */
export function newId(): string {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const random = pool.subarray(used, used + 16);
  used += 16;
  const now = Date.now();
  if (now > lastMs) {
    lastMs = now;
    // 31 random bits leave room to count up within the millisecond.
    sequence = random.readUInt32BE(6) >>> 1;
  } else {
    sequence++;
  }
  return uuidv7({ random, msecs: lastMs, seq: sequence });
}
