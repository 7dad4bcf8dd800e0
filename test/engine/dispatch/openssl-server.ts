import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from 'vitest';
import { type Authority, PROGRAM } from './certificates.ts';

const open: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of open.splice(0)) await close();
});

/**
 * OpenSSL's own server as a partner: it demands a certificate and refuses by alerts, as most servers
 * do, where Node's hangs up. It answers every GET with a page of its own.
 *
 * @param clientCa PEM of the authority whose clients it knows
 * @returns its port
 */
export async function opensslServer(
  { cert, key }: Authority,
  clientCa: string,
  version: 'TLSv1.2' | 'TLSv1.3',
): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'labrelay-openssl-'));
  for (const [name, text] of Object.entries({ cert, key, ca: clientCa })) {
    writeFileSync(join(folder, name), text);
  }
  const only = version === 'TLSv1.2' ? '-tls1_2' : '-tls1_3';
  const options = `-cert cert -key key -CAfile ca -Verify 1 -verify_return_error -www ${only}`;
  const child = spawn(PROGRAM, ['s_server', '-accept', '127.0.0.1:0', ...options.split(' ')], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  open.push(async () => {
    await ended(child);
    rmSync(folder, { recursive: true, force: true });
  });
  return await portOf(child);
}

/** It says where it listens, e.g. `ACCEPT 127.0.0.1:40123`. */
function portOf({ stdout }: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    let said = '';
    stdout?.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      const port = /ACCEPT .*:(\d+)/.exec(said)?.[1];
      if (port) resolve(Number(port));
    });
    stdout?.once('end', () => reject(new Error(`openssl s_server did not start: ${said}`)));
  });
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await exit;
}
