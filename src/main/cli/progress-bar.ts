/** How far some counted work is. */
export interface Progress {
  total: number;
  /** What has ended, by how; the rest is still to come. */
  succeeded: number;
  failed: number;
  skipped: number;
  /** What is happening just now, in a word or two. */
  doing: string;
}

/** How the line may be drawn. */
export interface Drawing {
  /** Columns of the terminal. */
  columns: number;
  /** With colours; each has a sign of its own as well. */
  hasColour: boolean;
}

/** A bar shorter than this says nothing; the figures alone are shown then. */
const SHORTEST_BAR = 8;
const LONGEST_BAR = 40;

const GREEN = '32';
const RED = '31';
const YELLOW = '33';

/**
 * Progress as one line that fits its terminal: `███×░░  120/300  40 %  118 succeeded, 2 failed
 * running`. Where it is narrow, words go first, then the bar; the count stays.
 */
export function progressLine(progress: Progress, { columns, hasColour }: Drawing): string {
  const { total, doing } = progress;
  const ended = progress.succeeded + progress.failed + progress.skipped;
  // The last column is left free: some terminals go to a new line when it is written.
  const room = Math.max(1, columns - 1);
  const count = `${ended}/${total}`;
  const percent = `  ${total === 0 ? 100 : Math.floor((ended / total) * 100)} %`;
  const counts = `  ${countWords(progress)}`;
  const figures = [
    `${count}${percent}${counts}  ${doing}`,
    `${count}${percent}${counts}`,
    `${count}${percent}`,
    count,
  ];
  const beside = figures.find((text) => text.length + 2 + SHORTEST_BAR <= room);
  if (beside === undefined) {
    return figures.find((text) => text.length <= room) ?? count.slice(0, room);
  }
  const width = Math.min(LONGEST_BAR, room - beside.length - 2);
  return `${bar(progress, width, hasColour)}  ${beside}`;
}

/** The counts that are not zero, in words. */
export function countWords({ succeeded, failed, skipped }: Omit<Progress, 'total' | 'doing'>) {
  return [
    `${succeeded} succeeded`,
    ...(failed > 0 ? [`${failed} failed`] : []),
    ...(skipped > 0 ? [`${skipped} skipped`] : []),
  ].join(', ');
}

function bar(progress: Progress, width: number, hasColour: boolean): string {
  const { total, succeeded, failed, skipped } = progress;
  const cells = (count: number): number => (total === 0 ? 0 : Math.floor((count / total) * width));
  // Few failures among many must show all the same.
  const atLeastOne = (count: number): number => (count === 0 ? 0 : Math.max(1, cells(count)));
  const bad = Math.min(width, atLeastOne(failed));
  const passed = Math.min(width - bad, atLeastOne(skipped));
  const isOver = succeeded + failed + skipped >= total;
  const good = isOver
    ? succeeded > 0 || total === 0
      ? width - bad - passed
      : 0
    : Math.min(width - bad - passed, cells(succeeded));
  const paint = (text: string, colour: string): string =>
    text === '' || !hasColour ? text : `\u001b[${colour}m${text}\u001b[0m`;
  return [
    paint('█'.repeat(good), GREEN),
    paint('×'.repeat(bad), RED),
    paint('-'.repeat(passed), YELLOW),
    '░'.repeat(width - good - bad - passed),
  ].join('');
}

/** A line that is drawn over and over in its place. */
export class MovingLine {
  readonly #write: (text: string) => void;
  #isShown = false;

  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  draw(line: string): void {
    // To the line's beginning, and what was there is wiped.
    this.#write(`\r\u001b[2K${line}`);
    this.#isShown = true;
  }

  /** Takes it away, so that what follows begins on a clean line. Idempotent. */
  clear(): void {
    if (this.#isShown) this.#write('\r\u001b[2K');
    this.#isShown = false;
  }
}
