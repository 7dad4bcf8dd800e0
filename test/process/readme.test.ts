import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { isInstalled } from '../support/programs.ts';
import { ServedEngine } from '../support/served-engine.ts';

const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
const section = /^## First steps\n([\s\S]*?)^## /m.exec(readme)?.[1] ?? '';
const steps = [...section.matchAll(/^```sh\n([\s\S]*?)^```/gm)].map((match) => match[1] ?? '');

let engine: ServedEngine;
beforeAll(async () => {
  engine = await ServedEngine.start();
});
afterAll(() => engine.remove());

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  await new Promise((closed) => server.close(closed));
  if (typeof address !== 'object' || !address) throw new Error('no port');
  return address.port;
}

/** Runs the commands as a reader would, in one shell that stops at the first that fails. */
async function runSteps(commands: string[]): Promise<{ code: number; output: string }> {
  // The reader's listener ends with their terminal; here it ends with the shell.
  const script = `set -euo pipefail\ntrap 'kill $(jobs -p)' EXIT\n${commands.join('\n')}`;
  const shell = spawn('bash', ['-c', script], {
    env: {
      ...process.env,
      LABRELAY: engine.url,
      LABRELAY_DATA: engine.dataFolder,
      PARTNER_PORT: String(await freePort()),
    },
  });
  let output = '';
  shell.stdout.on('data', (chunk) => (output += String(chunk)));
  shell.stderr.on('data', (chunk) => (output += String(chunk)));
  const [code] = await once(shell, 'close');
  return { code: Number(code), output };
}

it.skipIf(!isInstalled('curl'))(
  'has first steps that work as they are written, to a log that shows SUCCESS',
  async () => {
    expect(steps).toHaveLength(8);
    const readLog = steps.at(-1) ?? '';
    const { code, output } = await runSteps([
      ...steps,
      // A reader needs longer than the delivery to get to the last step; a script does not.
      `for _ in $(seq 100); do ${readLog.trim()} | grep -q '"stage": "REPORTED"' && break; sleep 0.1; done`,
      'echo "=== the log"',
      readLog,
    ]);
    expect(code, output).toBe(0);
    expect(output).toContain('POST /bills {');

    const log = JSON.parse(output.split('=== the log\n')[1] ?? '');
    expect(log).toMatchObject({
      status: 'SUCCESS',
      certainty: 'ACCEPTED',
      stage: 'REPORTED',
      action_category: 'BILL_GENERATED',
      response_status_code: 200,
      response_body: '{"taken":true}',
    });
    expect(log.request_body).toContain('B-1');
    expect(log.request_headers).toHaveProperty('authorization');
    expect(JSON.stringify(log)).not.toContain('the-token-that-the-partner-gave-you');
    expect(log.attempts).toHaveLength(1);
  },
);
