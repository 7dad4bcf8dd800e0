import { existsSync } from 'node:fs';
import { toIso } from '../../../shared/contract/common.ts';
import { messageOf } from '../../../shared/errors.ts';
import { checkDurability, examineStore, type StoreExamination } from '../../store/examine.ts';
import { storeFile } from '../../store/store.ts';
import { codeOf, type Finding, ok, problem, warning } from './finding.ts';

/** WAL (bytes) beyond which something keeps it from being folded in: it is cut at 64 MiB. */
const LARGE_WAL = 512 * 2 ** 20;
/** How far (ms) the store may be ahead of the clock: two clocks of one machine, no more. */
const AHEAD_MS = 60_000;
/** A clock before this was never set: no LabRelay was built then. */
const BEFORE_LABRELAY = Date.parse('2026-01-01T00:00:00Z');

const RESTORE = 'stop LabRelay, keep a copy of the data folder, and restore the newest backup';

/** Whether the store can be relied on, and the clock with it: times in the store must not go back. */
export function checkStore(folder: string, isRunning: boolean, now: number): Finding[] {
  const file = storeFile(folder);
  if (!existsSync(file)) {
    return [
      warning(
        'store',
        'there is none yet',
        'the first start makes it; restore puts a backup there',
      ),
      checkClock(now, null),
    ];
  }
  let store: StoreExamination;
  try {
    store = examineStore(file);
  } catch (error) {
    return [problem('store', `${file} cannot be opened (${codeOf(error)})`, RESTORE)];
  }
  if (store.fault !== null) {
    return [problem('store', `${file} is damaged: ${store.fault}`, RESTORE)];
  }
  return [
    ok('store', `whole, ${(store.bytes / 2 ** 20).toFixed(1)} MiB`),
    schema(store),
    durability(file, isRunning),
    wal(store),
    checkClock(now, store.newestAt),
  ];
}

function schema({ schemaVersion, knownSchema }: StoreExamination): Finding {
  if (schemaVersion > knownSchema) {
    return problem(
      'schema',
      `the store has schema ${schemaVersion}, this LabRelay knows ${knownSchema}`,
      'start the newer LabRelay that wrote it, or restore a backup made before the upgrade',
    );
  }
  if (schemaVersion === knownSchema) return ok('schema', `${schemaVersion}, the newest`);
  return ok(
    'schema',
    `${schemaVersion}; the next start brings it to ${knownSchema}, with a copy before`,
  );
}

function durability(file: string, isRunning: boolean): Finding {
  if (isRunning) {
    return ok('durability', 'synchronous=FULL: the running engine has read it back at its start');
  }
  try {
    checkDurability(file);
    return ok(
      'durability',
      'every commit is on disk before it is answered (WAL, synchronous=FULL)',
    );
  } catch (error) {
    return problem('durability', messageOf(error), 'move the data folder to a local disk');
  }
}

function wal({ walBytes }: StoreExamination): Finding {
  const words = `${(walBytes / 2 ** 20).toFixed(1)} MiB of commits wait to be folded into the store`;
  if (walBytes <= LARGE_WAL) return ok('wal', words);
  return warning(
    'wal',
    words,
    'a long reader holds them up, e.g. a backup; restart LabRelay if they stay',
  );
}

/** @param newestAt the newest time in the store (epoch ms) */
export function checkClock(now: number, newestAt: number | null): Finding {
  const cure = "set this machine's clock (NTP); order, retries and deadlines go by it";
  if (now < BEFORE_LABRELAY) return problem('clock', `it is ${toIso(now)} here`, cure);
  if (newestAt !== null && newestAt > now + AHEAD_MS) {
    return warning(
      'clock',
      `it is ${toIso(now)} here, but the store holds rows of ${toIso(newestAt)}: the clock was set back, or was wrong`,
      cure,
    );
  }
  return ok('clock', `${toIso(now)}, not behind the store`);
}
