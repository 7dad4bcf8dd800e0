import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RECORDS_AT } from '../../../src/main/engine/spill/record-format.ts';
import { KnowingStore, newJournalFile, record, reopen, waitingIn } from './journals.ts';

const CAPACITY = RECORDS_AT + 4_000;

/** What happens to a journal between two crashes. */
const steps = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({ keep: fc.array(fc.nat(700), { minLength: 1, maxLength: 4 }) }),
    },
    { weight: 2, arbitrary: fc.record({ apply: fc.nat(4) }) },
    { weight: 1, arbitrary: fc.constant({ crash: true }) },
    {
      weight: 2,
      arbitrary: fc.record({
        // A write that a power cut has torn: of its bytes any part is on disk, in any order.
        torn: fc.nat(700),
        kept: fc.double({ min: 0, max: 1, noNaN: true }),
        isScrambled: fc.boolean(),
      }),
    },
  ),
  { maxLength: 40 },
);

test('whatever is kept, applied and torn, a start finds exactly what was kept and not applied', async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (all) => {
      const [store, file] = [new KnowingStore(), newJournalFile()];
      let journal = await reopen(store, file, { bytes: CAPACITY });
      let waiting: number[] = [];
      let number = 0;
      const torn = new Set<number>();
      const restart = async () => {
        await journal.close();
        journal = await reopen(store, file, { bytes: CAPACITY });
        const found = await waitingIn(journal);
        expect(found.filter((one) => !torn.has(one))).toEqual(
          waiting.filter((one) => !torn.has(one)),
        );
        // One torn write may make another whole again, byte by byte. Nobody was told that it is kept,
        // but it is what was to be kept.
        waiting = found;
      };
      for (const step of all) {
        if ('keep' in step) {
          const wishes = step.keep.map((size) => ({ number: ++number, size }));
          const kept = await Promise.all(
            wishes.map((wish) => journal.append(record(wish.number, wish.size))),
          );
          waiting.push(...wishes.filter((_, at) => kept[at] === 'KEPT').map((one) => one.number));
        } else if ('apply' in step) {
          const read = await journal.read(step.apply);
          for (const { sequence } of read) {
            store.state.applied = sequence;
            journal.applied(sequence);
          }
          waiting = waiting.slice(read.length);
        } else if ('torn' in step) {
          const before = readFileSync(file);
          const isKept = (await journal.append(record(++number, step.torn))) === 'KEPT';
          torn.add(number);
          await journal.close();
          if (isKept) tear(file, before, step);
          await restart();
        } else {
          await restart();
        }
        expect(await waitingIn(journal)).toEqual(waiting);
      }
      await restart();
      await journal.close();
    }),
  );
});

/** Leaves of the bytes of the last write only some, at least one of them missing or wrong. */
function tear(file: string, before: Buffer, how: { kept: number; isScrambled: boolean }): void {
  const after = readFileSync(file);
  const changed: number[] = [];
  for (let at = 0; at < after.length; at++) if (after[at] !== before[at]) changed.push(at);
  const lost = changed.slice(Math.min(changed.length - 1, Math.floor(changed.length * how.kept)));
  const handle = openSync(file, 'r+');
  for (const at of how.isScrambled ? lost.slice(0, 1) : lost) {
    writeSync(handle, before, at, 1, at);
  }
  closeSync(handle);
}
