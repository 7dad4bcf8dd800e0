/** The page's address carries which log is open, so that it can be linked, and Back goes back. */

export function addressOfLog(logId: string): string {
  return `#/logs/${encodeURIComponent(logId)}`;
}

/** The log that an address names; null where it names none. */
export function logOfAddress(hash: string): string | null {
  const id = /^#\/logs\/([^/]+)$/.exec(hash)?.[1];
  if (id === undefined) return null;
  try {
    return decodeURIComponent(id);
  } catch {
    // A malformed escape, typed by hand: no log has such an address.
    return null;
  }
}
