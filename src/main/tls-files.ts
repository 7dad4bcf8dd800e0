import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';

/** Where the certificate (with its chain) and its key lie. */
export interface TlsFiles {
  cert: string;
  key: string;
}

/** A certificate (with its chain) and its key, as PEM texts. */
export interface TlsPair {
  cert: string;
  key: string;
}

/**
 * Reads the server's certificate and key.
 * @throws Error naming the file that cannot be used
 */
export function readTlsFiles(files: TlsFiles): TlsPair {
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
