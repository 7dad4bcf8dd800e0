import { mkdtempSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { main } from '../../src/main/cli/dispatch.ts';
import { VERSION } from '../../src/main/version.ts';

/** Runs a command line that ends by itself. */
async function run(argv: string[], environment: Record<string, string> = {}) {
  const said = { out: '', err: '' };
  const code = await main(argv, {
    out: (text) => {
      said.out += text;
    },
    err: (text) => {
      said.err += text;
    },
    environment,
  });
  return { code, ...said };
}

describe('the command line', () => {
  it('tells its version and its commands', async () => {
    expect(await run(['--version'])).toEqual({ code: 0, out: `${VERSION}\n`, err: '' });
    const help = await run(['--help']);
    expect(help.code).toBe(0);
    expect(help.out).toMatch(/^Usage: labrelay <command>/);
    expect(help.out).toContain('serve');
  });

  it('tells each command’s options', async () => {
    const listed = [...(await run(['--help'])).out.matchAll(/^ {2}([\w-]+) +\S/gm)].map(
      ([, name]) => name,
    );
    expect(listed).toContain('serve');
    for (const name of listed) {
      const help = await run([name ?? '', '--help']);
      expect([name, help.code]).toEqual([name, 0]);
      expect(help.out).toContain(`Usage: labrelay ${name}`);
    }
  });

  it.each([
    [[], 'Usage'],
    [['no-such-command'], 'no-such-command'],
    [['toString'], 'toString'],
    [['serve', '--no-such-option'], '--no-such-option'],
    [['serve', 'surplus'], 'surplus'],
    [['serve', '--port', 'http'], '--port'],
    [['serve', '--host', '0.0.0.0'], '--insecure-http'],
    [['serve', '--tls-cert', 'x.pem'], '--tls-key'],
  ])('ends with 2 for unusable arguments: %j', async (argv, said) => {
    const { code, out, err } = await run(argv);
    expect([code, out]).toEqual([2, '']);
    expect(err).toContain(said);
  });

  it('ends with 1 where what was asked for fails, and says why', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const address = other.address();
    const port = String(typeof address === 'object' && address ? address.port : 0);
    const data = mkdtempSync(join(tmpdir(), 'labrelay-cli-'));
    try {
      const plain = await run(['serve', '--data', data, '--port', port]);
      expect(plain.code).toBe(1);
      expect(plain.err).toContain(`port ${port} of 127.0.0.1 is taken`);
      expect(plain.err).toContain('--port');
      const json = await run(['serve', '--data', data, '--port', port, '--json']);
      expect(json.code).toBe(1);
      expect(JSON.parse(json.out)).toMatchObject({
        error: { detail: expect.stringContaining(port) },
      });
    } finally {
      other.close();
    }
  });
});
