/** The page's address carries which log or bulk retry is open, so that it can be linked, and Back goes back. */

export function addressOfLog(logId: string): string {
  return `#/logs/${encodeURIComponent(logId)}`;
}

export function addressOfBulk(bulkRetryId: string): string {
  return `#/bulk/${encodeURIComponent(bulkRetryId)}`;
}

/** The log that an address names; null where it names none. */
export function logOfAddress(hash: string): string | null {
  return idOf(/^#\/logs\/([^/]+)$/.exec(hash)?.[1]);
}

/** The bulk retry that an address names; null where it names none. */
export function bulkOfAddress(hash: string): string | null {
  return idOf(/^#\/bulk\/([^/]+)$/.exec(hash)?.[1]);
}

function idOf(id: string | undefined): string | null {
  if (id === undefined) return null;
  try {
    return decodeURIComponent(id);
  } catch {
    // A malformed escape, typed by hand: nothing has such an address.
    return null;
  }
}
