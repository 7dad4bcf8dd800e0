import { isUtf8 } from 'node:buffer';

/** Bytes that are kept of a call's body, and of its answer's. */
export const KEPT_BODY_BYTES = 256 * 1024;

/** What came of a body, as it is kept. */
export interface KeptBody {
  text: string | null;
  /** More was sent than is kept, or than had come. */
  isCut: boolean;
  /** False: bytes that are no UTF-8 stand in it as U+FFFD. */
  isUtf8: boolean;
}

/**
 * Collects the beginning of a call's body while it comes, so that a body that is refused half-way, or
 * that breaks off, leaves what came of it.
 */
export class CallBody {
  #chunks: Buffer[] = [];
  #bytes = 0;
  #whole: string | null = null;
  /** Whether its end has come. */
  #isComplete: boolean;

  /** @param isAnnounced whether the head says that a body follows */
  constructor(isAnnounced: boolean) {
    this.#isComplete = !isAnnounced;
  }

  /** Whether as much has come as is kept. */
  get isFull(): boolean {
    return this.#bytes >= KEPT_BODY_BYTES;
  }

  /** Whether any of it was read. */
  get hasBegun(): boolean {
    return this.#bytes > 0;
  }

  /** Takes the next bytes; holds no more of them than are kept. */
  receive(chunk: Buffer): void {
    if (!this.isFull) this.#chunks.push(chunk);
    this.#bytes += chunk.length;
  }

  /**
   * Its end has come.
   * @param text all of it, where somebody has read it already
   */
  end(text: string | null = null): void {
    this.#isComplete = true;
    if (this.#bytes > KEPT_BODY_BYTES) return;
    this.#whole = text;
    if (text !== null) this.#chunks = [];
  }

  kept(): KeptBody {
    const isCut = !this.#isComplete || this.#bytes > KEPT_BODY_BYTES;
    if (this.#whole !== null) return { text: this.#whole, isCut, isUtf8: true };
    if (this.#bytes === 0) return { text: null, isCut, isUtf8: true };
    const bytes = Buffer.concat(this.#chunks).subarray(0, KEPT_BODY_BYTES);
    const shown = isCut ? bytes.subarray(0, wholeCharacters(bytes)) : bytes;
    return { text: shown.toString('utf8'), isCut, isUtf8: isUtf8(shown) };
  }
}

/** Text cut to what is kept of a body. */
export function cutText(text: string): { text: string; isCut: boolean } {
  // A UTF-16 unit is at most three bytes.
  if (text.length * 3 <= KEPT_BODY_BYTES) return { text, isCut: false };
  const bytes = Buffer.from(text, 'utf8');
  if (bytes.length <= KEPT_BODY_BYTES) return { text, isCut: false };
  const kept = bytes.subarray(0, KEPT_BODY_BYTES);
  return { text: kept.toString('utf8', 0, wholeCharacters(kept)), isCut: true };
}

/** How many bytes there are up to a character that was cut in two at the end (RFC 3629, 3). */
function wholeCharacters(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (byte < 0x80) return bytes.length;
    if (byte < 0xc0) continue;
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
    return length > back ? bytes.length - back : bytes.length;
  }
  return bytes.length;
}
