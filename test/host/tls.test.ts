import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Agent, request } from 'undici';
import { describe, expect, it, vi } from 'vitest';
import { host, partner } from './hosting.ts';

const FILES = join(import.meta.dirname, '..', 'fixtures', 'tls');
const CERT = join(FILES, 'cert.pem');

describe('a host with TLS', () => {
  it('serves https alone, and reports to itself over it although its certificate names another host', async () => {
    const receiver = await partner();
    const token = 'a-token-of-my-own-making';
    const running = await host(
      { host: '0.0.0.0', 'tls-cert': CERT, 'tls-key': join(FILES, 'key.pem') },
      { LABRELAY_ADMIN_TOKEN: token },
    );
    const client = new Agent({
      connect: { ca: readFileSync(CERT, 'utf8'), servername: 'labrelay.test' },
    });
    const post = async (path: string, body: unknown) => {
      const response = await request(running.url + path, {
        method: 'POST',
        dispatcher: client,
        headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
        body: JSON.stringify(body),
      });
      const answer = (await response.body.json()) as Record<string, unknown>;
      expect([path, response.statusCode < 300, answer]).toEqual([path, true, answer]);
      return answer;
    };
    try {
      expect(running.url).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
      await expect(fetch(running.url.replace('https', 'http'))).rejects.toThrow();

      await post('/api/v1/update-settings', { callback_transport: 'http' });
      await post('/api/v1/add-update-lab', { lab_id: 7, name: 'City Lab' });
      await post('/api/v1/add-update-webhook-integration', {
        lab_id: 7,
        action_category_list_id: 1,
        name: 'bills',
        end_point: receiver.url,
      });
      const { log_ids } = await post('/billing/', { lab_id: 7, bill: { bill_id: 1 } });
      await vi.waitFor(
        async () => {
          const log = await post('/api/v1/get-log', { log_id: (log_ids as string[])[0] });
          expect(log).toMatchObject({ status: 'SUCCESS', response_status_code: 200 });
        },
        { timeout: 10_000 },
      );
      expect(receiver.requests.length).toBe(1);
    } finally {
      await client.close();
      await running.close();
      await receiver.close();
    }
  });
});
