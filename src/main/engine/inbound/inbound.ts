import type { ErrorCode } from '../../../shared/errors.ts';
import type { AccessKey } from '../../../shared/model/configuration.ts';
import type { Spill } from '../../../shared/model/spill.ts';
import type { ConfigurationLookup } from '../configuration/lookup.ts';
import { type Arrival, type CallAnswer, CallCapture } from './call-capture.ts';
import { CallKeeper } from './call-keeper.ts';
import { FloodGate } from './flood-gate.ts';
import type { CallPort } from './port.ts';

/** Refusals before anything of a call was done or read; a caller can be given them without end. */
const AT_THE_DOOR = new Set<ErrorCode>([
  'UNAUTHENTICATED',
  'RATE_LIMITED',
  'FOREIGN_HOST',
  'STOPPING',
]);

/** Calls since the start that have no log, by why. */
export interface UnkeptCalls {
  /** There were too many that were refused at the door. */
  flood: number;
  /** It could be written nowhere. */
  store: number;
}

/**
 * Captures calls into the lab: each that a captured route answers becomes exactly one INBOUND log. One
 * that brought an event is committed with it; all others are kept here, outside their handler's
 * transaction and before the answer leaves.
 */
export class Inbound {
  readonly #configuration: Pick<ConfigurationLookup, 'lab'>;
  readonly #clock: () => number;
  readonly #keeper: CallKeeper;
  readonly #gate: FloodGate;
  #flood = 0;

  constructor(deps: {
    store: CallPort;
    configuration: Pick<ConfigurationLookup, 'lab'>;
    /** Epoch milliseconds. */
    clock: () => number;
    spill?: Spill | null;
    onTrouble: (message: string) => void;
  }) {
    this.#configuration = deps.configuration;
    this.#clock = deps.clock;
    this.#keeper = new CallKeeper(deps);
    this.#gate = new FloodGate({ now: deps.clock });
  }

  get unkept(): UnkeptCalls {
    return { flood: this.#flood, store: this.#keeper.lost };
  }

  /** A call's head has arrived. */
  begin(arrival: Arrival): CallCapture {
    return new CallCapture(arrival, this.#clock());
  }

  /**
   * Keeps a call with the answer that it is about to be given, unless it is kept already.
   * @param answer null: its caller is gone
   * @returns once it is on disk, or cannot be; never throws
   */
  async answered(call: CallCapture, answer: CallAnswer | null): Promise<void> {
    if (!call.close()) return;
    if (isAtTheDoor(call) && !this.#gate.passes(subjectOf(call))) {
      this.#flood += 1;
      return;
    }
    if (call.facts.labId === null) this.#nameLab(call);
    if (await this.#keeper.keep(call.answered(answer))) call.kept();
  }

  /** Waits for what is being kept. Idempotent. */
  stop(): Promise<void> {
    return this.#keeper.stop();
  }

  /** The lab that a refused body or a query names, where there is one and its key may speak for it. */
  #nameLab(call: CallCapture): void {
    const labId = labIdOf(call.parsed);
    if (labId === null || !call.key || !speaksFor(call.key, labId)) return;
    const lab = this.#configuration.lab(labId);
    if (lab) call.about({ labId, organizationId: lab.organizationId });
  }
}

function isAtTheDoor({ key, problem, body }: CallCapture): boolean {
  if (key === null || problem === null) return key === null;
  // A key that may not call this route is refused before its calls are counted.
  return AT_THE_DOOR.has(problem) || (problem === 'FORBIDDEN' && !body.hasBegun);
}

function subjectOf({ key, ip }: CallCapture): string {
  return key === null ? ip : `key ${key.accessKeyId}`;
}

function speaksFor({ labIds }: AccessKey, labId: number): boolean {
  return labIds === null || labIds.includes(labId);
}

/** @param input a body, or a query, in which a number is text until it is validated */
function labIdOf(input: unknown): number | null {
  if (typeof input !== 'object' || input === null || !('lab_id' in input)) return null;
  const { lab_id: given } = input;
  if (typeof given === 'string' && /^\d{1,15}$/.test(given)) return Number(given);
  return typeof given === 'number' ? given : null;
}
