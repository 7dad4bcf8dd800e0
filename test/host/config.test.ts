import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type GivenOptions, dataFolderOf, hostConfig, isLoopback } from '../../src/main/config.ts';
import { LabRelayError } from '../../src/shared/errors.ts';

function refusal(options: GivenOptions, environment = {}): string {
  try {
    hostConfig(options, environment, 'linux');
  } catch (error) {
    if (error instanceof LabRelayError && error.code === 'INVALID_INPUT') return error.message;
    throw error;
  }
  return 'taken';
}

describe('the data folder', () => {
  it('is what --data says, else LABRELAY_DATA, else where the system keeps such things', () => {
    const environment = { LABRELAY_DATA: '/srv/env', XDG_DATA_HOME: '/x', APPDATA: '/roaming' };
    expect(dataFolderOf('some/folder', environment, 'linux')).toBe(resolve('some/folder'));
    expect(dataFolderOf(undefined, environment, 'linux')).toBe('/srv/env');
    expect(dataFolderOf(undefined, { XDG_DATA_HOME: '/x' }, 'linux')).toBe('/x/labrelay');
    expect(dataFolderOf(undefined, {}, 'linux')).toBe(join(homedir(), '.local/share/labrelay'));
    expect(dataFolderOf(undefined, {}, 'darwin')).toBe(
      join(homedir(), 'Library/Application Support/LabRelay'),
    );
    expect(dataFolderOf(undefined, { APPDATA: '/roaming' }, 'win32')).toBe('/roaming/LabRelay');
    expect(refusal({ data: '' })).toContain('--data');
  });
});

describe('the configuration of a host', () => {
  it('is loopback, port 7420 and nothing else by itself', () => {
    expect(hostConfig({ data: '/d' }, {}, 'linux')).toEqual({
      dataFolder: '/d',
      listenHost: '127.0.0.1',
      port: 7420,
      publicUrl: null,
      allowHosts: [],
      tlsFiles: null,
      isInsecure: false,
      adminToken: null,
      sealKey: null,
      spillFolder: null,
    });
  });

  it('has the spill journal in the data folder, or in the folder that is named for it', () => {
    const environment = { LABRELAY_SPILL_DIR: '/other' };
    expect(hostConfig({ data: '/d' }, environment).spillFolder).toBe('/other');
    expect(hostConfig({ 'spill-dir': '/disk2' }, environment).spillFolder).toBe('/disk2');
    expect(refusal({ 'spill-dir': '' })).toMatch(/^--spill-dir: must name a folder/);
  });

  it.each([['0.0.0.0'], ['::'], ['[::]'], ['192.168.1.5'], ['labrelay.lab'], ['128.0.0.1']])(
    'refuses %s without TLS, and says what to give',
    (host) => {
      const said = refusal({ host });
      expect(said).toMatch(/^--host: .*--tls-cert and --tls-key, or --insecure-http/);
    },
  );

  it('takes it with TLS, or marked as insecure', () => {
    const tls = { 'tls-cert': '/c.pem', 'tls-key': '/k.pem' };
    expect(hostConfig({ host: '0.0.0.0', ...tls }, {})).toMatchObject({ isInsecure: false });
    expect(hostConfig({ host: '0.0.0.0', 'insecure-http': true }, {})).toMatchObject({
      isInsecure: true,
    });
    // On loopback there is nothing to warn of.
    expect(hostConfig({ 'insecure-http': true }, {})).toMatchObject({ isInsecure: false });
  });

  it.each([
    [{ port: '70000' }, '--port'],
    [{ port: 'http' }, '--port'],
    [{ port: '' }, '--port'],
    [{ host: 'a b' }, '--host'],
    [{ host: '' }, '--host'],
    [{ 'public-url': 'ftp://lab' }, '--public-url'],
    [{ 'public-url': 'https://lab/path' }, '--public-url'],
    [{ 'public-url': 'https://user:pass@lab' }, '--public-url'],
    [{ 'allow-host': ['https://lab'] }, '--allow-host'],
    [{ 'tls-cert': '/c.pem' }, '--tls-key'],
    [{ 'tls-key': '/k.pem' }, '--tls-cert'],
  ])('refuses %j and names %s', (options, field) => {
    expect(refusal(options)).toContain(field);
  });

  it('refuses an admin token that is easily guessed, without showing it', () => {
    const said = refusal({}, { LABRELAY_ADMIN_TOKEN: 'secret' });
    expect(said).toContain('LABRELAY_ADMIN_TOKEN');
    expect(said).not.toContain('secret');
  });

  it('makes the public URL an origin', () => {
    const options = { 'public-url': 'https://LabRelay.lab:443/' };
    expect(hostConfig(options, {}).publicUrl).toBe('https://labrelay.lab');
  });
});

it.each([
  ['127.0.0.1', true],
  ['127.8.9.10', true],
  ['localhost', true],
  ['LOCALHOST', true],
  ['::1', true],
  ['::ffff:127.0.0.1', true],
  ['0.0.0.0', false],
  ['127.evil.example', false],
  ['localhost.evil.example', false],
])('%s is loopback: %s', (host, expected) => {
  expect(isLoopback(host)).toBe(expected);
});
