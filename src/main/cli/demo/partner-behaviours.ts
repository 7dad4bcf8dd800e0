import { isJsonObject, type JsonObject } from '../../../shared/model/json.ts';
import type { Answer } from './partner-routes.ts';

/**
 * Ways to answer that depend on what came before. `checks_amount`: it takes no bill with an amount below
 * zero. `busy_twice`: asks twice to be called a second later. `breaks_once`: takes it, and breaks before
 * it has answered. `until_mended`: takes nothing before it is mended.
 */
export type Behaviour = 'checks_amount' | 'busy_twice' | 'breaks_once' | 'until_mended';

/** What a broken connection is told as, where answers are told by their status. */
export const BROKEN = 0;

const TAKEN: Answer = { status: 200, body: { taken: true } };
const BUSY: Answer = {
  status: 503,
  body: { message: 'too busy; call again in a second' },
  headers: { 'retry-after': '1' },
};
const WRONG_AMOUNT: Answer = { status: 422, body: { message: 'total_amount is below zero' } };
const OLD_TABLE: Answer = { status: 422, body: { message: 'the table of test codes is missing' } };

/** The scripted half of the third party: it remembers by which keys it was called, and its answers. */
export class Behaviours {
  readonly #answers = new Map<string, number[]>();
  #isMended = false;

  /** Statuses that it has answered, by the key of what was sent (`webhook-id`). */
  get answers(): Record<string, number[]> {
    return Object.fromEntries(this.#answers);
  }

  /** From now on `until_mended` takes everything. */
  mend(): void {
    this.#isMended = true;
  }

  /** @returns null where the connection is to break instead */
  answer(behaviour: Behaviour, key: string, body: JsonObject): Answer | null {
    const before = this.#answers.get(key) ?? [];
    const answer = this.#answerOf(behaviour, before.length, body);
    this.#answers.set(key, [...before, answer?.status ?? BROKEN]);
    return answer;
  }

  #answerOf(behaviour: Behaviour, calls: number, body: JsonObject): Answer | null {
    switch (behaviour) {
      case 'checks_amount':
        return amountOf(body) < 0 ? WRONG_AMOUNT : TAKEN;
      case 'busy_twice':
        return calls < 2 ? BUSY : TAKEN;
      case 'breaks_once':
        return calls < 1 ? null : TAKEN;
      case 'until_mended':
        return this.#isMended ? TAKEN : OLD_TABLE;
    }
  }
}

/** Of a bill in LabRelay's default shape; 0 where there is none. */
function amountOf({ data }: JsonObject): number {
  const bill = isJsonObject(data) ? data.bill : null;
  const amount = isJsonObject(bill) ? bill.total_amount : null;
  return typeof amount === 'number' ? amount : 0;
}
