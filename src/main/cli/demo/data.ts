import { PANELS } from './catalogue.ts';
import { type DemoEvent, MOMBASA, NASHIK, PUNE } from './events.ts';
import { seededRandom } from './random.ts';
import { STEPS, type Visit, withCancellation } from './steps.ts';

const MINUTE_MS = 60_000;
/** The first patient's number; those of the next visits follow. */
const FIRST_NUMBER = 1_001;
const FIRST_ACCESSION = 300_001;

/** Labs in the order in which visits come in; a patient's events all belong to one lab. */
const LABS_IN_TURN = [PUNE, MOMBASA, NASHIK] as const;

export interface StoryOptions {
  seed: number;
  /** Marks the ids of this run, so that a kept data folder can be used again. */
  tag: string;
  /** When the first patient came in (epoch ms). */
  start: number;
}

/**
 * `count` events, told as visits: each inner list is one patient's visit and must be sent in its
 * order, since a bill is generated before it is changed; visits may run side by side.
 */
export function visits(count: number, options: StoryOptions): DemoEvent[][] {
  const all: DemoEvent[][] = [];
  let events = 0;
  for (let number = 0; events < count; number += 1) {
    const visit = oneVisit(number, options).slice(0, count - events);
    events += visit.length;
    all.push(visit);
  }
  return all;
}

/** One patient's way through the lab. The same number and options give the same visit. */
export function oneVisit(number: number, options: StoryOptions): DemoEvent[] {
  const visit = visitOf(number, options);
  const { labId, withoutBirthDate } = visit;
  const isStat = number % 4 === 0;
  return STEPS.filter((step) => step.happens(number)).map(({ category, route, body }) => ({
    category,
    route,
    labId,
    withoutBirthDate,
    body: { lab_id: labId, ...body(visit), ...(isStat ? { priority: 'STAT' } : {}) },
    // Now and then the lab system loses the answer to a bill and asks again.
    idempotencyKey:
      category === 'BILL_GENERATED' && number % 3 === 0 ? `bill-${visit.id('B')}` : null,
  }));
}

function visitOf(number: number, { seed, tag, start }: StoryOptions): Visit {
  const random = seededRandom(seed + number * 7_919);
  let minute = number * 3;
  const year = new Date(start).getUTCFullYear() % 100;
  return {
    random,
    labId: LABS_IN_TURN[number % LABS_IN_TURN.length] ?? PUNE,
    panel: random.pick(PANELS),
    accession: `${year}${tag}${FIRST_ACCESSION + number}`,
    withoutBirthDate: number % 5 === 1,
    isCancelled: withCancellation(number),
    id: (letter) => `${letter}${tag}-${FIRST_NUMBER + number}`,
    now: () => {
      minute += random.between(1, 9);
      return new Date(start + minute * MINUTE_MS).toISOString();
    },
  };
}
