import type { z } from 'zod';
import { appointmentProcedures } from './appointments.ts';
import { backupProcedures } from './backup.ts';
import { batchProcedures } from './batches.ts';
import { breakerProcedures } from './breaker.ts';
import { bulkRetryProcedures } from './bulk-retry.ts';
import { configurationProcedures } from './configuration.ts';
import { healthProcedures } from './health.ts';
import { heldProcedures } from './held.ts';
import { leaseProcedures } from './leases.ts';
import { legacyProcedures } from './legacy.ts';
import { logProcedures } from './logs.ts';
import { orderingProcedures } from './ordering.ts';
import { peopleProcedures } from './people.ts';
import { queueProcedures } from './queue.ts';
import { retryProcedures } from './retry.ts';

/** Every procedure of the console, once: bound to HTTP and to IPC alike. */
export const contract = {
  ...configurationProcedures,
  ...logProcedures,
  ...queueProcedures,
  ...peopleProcedures,
  ...backupProcedures,
  ...batchProcedures,
  ...bulkRetryProcedures,
  ...orderingProcedures,
  ...healthProcedures,
  ...heldProcedures,
  ...appointmentProcedures,
  ...leaseProcedures,
  ...legacyProcedures,
  ...breakerProcedures,
  ...retryProcedures,
};

export type ProcedureName = keyof typeof contract;
/** What a handler is given: validated, defaults filled in. */
export type Input<N extends ProcedureName> = z.output<(typeof contract)[N]['input']>;
/** What a caller passes. */
export type CallInput<N extends ProcedureName> = z.input<(typeof contract)[N]['input']>;
/** What a caller gets. */
export type Output<N extends ProcedureName> = z.output<(typeof contract)[N]['output']>;
