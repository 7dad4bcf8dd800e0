import { mkdtempSync, readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { CallInput, Output, ProcedureName } from '../../src/shared/contract/index.ts';
import { type GivenOptions, hostConfig } from '../../src/main/config.ts';
import { type Host, openHost } from '../../src/main/host.ts';
import { procedurePath } from '../../src/main/http/procedure-routes.ts';

/** A data folder that exists for one test. */
export function newFolder(): string {
  return mkdtempSync(join(tmpdir(), 'labrelay-host-'));
}

/** A whole LabRelay on a free port. */
export async function host(
  options: GivenOptions = {},
  environment: Record<string, string> = {},
): Promise<Host> {
  return openHost(hostConfig({ data: newFolder(), port: '0', ...options }, environment));
}

/** The admin key that the host made. */
export function adminToken(running: Host): string {
  return readFileSync(running.adminTokenFile ?? '', 'utf8').trim();
}

/** Posts JSON with a key. */
export function post(
  running: Host,
  path: string,
  body: unknown,
  headers: Record<string, string>,
): Promise<Response> {
  return fetch(running.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
}

/** Calls a procedure as admin; fails on anything but 200. */
export async function call<N extends ProcedureName>(
  running: Host,
  name: N,
  input: CallInput<N>,
): Promise<Output<N>> {
  const response = await post(running, procedurePath(name), input, {
    authorization: `Bearer ${adminToken(running)}`,
  });
  if (response.status !== 200) throw new Error(`${name}: ${await response.text()}`);
  return (await response.json()) as Output<N>;
}

/** A partner on a free port that keeps what it is sent and answers as told. */
export async function partner(
  answer: { status: number; body: string } = { status: 200, body: '{"ok":true}' },
) {
  const requests: { headers: Record<string, unknown>; body: string }[] = [];
  const keep = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    requests.push({ headers: request.headers, body: await text(request) });
    response.writeHead(answer.status, { 'content-type': 'application/json' }).end(answer.body);
  };
  const server = createServer((request, response) => {
    void keep(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}/hook`,
    requests,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** A lab with one rule for new bills, and a key for its system. */
export async function configureLab(running: Host, endPoint: string) {
  await call(running, 'addUpdateLab', { lab_id: 7, name: 'City Lab', time_zone: 'Asia/Kolkata' });
  const { items } = await call(running, 'getActionCategoryList', {});
  const category = items.find(({ code }) => code === 'BILL_GENERATED');
  if (!category) throw new Error('BILL_GENERATED is not seeded');
  const rule = await call(running, 'addUpdateWebhookIntegration', {
    lab_id: 7,
    action_category_list_id: category.action_category_list_id,
    name: 'bills to the partner',
    end_point: endPoint,
  });
  const { key } = await call(running, 'createAccessKey', { kind: 'inbound', name: 'LIS' });
  return { rule, key };
}
