import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isInstalled } from '../../support/programs.ts';

/** No package's: part of nearly every system. */
export const PROGRAM = 'openssl';

/** Whether this machine can make certificates; Node itself has no means to. */
export const hasOpenssl = isInstalled(PROGRAM);

/** A certificate authority of a test's own, with a server certificate that it has signed. */
export interface Authority {
  /** PEM of the authority, for those who are to trust it. */
  ca: string;
  cert: string;
  key: string;
}

/** A client that an authority of its own vouches for. */
export interface ClientIdentity {
  /** PEM of the authority, for partners who are to know the client by it. */
  ca: string;
  certificate: string;
  privateKey: string;
  /** The same key under {@link PASSPHRASE}. */
  encryptedKey: string;
}

export const PASSPHRASE = 'p4ss phräse';

const NEW_KEY = '-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes';

/**
 * Makes an authority and a certificate of it.
 * @param names subject alternative names as openssl writes them, e.g. `DNS:localhost,IP:127.0.0.1`
 */
export function authority(names: string): Authority {
  return inFolder((openssl, read, write) => {
    openssl(`req -x509 ${NEW_KEY} -days 2 -subj /CN=test-authority -keyout ca.key -out ca.pem`);
    openssl(`req ${NEW_KEY} -subj /CN=partner -keyout key.pem -out request.pem`);
    write('names', `subjectAltName=${names}\n`);
    openssl(
      'x509 -req -in request.pem -days 2 -CA ca.pem -CAkey ca.key -CAcreateserial -extfile names -out cert.pem',
    );
    return { ca: read('ca.pem'), cert: read('cert.pem'), key: read('key.pem') };
  });
}

/** Makes a client's certificate for two days, with its key and the authority that signed it. */
export function clientIdentity(name: string): ClientIdentity {
  return inFolder((openssl, read, write) => {
    openssl(
      `req -x509 ${NEW_KEY} -days 2 -subj /CN=authority-of-${name} -keyout ca.key -out ca.pem`,
    );
    openssl(`req ${NEW_KEY} -subj /O=Lab/CN=${name} -keyout key.pem -out request.pem`);
    openssl(
      'x509 -req -in request.pem -days 2 -CA ca.pem -CAkey ca.key -CAcreateserial -out cert.pem',
    );
    write('pass', `${PASSPHRASE}\n`);
    openssl('pkcs8 -topk8 -in key.pem -passout file:pass -out encrypted.pem');
    return {
      ca: read('ca.pem'),
      certificate: read('cert.pem'),
      privateKey: read('key.pem'),
      encryptedKey: read('encrypted.pem'),
    };
  });
}

/** Runs openssl in a folder that is gone afterwards. */
function inFolder<T>(
  make: (
    openssl: (command: string) => void,
    read: (name: string) => string,
    write: (name: string, text: string) => void,
  ) => T,
): T {
  const folder = mkdtempSync(join(tmpdir(), 'labrelay-certificates-'));
  try {
    return make(
      (command) => execFileSync(PROGRAM, command.split(' '), { cwd: folder, stdio: 'ignore' }),
      (name) => readFileSync(join(folder, name), 'utf8'),
      (name, text) => writeFileSync(join(folder, name), text),
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
