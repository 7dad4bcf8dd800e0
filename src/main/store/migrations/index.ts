import { mainWay } from './0001-main-way.ts';
import { callsAndBatches } from './0003-calls-and-batches.ts';
import type { Migration } from './migration.ts';
import { orderAndPeople } from './0002-order-and-people.ts';
import { retries } from './0004-retries.ts';

/** All steps, in order. */
export const MIGRATIONS: readonly Migration[] = [mainWay, orderAndPeople, callsAndBatches, retries];
