import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { Agent } from 'undici';

/**
 * Reads the server's certificate and key.
 * @throws Error naming the file that cannot be used
 */
export function readTlsFiles(files: { cert: string; key: string }): { cert: string; key: string } {
  const tls = { cert: read('--tls-cert', files.cert), key: read('--tls-key', files.key) };
  try {
    createSecureContext(tls);
  } catch (error) {
    throw new Error(
      `--tls-cert ${files.cert} and --tls-key ${files.key} are no PEM certificate with its key`,
      { cause: error },
    );
  }
  return tls;
}

/**
 * Reaches our own server by its loopback address. Its certificate is made out to another name and
 * often self-signed, so it is trusted for being the very one that we serve, not for its name.
 */
export function ownServerAgent(cert: string): Agent {
  return new Agent({
    connect: { ca: cert, allowPartialTrustChain: true, checkServerIdentity: () => undefined },
  });
}

function read(option: string, file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new Error(`${option}: ${file} cannot be read (${codeOf(error)})`, { cause: error });
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
}
