import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hostCheck } from '../../src/main/http/hosts.ts';
import { type Served, serve } from './serving.ts';

const LOCAL = { listenHost: '127.0.0.1', allowHosts: [], publicUrl: null };

function verdict(
  policy: Partial<Parameters<typeof hostCheck>[0]>,
  host: string | undefined,
  origin?: string,
  localAddress = '127.0.0.1',
) {
  return hostCheck({ ...LOCAL, ...policy })({ host, origin, localAddress });
}

describe('the Host check', () => {
  it.each(['127.0.0.1:7420', 'localhost:7420', 'LOCALHOST', 'localhost.:7420', '[::1]:7420'])(
    'takes names of this machine: %s',
    (host) => {
      expect(verdict({}, host)).toBeNull();
    },
  );

  it.each([
    undefined,
    '',
    'evil.example',
    'evil.example:7420',
    '127.0.0.1.evil.example',
    'localhost.evil.example',
    'localhost@evil.example',
    '127.0.0.1:7420@evil.example',
    '127.1',
    '2130706433',
    '0x7f000001',
    'localhost:7420/x',
    'localhost evil.example',
    '192.168.1.5:7420',
  ])('refuses foreign and malformed ones: %s', (host) => {
    expect(verdict({}, host)).toBe('FOREIGN_HOST');
  });

  it('takes the address that the connection came in on, whichever it was', () => {
    const open = { listenHost: '0.0.0.0' };
    expect(verdict(open, '192.168.1.5:7420', undefined, '192.168.1.5')).toBeNull();
    expect(verdict(open, '192.168.1.5:7420', undefined, '::ffff:192.168.1.5')).toBeNull();
    expect(verdict(open, '192.168.1.6:7420', undefined, '192.168.1.5')).toBe('FOREIGN_HOST');
    expect(verdict(open, 'labrelay.lab', undefined, '192.168.1.5')).toBe('FOREIGN_HOST');
  });

  it('takes what was allowed on purpose, with its port where one was given', () => {
    const policy = { allowHosts: ['labrelay.lab', 'proxy.lab:8443'] };
    expect(verdict(policy, 'labrelay.lab:7420')).toBeNull();
    expect(verdict(policy, 'proxy.lab:8443')).toBeNull();
    expect(verdict(policy, 'proxy.lab:9000')).toBe('FOREIGN_HOST');
    expect(verdict({ publicUrl: 'https://out.lab' }, 'out.lab')).toBeNull();
  });
});

describe('the Origin check', () => {
  it.each([['http://127.0.0.1:7420'], ['http://localhost:7420'], ['http://[::1]:7420']])(
    'takes our own pages: %s',
    (origin) => {
      expect(verdict({}, '127.0.0.1:7420', origin)).toBeNull();
    },
  );

  it.each([
    'null',
    '',
    'http://evil.example',
    'https://evil.example:7420',
    // Another program's page on this machine is foreign, too.
    'http://localhost:3000',
    'http://127.0.0.1',
    'file://',
    'chrome-extension://abcdef',
    'http://127.0.0.1:7420.evil.example',
    'http://user@127.0.0.1:7420',
  ])('refuses others: %s', (origin) => {
    expect(verdict({}, '127.0.0.1:7420', origin)).toBe('FOREIGN_ORIGIN');
  });

  it('takes the public URL and allowed hosts as they were given', () => {
    const policy = { publicUrl: 'https://out.lab', allowHosts: ['page.lab'] };
    expect(verdict(policy, '127.0.0.1:7420', 'https://out.lab')).toBeNull();
    expect(verdict(policy, '127.0.0.1:7420', 'https://page.lab:8443')).toBeNull();
    expect(verdict(policy, '127.0.0.1:7420', 'http://out.lab:81')).toBe('FOREIGN_ORIGIN');
  });
});

describe('over a socket', () => {
  let served: Served;
  beforeAll(async () => {
    served = await serve();
  });
  afterAll(() => served.server.close());

  /** fetch does not let a caller forge Host; a rebound page's browser sends it by itself. */
  function get(path: string, headers: Record<string, string>) {
    return new Promise<{ status: number; body: string }>((resolve, reject) => {
      const call = request(`${served.url}${path}`, { headers }, (response) => {
        let body = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          body += chunk;
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
      });
      call.on('error', reject).end();
    });
  }

  it.each(['/health', '/metrics', '/openapi.json', '/docs/', '/', '/no/such/route'])(
    'every route refuses a foreign Host and a foreign Origin: %s',
    async (path) => {
      const host = await get(path, { host: 'evil.example' });
      expect(host.status).toBe(421);
      expect(JSON.parse(host.body)).toMatchObject({
        code: 'FOREIGN_HOST',
        errors: [{ field: 'Host', reason: expect.stringContaining('--allow-host') }],
      });
      for (const origin of ['https://evil.example', 'null']) {
        const foreign = await get(path, { origin });
        expect(foreign.status).toBe(403);
        expect(JSON.parse(foreign.body)).toMatchObject({ code: 'FOREIGN_ORIGIN' });
      }
    },
  );

  it('refuses before a key is looked at and before an event is taken', async () => {
    const response = await served.post('/billing/', {}, { origin: 'https://evil.example' });
    expect(response.status).toBe(403);
    expect(served.engine.accepted).toEqual([]);
  });
});
