/** How one thing that was looked at stands. `warning`: works, but should be seen to. */
export const FINDING_STATES = ['ok', 'warning', 'problem'] as const;

/** One thing that was looked at. */
export interface Finding {
  name: string;
  status: (typeof FINDING_STATES)[number];
  /** What was found; never a secret, nothing of a patient. */
  detail: string;
  /** What to do about it; null where nothing is needed. */
  cure: string | null;
}

export function ok(name: string, detail: string): Finding {
  return { name, status: 'ok', detail, cure: null };
}

export function warning(name: string, detail: string, cure: string): Finding {
  return { name, status: 'warning', detail, cure };
}

export function problem(name: string, detail: string, cure: string): Finding {
  return { name, status: 'problem', detail, cure };
}

/** The system's or SQLite's code of an error, for findings. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
}
