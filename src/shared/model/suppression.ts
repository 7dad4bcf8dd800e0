/** The status code with which a partner says that this delivery is not for the dashboard. */
export const SUPPRESSION_STATUS_CODE = 209;

/** The `message` by which a partner says the same in its body. */
export const SUPPRESSION_MESSAGE = '#NOTFORDASHBOARD';

/**
 * Whether the partner's answer asks that no status be reported. It hides the status only:
 * certainty still follows the code.
 */
export function isSuppressed(statusCode: number | null, body: string | null): boolean {
  if (statusCode === SUPPRESSION_STATUS_CODE) return true;
  // The cheap search spares parsing nearly every answer there is. Without the `#`, which a careful
  // JSON writer may escape.
  if (!body?.includes(SUPPRESSION_MESSAGE.slice(1))) return false;
  try {
    // Some servers put a byte order mark before their JSON, which the parser does not take.
    const parsed: unknown = JSON.parse(body.replace(/^\uFEFF/, ''));
    return (
      typeof parsed === 'object' &&
      parsed !== null &&
      (parsed as { message?: unknown }).message === SUPPRESSION_MESSAGE
    );
  } catch {
    // Not JSON, so it has no `message`.
    return false;
  }
}
