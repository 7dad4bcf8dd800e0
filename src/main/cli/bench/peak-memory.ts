import { readFileSync, writeFileSync } from 'node:fs';

const MIB = 1_024 * 1_024;

/**
 * Forgets this process's largest resident set so far, where the system can (Linux); elsewhere it
 * stays the largest since the start, so that a growth is told too large rather than too small.
 * @returns the present resident set, MiB
 */
export function markMemory(): number {
  try {
    writeFileSync('/proc/self/clear_refs', '5');
  } catch (error) {
    if (!isAbsent(error)) throw error;
  }
  return process.memoryUsage.rss() / MIB;
}

/** @returns the largest resident set since the mark, MiB */
export function peakMemory(): number {
  try {
    const match = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'));
    if (match?.[1]) return Number(match[1]) / 1_024;
  } catch (error) {
    if (!isAbsent(error)) throw error;
  }
  return process.resourceUsage().maxRSS / 1_024;
}

/** Systems without /proc, or that let nobody reset the mark. */
function isAbsent(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : '';
  return code === 'ENOENT' || code === 'EACCES' || code === 'EPERM' || code === 'EROFS';
}
