import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { EngineClient } from '../../src/main/cli/client.ts';
import { main } from '../../src/main/cli/dispatch.ts';
import { hostConfig } from '../../src/main/config.ts';
import { type Host, openHost } from '../../src/main/host.ts';
import { capturedIo } from './captured-io.ts';
import { foldersOfFile } from './folders.ts';

const folders = foldersOfFile();
const partner = createServer((_, response) =>
  response.writeHead(422).end('{"message":"no such test"}'),
);
let host: Host;
let inboundKey: string;

beforeAll(async () => {
  partner.listen(0, '127.0.0.1');
  await once(partner, 'listening');
  host = await openHost(hostConfig({ data: folders.make(), port: '0' }, {}));
  const client = new EngineClient(new URL(host.url), adminKey());
  await client.call('addUpdateLab', { lab_id: 17, name: 'Test lab', time_zone: 'Asia/Kolkata' });
  const { port } = partner.address() as AddressInfo;
  await client.call('addUpdateWebhookIntegration', {
    lab_id: 17,
    action_category_list_id: 1,
    name: 'Ledger',
    end_point: `http://127.0.0.1:${port}/bills`,
  });
  ({ key: inboundKey } = await client.call('createAccessKey', { kind: 'inbound', name: 'lab' }));
  await client.close();
});

afterAll(async () => {
  await host.close();
  partner.close();
  folders.remove();
});

/** The engine's admin key, as `--data` finds it. */
function adminKey(): string {
  return folders.read(host.adminTokenFile ?? '').trim();
}

/** Runs a command as its user would type it. */
async function labrelay(argv: string[], environment: Record<string, string> = {}) {
  const io = capturedIo({ LABRELAY_URL: host.url, LABRELAY_DATA: host.dataFolder, ...environment });
  const code = await main(argv, io);
  return { code, stdout: io.stdout(), stderr: io.stderr() };
}

/** Writes a file that holds this document. */
function fileWith(document: unknown): string {
  const file = join(folders.make(), 'event.json');
  writeFileSync(file, typeof document === 'string' ? document : JSON.stringify(document));
  return file;
}

/** Sends one bill and answers its log. */
async function sendBill(billId: string): Promise<string> {
  const file = fileWith({ lab_id: 17, bill: { bill_id: billId } });
  const sent = await labrelay(['send', file, '--route', '/billing/', '--json']);
  expect(sent).toMatchObject({ code: 0, stderr: '' });
  const { log_ids } = JSON.parse(sent.stdout) as { log_ids: string[] };
  expect(log_ids).toHaveLength(1);
  return log_ids[0] ?? '';
}

/** Waits until the partner has refused the delivery. */
async function refusedLog(logId: string): Promise<void> {
  await expect
    .poll(async () => JSON.parse((await labrelay(['show', logId, '--json'])).stdout).status)
    .toBe('FAIL');
}

describe('labrelay send', () => {
  test('posts the event and names its deliveries', async () => {
    const file = fileWith({
      lab_id: 17,
      action_category: 'BILL_GENERATED',
      data: { bill: { bill_id: 'B-send' } },
    });
    const { code, stdout } = await labrelay(['send', file]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Event \S+ is taken\.\nDeliveries .*\n {2}[0-9a-f-]{36}\n$/);
  });

  test('with the inbound key of LABRELAY_INBOUND_KEY needs no user key', async () => {
    const file = fileWith({ lab_id: 17, bill: { bill_id: 'B-inbound' } });
    const environment = { LABRELAY_INBOUND_KEY: inboundKey, LABRELAY_DATA: '/nowhere' };
    expect(await labrelay(['send', file, '--route', 'billing'], environment)).toMatchObject({
      code: 0,
    });
  });

  test('sent again with its --idempotency-key it is not delivered twice', async () => {
    const file = fileWith({ lab_id: 17, bill: { bill_id: 'B-twice' } });
    const argv = ['send', file, '--route', '/billing/', '--idempotency-key', 'k-1'];
    const first = await labrelay(argv);
    const second = await labrelay(argv);
    expect(second.stdout).toContain('was taken before; this is its answer again');
    expect(second.stdout.split('\n').slice(1)).toEqual(first.stdout.split('\n').slice(1));
  });

  test('an event that no integration matches says that nothing is delivered', async () => {
    const file = fileWith({ lab_id: 17, patient: { patient_id: 1 } });
    const { stdout } = await labrelay(['send', file, '--route', '/patient/']);
    expect(stdout).toContain('No active integration matches');
  });

  test('a refused document names every field and its cure', async () => {
    const file = fileWith({ lab_id: 17, bill: {}, colour: 'red' });
    const { code, stderr } = await labrelay(['send', file, '--route', '/billing/']);
    expect(code).toBe(1);
    expect(stderr).toContain('bill.bill_id: must be text');
    expect(stderr).toContain('colour: is not a field of this call; remove it');
  });

  test('a file that is no JSON is refused without quoting it', async () => {
    const { code, stderr } = await labrelay(['send', fileWith('{"name":"Meera')]);
    expect(code).toBe(1);
    expect(stderr).toContain('is not one JSON document');
    expect(stderr).not.toContain('Meera');
  });

  test.each([[['send']], [['send', '/no/such/file']], [['send', '-', '--route', '/nowhere/']]])(
    '%j is unusable',
    async (argv) => {
      expect(await labrelay(argv)).toMatchObject({ code: 2, stdout: '' });
    },
  );
});

