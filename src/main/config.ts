import { isIP } from 'node:net';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { parseInput } from '../shared/contract/common.ts';
import { fieldError, LabRelayError } from '../shared/errors.ts';

/** Where the local server listens unless told otherwise. */
export const DEFAULT_HOST = '127.0.0.1';
export const DEFAULT_PORT = 7420;

/** The names of the environment that are looked at. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** How a host is to run: checked, with every default filled in. */
export interface HostConfig {
  dataFolder: string;
  listenHost: string;
  /** 0: any free port. */
  port: number;
  /** Origin by which outside workers and browsers reach it, without a slash at its end. */
  publicUrl: string | null;
  allowHosts: string[];
  tlsFiles: { cert: string; key: string } | null;
  /** Reachable beyond this machine without TLS, on purpose. */
  isInsecure: boolean;
  /** First admin key; null has one made. */
  adminToken: string | null;
  /** The key that seals secrets; null: the key file. */
  sealKey: string | null;
  /** Where the spill journal lies, if not in the data folder. */
  spillFolder: string | null;
}

/** The engine's options as `serve` and others take them, still as they were typed. */
export interface GivenOptions {
  data?: string | undefined;
  host?: string | undefined;
  port?: string | undefined;
  'public-url'?: string | undefined;
  'allow-host'?: string[] | undefined;
  'tls-cert'?: string | undefined;
  'tls-key'?: string | undefined;
  'insecure-http'?: boolean | undefined;
  'spill-dir'?: string | undefined;
}

const hostName = /^(?:\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)$/;

const given = z.object({
  '--host': z
    .string()
    .refine((host) => isIP(host) !== 0 || hostName.test(host), {
      error: 'must be an address or a host name, e.g. 127.0.0.1',
    })
    .default(DEFAULT_HOST),
  '--port': z
    .string()
    .regex(/^\d{1,5}$/, 'must be a number from 0 (any free port) to 65535')
    .transform(Number)
    .refine((port) => port <= 65_535, 'must be a number from 0 (any free port) to 65535')
    .default(DEFAULT_PORT),
  '--public-url': z
    .url({ protocol: /^https?$/, error: 'must be an http or https URL, e.g. https://labrelay.lab' })
    .refine((url) => isOrigin(url), 'must be scheme, name and port alone, without a path')
    .transform((url) => new URL(url).origin)
    .optional(),
  '--allow-host': z
    .array(
      z.string().regex(/^(?:\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::\d{1,5})?$/, {
        error: 'must be NAME or NAME:PORT, without a scheme or path',
      }),
    )
    .default([]),
  '--tls-cert': z.string().min(1, 'must name a PEM file').optional(),
  '--tls-key': z.string().min(1, 'must name a PEM file').optional(),
  '--insecure-http': z.boolean().default(false),
  LABRELAY_ADMIN_TOKEN: z
    .string()
    .regex(/^[\x21-\x7e]{8,512}$/, 'must be 8 to 512 printable ASCII characters without spaces')
    .optional(),
});

/**
 * Checks what a host is to run with.
 * @throws LabRelayError `INVALID_INPUT` naming each option at fault and its cure
 */
export function hostConfig(
  options: GivenOptions,
  environment: Environment,
  platform: NodeJS.Platform = process.platform,
): HostConfig {
  const checked = parseInput(given, {
    '--host': options.host?.replace(/^\[(.*)\]$/, '$1'),
    '--port': options.port,
    '--public-url': options['public-url'],
    '--allow-host': options['allow-host'],
    '--tls-cert': options['tls-cert'],
    '--tls-key': options['tls-key'],
    '--insecure-http': options['insecure-http'],
    LABRELAY_ADMIN_TOKEN: environment['LABRELAY_ADMIN_TOKEN'] || undefined,
  });
  const tlsFiles = tlsFilesOf(checked['--tls-cert'], checked['--tls-key']);
  const isOpen = !isLoopback(checked['--host']) && tlsFiles === null;
  if (isOpen && !checked['--insecure-http']) {
    throw fieldError(
      'INVALID_INPUT',
      '--host',
      `${checked['--host']} can be reached from other machines, and without TLS keys and patient data would cross the network in clear; give --tls-cert and --tls-key, or --insecure-http to accept that`,
    );
  }
  return {
    dataFolder: dataFolderOf(options.data, environment, platform),
    listenHost: checked['--host'],
    port: checked['--port'],
    publicUrl: checked['--public-url'] ?? null,
    allowHosts: checked['--allow-host'],
    tlsFiles,
    isInsecure: isOpen,
    adminToken: checked.LABRELAY_ADMIN_TOKEN ?? null,
    sealKey: environment['LABRELAY_KEY'] || null,
    spillFolder: spillFolderOf(options['spill-dir'], environment),
  };
}

/** `--data`, else `LABRELAY_DATA`, else the system's folder for application data. */
export function dataFolderOf(
  option: string | undefined,
  environment: Environment,
  platform: NodeJS.Platform = process.platform,
): string {
  if (option === '') throw fieldError('INVALID_INPUT', '--data', 'must name a folder');
  const named = option ?? environment['LABRELAY_DATA'];
  if (named) return resolve(named);
  if (platform === 'win32') {
    return join(environment['APPDATA'] || join(homedir(), 'AppData', 'Roaming'), 'LabRelay');
  }
  if (platform === 'darwin') return join(homedir(), 'Library', 'Application Support', 'LabRelay');
  return join(environment['XDG_DATA_HOME'] || join(homedir(), '.local', 'share'), 'labrelay');
}

/** `--spill-dir`, else `LABRELAY_SPILL_DIR`; null: the data folder. */
export function spillFolderOf(option: string | undefined, environment: Environment): string | null {
  if (option === '') throw fieldError('INVALID_INPUT', '--spill-dir', 'must name a folder');
  const named = option ?? environment['LABRELAY_SPILL_DIR'];
  return named ? resolve(named) : null;
}

/** Whether only programs on this machine can reach the address (RFC 1122 §3.2.1.3, RFC 4291). */
export function isLoopback(host: string): boolean {
  const plain = host.toLowerCase().replace(/^::ffff:(?=\d)/, '');
  return (
    plain === 'localhost' || plain === '::1' || (isIP(plain) === 4 && plain.startsWith('127.'))
  );
}

function isOrigin(text: string): boolean {
  const url = new URL(text);
  return (
    url.pathname === '/' &&
    url.search === '' &&
    url.hash === '' &&
    url.username + url.password === ''
  );
}

function tlsFilesOf(cert?: string, key?: string): { cert: string; key: string } | null {
  if (cert === undefined && key === undefined) return null;
  if (cert !== undefined && key !== undefined) return { cert: resolve(cert), key: resolve(key) };
  const missing = cert === undefined ? '--tls-cert' : '--tls-key';
  throw new LabRelayError('INVALID_INPUT', `${missing}: is needed beside the other TLS file`, [
    { field: missing, reason: 'is needed beside the other TLS file' },
  ]);
}
