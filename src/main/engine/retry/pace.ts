/**
 * So many retries of one integration start within a second, STAT and routine ones each: after a night's
 * sleep thousands are due, and a partner that has just come back would be overrun.
 */
export const RETRIES_PER_SECOND = 50;

const SECOND_MS = 1_000;

/** How full the seconds of one integration's lane are. */
interface Lane {
  /** The second (since 1970) that is being filled, and how many have started in it. */
  second: number;
  started: number;
  /** How many were put off to each second to come. */
  expected: Map<number, number>;
  /** No second before this one has room. */
  roomFrom: number;
}

/**
 * Says when retries may start. Those that find the present second full are put off to the next one with
 * room, each once as a rule, so that a thousand of them cost a thousand writes and no more.
 */
export class RetryPace {
  readonly #lanes = new Map<string, Lane>();

  /** @returns null: it may start now; otherwise the time (epoch ms) to which it is put off */
  startOrWait(labIntegrationId: number, isStat: boolean, now: number): number | null {
    const second = Math.floor(now / SECOND_MS);
    const lane = this.#laneAt(`${labIntegrationId} ${isStat}`, second);
    if (lane.started < RETRIES_PER_SECOND) {
      lane.started++;
      return null;
    }
    let free = Math.max(lane.roomFrom, second + 1);
    while ((lane.expected.get(free) ?? 0) >= RETRIES_PER_SECOND) free++;
    lane.expected.set(free, (lane.expected.get(free) ?? 0) + 1);
    lane.roomFrom = free;
    return free * SECOND_MS;
  }

  #laneAt(name: string, second: number): Lane {
    const known = this.#lanes.get(name);
    // A clock that was set back makes what was expected meaningless.
    const isKnown = known !== undefined && known.second <= second;
    const lane = isKnown ? known : { second, started: 0, expected: new Map(), roomFrom: second };
    if (!isKnown) this.#lanes.set(name, lane);
    if (lane.second < second) {
      lane.second = second;
      lane.started = 0;
      for (const past of lane.expected.keys()) if (past <= second) lane.expected.delete(past);
    }
    return lane;
  }
}
