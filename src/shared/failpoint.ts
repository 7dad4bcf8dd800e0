/**
 * Named places at which a test ends the process on purpose, to show what a crash there leaves.
 *
 * A specification is `name` or `name:n` (the n-th time it is passed, from 1). The store commits all
 * the time, so the two places of a commit can be asked for by what is in it:
 * `before-commit@acceptEvent` counts only commits that hold such a command. Without a specification
 * every place costs a call of an empty function.
 */
export type Failpoint = (name: FailpointName, commands?: readonly { name: string }[]) => void;

export const FAILPOINTS = [
  'before-stamp',
  'after-stamp',
  'before-bytes',
  'after-bytes',
  'before-answer',
  'after-answer',
  'before-commit',
  'after-commit',
] as const;
export type FailpointName = (typeof FAILPOINTS)[number];

const SPECIFICATION = /^([a-z-]+)(?:@(\w+))?(?::([1-9]\d*))?$/;

/**
 * @param specification what the environment asks for; undefined in production
 * @param end ends the process at once, as a crash would
 * @throws Error for what names no failpoint, since a test that hits nothing proves nothing
 */
export function createFailpoint(specification: string | undefined, end: () => void): Failpoint {
  if (!specification) return () => {};
  const [, name, command, count] = SPECIFICATION.exec(specification) ?? [];
  if (!FAILPOINTS.includes(name as FailpointName)) {
    throw new Error(
      `LABRELAY_FAILPOINT: ${specification} is none of ${FAILPOINTS.join(', ')}, with @command after a commit's and :n after either`,
    );
  }
  let remaining = Number(count ?? 1);
  return (passed, commands) => {
    if (passed !== name) return;
    if (command !== undefined && !commands?.some((one) => one.name === command)) return;
    if (--remaining === 0) end();
  };
}
