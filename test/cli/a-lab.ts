import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'vitest';
import { EngineClient } from '../../src/main/cli/client.ts';
import { main } from '../../src/main/cli/dispatch.ts';
import type { CommandIo } from '../../src/main/cli/output.ts';
import { hostConfig } from '../../src/main/config.ts';
import { openHost } from '../../src/main/host.ts';
import type { LogStatus } from '../../src/shared/model/vocabulary.ts';
import { capturedIo } from './captured-io.ts';
import { foldersOfFile } from './folders.ts';

/** How long a condition is waited for: other tests run beside these. */
export const PATIENCE = { timeout: 10_000 };

/** What a partner was sent. */
export interface Received {
  key: string;
  body: string;
}

type Answering = (response: ServerResponse, received: Received) => void;

/** A partner that answers as it is told to, and keeps what it was sent. */
async function openPartner() {
  const received: Received[] = [];
  let answering: Answering = (response) => response.writeHead(200).end();
  const take = async (request: IncomingMessage, response: ServerResponse) => {
    let body = '';
    for await (const chunk of request) body += String(chunk);
    const one = { key: String(request.headers['webhook-id']), body };
    received.push(one);
    answering(response, one);
  };
  const server = createServer((request, response) => {
    void take(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    received,
    answers: (how: number | Answering) => {
      answering =
        typeof how === 'number'
          ? (response) => response.writeHead(how).end('{"message":"as told"}')
          : how;
    },
    /** How often a log's delivery came, under any of its keys. */
    timesSent: (logId: string) => received.filter(({ key }) => key.startsWith(logId)).length,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

/**
 * A running engine with one lab (17) and one rule for its bills, which retries nothing by itself; and
 * the command line against it.
 */
export async function openLab() {
  const folders = foldersOfFile();
  const partner = await openPartner();
  const host = await openHost(hostConfig({ data: folders.make(), port: '0' }, {}));
  const key = folders.read(host.adminTokenFile ?? '').trim();
  const client = new EngineClient(new URL(host.url), key);
  await client.call('addUpdateLab', { lab_id: 17, name: 'Test lab', time_zone: 'Asia/Kolkata' });
  const rule = await client.call('addUpdateWebhookIntegration', {
    lab_id: 17,
    action_category_list_id: 1,
    name: 'Ledger',
    end_point: `${partner.url}/bills`,
    is_retry_enabled: false,
  });
  const post = async (document: object): Promise<string[]> => {
    const { body } = await client.post('/billing/', JSON.stringify({ lab_id: 17, ...document }));
    return (body as { log_ids: string[] }).log_ids;
  };

  return {
    client,
    partner,
    folders,
    ruleId: rule.lab_integration_id,
    /** Runs a command as its user would type it. */
    labrelay: async (argv: string[], terminal: Partial<CommandIo> = {}) => {
      const io = capturedIo({ LABRELAY_URL: host.url, LABRELAY_DATA: host.dataFolder });
      const code = await main(argv, { ...io, ...terminal });
      return { code, stdout: io.stdout(), stderr: io.stderr() };
    },
    /** Sends a bill; the first time it is seen it is delivered. */
    sendBill: async (bill_id: string, amount = 100): Promise<string> =>
      (await post({ bill: { bill_id, total_amount: amount } }))[0] ?? '',
    until: async (logId: string, status: LogStatus) => {
      const look = async () => (await client.call('getLog', { log_id: logId })).status;
      await expect.poll(look, PATIENCE).toBe(status);
    },
    close: async () => {
      await client.close();
      await host.close();
      partner.close();
      folders.remove();
    },
  };
}

export type Lab = Awaited<ReturnType<typeof openLab>>;
