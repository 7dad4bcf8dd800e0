import { expect } from 'vitest';
import type { Caller, Handlers } from '../../src/main/bridge/handler.ts';
import { parseInput } from '../../src/shared/contract/common.ts';
import {
  type CallInput,
  contract,
  type Output,
  type ProcedureName,
} from '../../src/shared/contract/index.ts';

export const anna: Caller = {
  accessKeyId: 1,
  name: 'Anna',
  role: 'operator',
  address: '127.0.0.1',
};

/** Calls handlers as both bindings do: input and output go through the contract. */
export function caller<N extends ProcedureName>(handlers: Handlers<N>, who: Caller = anna) {
  return async <K extends N>(name: K, input: CallInput<K>): Promise<Output<K>> => {
    const handler = handlers[name] as (input: unknown, caller: Caller) => Promise<unknown>;
    const output = await handler(parseInput(contract[name].input, input), who);
    const document = contract[name].output.parse(output);
    // The edge sends nothing that the contract does not name.
    expect(document).toEqual(output);
    return document as Output<K>;
  };
}
