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
          billDelivery(rule, `${prefix}-${index}`, recordBytes),
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

function billDelivery(labIntegrationId: number, id: string, bytes: number): NewDelivery {
  const eventId = newId();
  const references = [
    { kind: 'event', id: eventId },
    { kind: 'bill', id },
    { kind: 'patient', id: `P-${id}` },
  ] satisfies NewDelivery['log']['references'];
  const body = billEvent(1, id, bytes);
  return {
    log: {
      logId: newId(),
      direction: 'OUTBOUND',
      status: 'PENDING',
      certainty: null,
      retryState: 'NONE',
      stage: 'ENQUEUED',
      priority: 'ROUTINE',
      deliverBy: null,
      orderingKey: null,
      labId: 1,
      organizationId: null,
      labIntegrationId,
      configVersion: 1,
      actionCategoryListId: 1,
      actionCategory: 'BILL_GENERATED',
      eventId,
      batchId: 'plain',
      triggeredBy: null,
      references,
      transport: 'http',
      endPoint: 'http://127.0.0.1:9/',
      requestMethod: 'POST',
      errorKind: null,
      errorMessage: null,
      integrationCallbackUrl: 'http://127.0.0.1:7420/integration_callback/',
      isRetryEnabled: true,
      retryContext: { actionCategory: 'BILL_GENERATED', references },
      createdAt: Date.now(),
    },
    revision: {
      number: 1,
      body,
      contentType: 'application/json',
      sha256: sha256(body),
      configVersion: 1,
      reason: 'FIRST',
    },
    enqueue: true,
  };
}