describe('labrelay search', () => {
  test('finds by reference and status, as a table or as the document', async () => {
    const logId = await sendBill('B-find');
    await refusedLog(logId);
    const filters = ['search', '--reference', 'bill:B-find', '--status', 'fail', '--from', '2h'];
    const table = await labrelay(filters);
    expect(table.stdout).toContain(logId);
    expect(table.stdout).toContain('1 of 1');
    const { items } = JSON.parse((await labrelay([...filters, '--json'])).stdout);
    expect(items).toMatchObject([{ log_id: logId, response_status_code: 422 }]);
  });

  test('what matches nothing ends with 0 and says so', async () => {
    const { code, stdout } = await labrelay(['search', '--reference', 'bill:none']);
    expect([code, stdout]).toEqual([0, expect.stringContaining('No log matches')]);
  });

  test('unusable filters end with 2, before anything is asked', async () => {
    const found = await labrelay(['search', '--from', 'yesterday', '--url', 'http://127.0.0.1:1']);
    expect(found).toMatchObject({ code: 2, stdout: '' });
    expect(found.stderr).toContain('--from: must be');
  });

  test('a wrong key ends with 1', async () => {
    const found = await labrelay(['search', '--token', 'wrong']);
    expect(found).toMatchObject({ code: 1 });
    expect(found.stderr).toContain('The key is not known');
  });
});

describe('labrelay show', () => {
  test('shows a log by its whole id, its end or its beginning', async () => {
    const logId = await sendBill('B-show');
    await refusedLog(logId);
    for (const part of [logId, logId.toUpperCase(), logId.slice(-8), logId.slice(0, 35)]) {
      const { code, stdout } = await labrelay(['show', part]);
      expect(code).toBe(0);
      expect(stdout).toContain(`Log ${logId}`);
      expect(stdout).toContain('certainty    REFUSED: The partner refused it.');
      expect(stdout).toContain('"bill_id": "B-show"');
      expect(stdout).toContain('"message": "••••"');
      expect(stdout).toContain('Patient data is masked; --reveal shows it');
    }
    const revealed = await labrelay(['show', logId, '--reveal', '--reason', 'the partner asks']);
    expect(revealed.stdout).toContain('"message": "no such test"');
    expect(revealed.stdout).not.toContain('masked');
    const { stdout } = await labrelay(['show', logId, '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ log_id: logId, attempts: [{ attempt: 1 }] });
  });

  test('an id that fits several lists them', async () => {
    const [one, two] = [await sendBill('B-many-1'), await sendBill('B-many-2')];
    // Ids begin with their time, so ids of the same minute begin alike.
    const { code, stdout, stderr } = await labrelay(['show', one.slice(0, 6)]);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toContain('Several logs fit');
    expect(stderr).toContain(one);
    expect(stderr).toContain(two);
  });

  test('an id that fits none says so', async () => {
    const whole = await labrelay(['show', '00000000-0000-7000-8000-000000000000']);
    expect(whole).toMatchObject({ code: 1, stdout: '' });
    const end = await labrelay(['show', 'ffffff00ff']);
    expect(end.stderr).toContain('No log has an id that begins or ends with ffffff00ff');
  });

  test.each([
    [['show']],
    [['show', 'xyz']],
    [['show', 'not-an-id!']],
    [['show', 'a', 'b']],
    [['show', 'abcdef', '--reason', 'x']],
  ])('%j is unusable', async (argv) => {
    expect(await labrelay(argv)).toMatchObject({ code: 2, stdout: '' });
  });
});

describe('labrelay pause and resume', () => {
  test('stop and start deliveries; health and the console tell it meanwhile', async () => {
    const paused = await labrelay(['pause', '--reason', 'partner moves house', '--json']);
    expect([paused.code, paused.stderr]).toEqual([0, '']);
    expect(JSON.parse(paused.stdout)).toMatchObject({
      delivery_paused: { reason: 'partner moves house' },
    });
    const health = (await (await fetch(`${host.url}/health`)).json()) as {
      status: string;
      banners: { kind: string; text: string }[];
    };
    expect(health).toMatchObject({ status: 'degraded', banners: [{ kind: 'DELIVERY_PAUSED' }] });
    // Anyone may ask for health; the reason is for people with a key.
    expect(JSON.stringify(health)).not.toContain('moves house');

    expect(await labrelay(['resume'])).toMatchObject({ code: 0, stdout: 'Deliveries go on.\n' });
    expect((await fetch(`${host.url}/health`)).status).toBe(200);
  });
});
