import { describe, expect, test } from 'vitest';
import { CallKeeper } from '../../../src/main/engine/inbound/call-keeper.ts';
import type { InboundCall } from '../../../src/shared/model/call.ts';
import { inboundCall } from '../../store/calls.ts';

const full = new Error('SQLITE_FULL');

/** A keeper over a store and a journal that do as told. */
function keeper(store: 'takes' | 'fails', spill: 'takes' | 'is full' | 'fails' | 'none') {
  const stored: InboundCall[] = [];
  const spilled: InboundCall[] = [];
  const troubles: string[] = [];
  const keeping = new CallKeeper({
    store: {
      keepCall: async (call) => {
        if (store === 'fails') throw full;
        stored.push(call);
      },
    },
    spill:
      spill === 'none'
        ? null
        : {
            keep: async (record) => {
              if (spill === 'fails') throw full;
              if (spill === 'takes' && record.kind === 'CALL') spilled.push(record.call);
              return spill === 'takes';
            },
          },
    onTrouble: (message) => troubles.push(message),
  });
  return { keeping, stored, spilled, troubles };
}

describe('a call', () => {
  const call = inboundCall();

  test('goes to the store, and to the journal only where that cannot be written', async () => {
    const well = keeper('takes', 'takes');
    expect(await well.keeping.keep(call)).toBe(true);
    expect([well.stored, well.spilled]).toEqual([[call], []]);

    const ill = keeper('fails', 'takes');
    expect(await ill.keeping.keep(call)).toBe(true);
    expect([ill.stored, ill.spilled]).toEqual([[], [call]]);
    expect(ill.troubles).toEqual(['SQLITE_FULL']);
    expect(ill.keeping.lost).toBe(0);
  });

  test.each(['is full', 'fails', 'none'] as const)(
    'that neither takes (the journal %s) is counted, and nobody is thrown at',
    async (spill) => {
      const { keeping } = keeper('fails', spill);
      expect(await keeping.keep(call)).toBe(false);
      expect(await keeping.keep(call)).toBe(false);
      expect(keeping.lost).toBe(2);
    },
  );

  test('is waited for when the engine stops', async () => {
    let finish = () => {};
    const keeping = new CallKeeper({
      store: { keepCall: () => new Promise((resolve) => (finish = resolve)) },
      onTrouble: () => {},
    });
    const done: string[] = [];
    const kept = keeping.keep(call).then(() => done.push('kept'));
    const stopped = keeping.stop().then(() => done.push('stopped'));
    finish();
    await Promise.all([kept, stopped]);
    expect(done).toContain('kept');
    expect(done.at(-1)).toBe('stopped');
    await keeping.stop();
  });
});
