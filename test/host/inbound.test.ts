import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Host } from '../../src/main/host.ts';
import { call, configureLab, host, partner, post } from './hosting.ts';

let running: Host;
let receiver: Awaited<ReturnType<typeof partner>>;
let key: string;

beforeAll(async () => {
  receiver = await partner();
  running = await host();
  ({ key } = await configureLab(running, receiver.url));
});
afterAll(async () => {
  await running.close();
  await receiver.close();
});

function bill(billId: string) {
  return {
    lab_id: 7,
    bill: { bill_id: billId, patient: { patient_id: 'P1', name: 'Asha Verma' } },
  };
}

describe('a call into the lab and what it has fired', () => {
  it('are linked both ways', async () => {
    const response = await post(running, '/billing/', bill('B-1'), {
      authorization: `Bearer ${key}`,
    });
    const { log_ids: logIds } = (await response.json()) as { log_ids: string[] };
    const calledAs = response.headers.get('labrelay-log-id') ?? '';
    const inbound = await call(running, 'revealLog', { log_id: calledAs });
    expect(inbound).toMatchObject({
      direction: 'INBOUND',
      status: 'SUCCESS',
      triggered: logIds,
      token_owner: 'LIS',
      lab_id: 7,
      action_category: 'BILL_GENERATED',
      request_body: JSON.stringify(bill('B-1')),
      response_status_code: 201,
    });
    const [logId = ''] = logIds;
    expect(await call(running, 'getLog', { log_id: logId })).toMatchObject({
      direction: 'OUTBOUND',
      triggered_by: calledAs,
    });
    const found = await call(running, 'searchLogs', { triggered_by: calledAs });
    expect(found.items.map(({ log_id }) => log_id)).toEqual(logIds);
  });
});
