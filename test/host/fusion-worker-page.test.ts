import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Host } from '../../src/main/host.ts';
import { temporaryFolder } from '../helpers/folders.ts';
import { isInstalled } from '../support/programs.ts';
import { adminToken, call, configureLab, host, partner, post } from './hosting.ts';

const read = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8');
const page = read('../../docs/fusion-worker.md');

/** The code of a page in one language, block by block. */
const blocksOf = (text: string, language: string): string[] =>
  [...text.matchAll(new RegExp(`^\`\`\`${language}\n([\\s\\S]*?)^\`\`\``, 'gm'))].map(
    (match) => match[1] ?? '',
  );

/** The shell functions that the page takes from the README's first steps. */
const functions = blocksOf(read('../../README.md'), 'sh')
  .join('\n')
  .split('\n')
  .filter((line) => /^(procedure|field)\(\)/.test(line));

let running: Host;
let peer: Awaited<ReturnType<typeof partner>>;
let integration: number;
let children: ChildProcess[];
let bill: () => Promise<string>;

beforeEach(async () => {
  children = [];
  peer = await partner();
  running = await host();
  const { rule, key } = await configureLab(running, peer.url);
  integration = rule.lab_integration_id;
  await call(running, 'setDeliveryPaused', { paused: true });
  let bills = 0;
  bill = async () => {
    const body = { lab_id: 7, bill: { bill_id: ++bills, patient: { patient_id: 'Prüfung' } } };
    const headers = { authorization: `Bearer ${key}` };
    const answer = await post(running, '/billing/', body, headers);
    return ((await answer.json()) as { log_ids: string[] }).log_ids[0] ?? '';
  };
});
afterEach(async () => {
  for (const child of children) {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
  }
  await running.close();
  await peer.close();
});

function run(program: string, args: string[], environment: Record<string, string>): ChildProcess {
  const child = spawn(program, args, {
    env: { ...process.env, LABRELAY: running.url, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  return child;
}

describe('the page about outside workers', () => {
  test.skipIf(!isInstalled('curl'))('has commands that work as they are written', async () => {
    expect(functions).toHaveLength(2);
    const [setUp = '', ...steps] = blocksOf(page, 'sh');
    expect(steps).toHaveLength(6);
    const logIds = [await bill(), await bill(), await bill()];
    const script = [
      'set -euo pipefail',
      ...functions,
      setUp,
      `procedure set-delivery-paused '{"paused": false}'`,
      ...steps,
    ].join('\n');
    const child = run('bash', ['-c', script], {
      ADMIN_KEY: adminToken(running),
      INTEGRATION_ID: String(integration),
    });
    let output = '';
    child.stdout?.on('data', (chunk) => (output += String(chunk)));
    child.stderr?.on('data', (chunk) => (output += String(chunk)));
    const [code] = await once(child, 'close');
    expect(code, output).toBe(0);
    const logs = await Promise.all(logIds.map((log_id) => call(running, 'getLog', { log_id })));
    expect(logs.map(({ status }) => status)).toEqual(['SUCCESS', 'SUPPRESSED', 'PENDING']);
    expect(logs.map(({ attempts }) => attempts[0]?.worker)).toEqual([
      'fusion-1',
      'fusion-1',
      undefined,
    ]);
  });

  test.skipIf(!isInstalled('python3'))(
    'has a whole worker that works as it is written',
    async () => {
      const file = join(temporaryFolder(), 'worker.py');
      writeFileSync(file, blocksOf(page, 'python').join('\n'));
      const { key } = await call(running, 'createAccessKey', {
        kind: 'user',
        name: 'Fusion',
        role: 'operator',
      });
      await call(running, 'addUpdateWebhookIntegration', {
        lab_integration_id: integration,
        executor: 'external',
      });
      await call(running, 'setDeliveryPaused', { paused: false });
      const logIds = [await bill(), await bill()];
      const child = run('python3', [file], { WORKER_KEY: key });
      for (const log_id of logIds) {
        await vi.waitFor(
          async () =>
            expect(await call(running, 'getLog', { log_id })).toMatchObject({
              status: 'SUCCESS',
              attempts: [{ worker: 'python' }],
            }),
          15_000,
        );
      }
      expect(peer.requests).toHaveLength(2);
      expect(peer.requests[0]?.body).toContain('Prüfung');
      child.kill('SIGTERM');
      const [code] = await once(child, 'exit');
      expect(code).toBe(0);
    },
  );
});
