import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isInstalled } from '../../support/programs.ts';

/** No package's: part of nearly every system. */
const PROGRAM = 'openssl';

/** Whether this machine can make certificates; Node itself has no means to. */
export const hasOpenssl = isInstalled(PROGRAM);

/** A certificate authority of a test's own, with a server certificate that it has signed. */
export interface Authority {
  /** PEM of the authority, for those who are to trust it. */
  ca: string;
  cert: string;
  key: string;
}

/**
 * Makes an authority and a certificate of it.
 * @param names subject alternative names as openssl writes them, e.g. `DNS:localhost,IP:127.0.0.1`
 */
export function authority(names: string): Authority {
  const folder = mkdtempSync(join(tmpdir(), 'labrelay-certificates-'));
  const file = (name: string) => join(folder, name);
  const openssl = (command: string) =>
    execFileSync(PROGRAM, command.split(' '), { cwd: folder, stdio: 'ignore' });
  const newKey = '-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes';
  try {
    openssl(`req -x509 ${newKey} -days 2 -subj /CN=test-authority -keyout ca.key -out ca.pem`);
    openssl(`req ${newKey} -subj /CN=partner -keyout key.pem -out request.pem`);
    writeFileSync(file('names'), `subjectAltName=${names}\n`);
    openssl(
      'x509 -req -in request.pem -days 2 -CA ca.pem -CAkey ca.key -CAcreateserial -extfile names -out cert.pem',
    );
    const read = (name: string) => readFileSync(file(name), 'utf8');
    return { ca: read('ca.pem'), cert: read('cert.pem'), key: read('key.pem') };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
