import { createTask, type ScheduledTask } from 'node-cron';

const MINUTE_MS = 60_000;

/** How far ahead (ms) the end of quiet hours is looked for; what is quiet for longer is looked at again then. */
const LOOK_AHEAD_MS = 7 * 24 * 60 * MINUTE_MS;

/** So many expressions and windows are remembered; rules have few and change seldom. */
const REMEMBERED = 1_000;

/** Hours in which no retry starts, as cron expressions of such minutes. */
export class QuietHours {
  readonly #minutes = new Map<string, ScheduledTask>();
  readonly #windows = new Map<string, { from: number; until: number }>();

  /**
   * When the quiet hours end in which a time lies, minute by minute in a time zone, so that the night in
   * which the clock is changed is as long as it is; null: it is not quiet then.
   *
   * @param expressions valid ones, of five fields
   * @param now epoch milliseconds
   */
  endOf(expressions: readonly string[], timeZone: string, now: number): number | null {
    if (expressions.length === 0) return null;
    const name = [timeZone, ...expressions].join('\n');
    const known = this.#windows.get(name);
    if (known && known.from <= now && now < known.until) return known.until;
    const minutes = expressions.map((expression) => this.#minutesOf(expression, timeZone));
    const from = Math.floor(now / MINUTE_MS) * MINUTE_MS;
    let until = from;
    while (until - from < LOOK_AHEAD_MS && isAnyOf(minutes, until)) until += MINUTE_MS;
    if (until === from) return null;
    if (this.#windows.size >= REMEMBERED) this.#windows.clear();
    this.#windows.set(name, { from, until });
    return until;
  }

  #minutesOf(expression: string, timezone: string): ScheduledTask {
    const name = `${timezone}\n${expression}`;
    const known = this.#minutes.get(name);
    if (known) return known;
    if (this.#minutes.size >= REMEMBERED) this.forget();
    // Never started: it only tells which minutes are meant.
    const task = createTask(expression, () => undefined, { timezone });
    this.#minutes.set(name, task);
    return task;
  }

  /** Forgets everything, also what the cron library keeps for it. */
  forget(): void {
    for (const task of this.#minutes.values()) void task.destroy();
    this.#minutes.clear();
    this.#windows.clear();
  }
}

/**
 * Whether hours that are the same every week leave no minute free, so that no retry would ever start.
 * Those of certain days of a month or of a year come to an end, however long they are.
 *
 * @param expressions valid ones, of five fields
 */
export function neverEnd(expressions: readonly string[]): boolean {
  const weekly = expressions.filter((expression) => {
    const [, , dayOfMonth, month] = expression.trim().split(/\s+/);
    return dayOfMonth === '*' && month === '*';
  });
  const quiet = new QuietHours();
  try {
    return quiet.endOf(weekly, 'UTC', 0) === LOOK_AHEAD_MS;
  } finally {
    quiet.forget();
  }
}

function isAnyOf(minutes: readonly ScheduledTask[], at: number): boolean {
  return minutes.some((task) => task.match(new Date(at)));
}
