import type { RetryableLog } from '../../../shared/model/retry.ts';

/** The body that was sent last; undefined where none was. */
export function lastSent({ revisions, lastRevision }: RetryableLog) {
  return revisions.find(({ number }) => number === lastRevision);
}

/** Whether bytes are not those that were sent last; false where none were. */
export function isChanged(log: RetryableLog, hash: string): boolean {
  const last = lastSent(log);
  return last !== undefined && last.sha256 !== hash;
}

/** Whether bytes are not those that were sent last or, where none were, were to be sent. */
export function isNew(log: RetryableLog, hash: string): boolean {
  return (lastSent(log)?.sha256 ?? log.sha256) !== hash;
}

/** The revision that has these bytes, the newest where several do; null: none. */
export function numberOf({ revisions }: RetryableLog, hash: string): number | null {
  return revisions.findLast((one) => one.sha256 === hash)?.number ?? null;
}

/** The number of bytes that no revision has. */
export function nextNumber({ revisions }: RetryableLog): number {
  return (revisions.at(-1)?.number ?? 0) + 1;
}
