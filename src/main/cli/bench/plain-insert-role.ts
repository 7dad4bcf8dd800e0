import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NewDelivery } from '../../../shared/model/delivery.ts';
import { hostConfig } from '../../config.ts';
import { newId } from '../../engine/intake/new-id.ts';
import { sha256 } from '../../engine/intake/canonical.ts';
import { openHost } from '../../host.ts';
import { insertPlainly } from '../../store/plain-insert.ts';
import { storeFile } from '../../store/store.ts';
import { billDelivery } from './bill-delivery.ts';
import { configureForBench } from './configure.ts';
import { serveLines } from './line-rpc.ts';
import { billEvent } from './messages.ts';

/** The yardstick of a bulk call: the same log-and-task rows in one plain transaction. */
export async function plainInsertRole(): Promise<void> {
  const dataFolder = await mkdtemp(join(tmpdir(), 'labrelay-bench-'));
  let rule = 0;
  await serveLines(
    {
      /** Makes a store with the rule that the rows belong to. */
      open: async () => {
        const host = await openHost(hostConfig({ data: dataFolder, port: '0' }, {}));
        const made = await configureForBench(host.engine, 'http://127.0.0.1:9/', 1);
        rule = made.labIntegrationId;
        await host.close();
      },
      /** @returns how long the transaction took (ms); what goes into it is made beforehand */
      insert: ({ count, recordBytes, prefix }: Insertion): number => {
        const deliveries = Array.from({ length: count }, (_, index) =>
          deliveryOf(rule, `${prefix}-${index}`, recordBytes),
        );
        return insertPlainly(storeFile(dataFolder), deliveries);
      },
    },
    () => rm(dataFolder, { recursive: true, force: true, maxRetries: 5 }),
  );
}

interface Insertion {
  count: number;
  recordBytes: number;
  prefix: string;
}

function deliveryOf(labIntegrationId: number, id: string, bytes: number): NewDelivery {
  const body = billEvent(1, id, bytes);
  return billDelivery({
    logId: newId(),
    eventId: newId(),
    billId: id,
    patientId: `P-${id}`,
    labIntegrationId,
    // The same index entries as a batch's rows.
    batchId: 'plain',
    createdAt: Date.now(),
    body,
    sha256: sha256(body),
  });
}
