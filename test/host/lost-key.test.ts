import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Host } from '../../src/main/host.ts';
import { call, configureLab, host, partner, post } from './hosting.ts';

let receiver: Awaited<ReturnType<typeof partner>>;
let data: string;
let running: Host;
let inbound: string;
let authenticationId: number;

beforeEach(async () => {
  receiver = await partner();
  running = await host();
  data = running.dataFolder;
  const { rule, key } = await configureLab(running, receiver.url);
  inbound = key;
  const made = await call(running, 'addUpdateDeveloperAuthentication', {
    lab_id: 7,
    name: 'Partner portal',
    kind: 'bearer',
    keys: { token: 'a-token-that-the-partner-gave' },
  });
  authenticationId = made.developer_authentication_id;
  await call(running, 'addUpdateWebhookIntegration', {
    lab_integration_id: rule.lab_integration_id,
    developer_authentication_id: authenticationId,
  });
  await running.close();
});
afterEach(async () => {
  await running.close();
  await receiver.close();
});

let bills = 0;
async function sendBill(): Promise<string> {
  const response = await post(
    running,
    '/billing/',
    { lab_id: 7, bill: { bill_id: ++bills } },
    { authorization: `Bearer ${inbound}` },
  );
  const { log_ids } = (await response.json()) as { log_ids: string[] };
  return log_ids[0] ?? '';
}

describe('an engine whose key file', () => {
  it.each([
    ['is gone', () => rmSync(join(data, 'secret.key'))],
    [
      'is another one',
      () => writeFileSync(join(data, 'secret.key'), randomBytes(32).toString('base64')),
    ],
    ['holds no key', () => writeFileSync(join(data, 'secret.key'), 'half a ke')],
  ])(
    '%s starts, sends nothing with wrong credentials, and lists what to enter again',
    async (_what, lose) => {
      lose();
      running = await host({ data });
      const { checks, status } = await call(running, 'getHealth', {});
      expect(status).toBe('ok');
      expect(checks).toContainEqual({
        name: 'secrets',
        ok: false,
        detail: expect.stringContaining(
          `1 developer authentication(s): Partner portal (${authenticationId});`,
        ),
      });
      // Anyone may ask for health over the network: they learn that, not which.
      const open = await (await fetch(`${running.url}/health`)).text();
      expect(open).toContain('1 developer authentication(s);');
      expect(open).not.toContain('Partner portal');

      const logId = await sendBill();
      await vi.waitFor(async () =>
        expect(await call(running, 'getLog', { log_id: logId })).toMatchObject({
          status: 'FAIL',
          certainty: 'NOT_SENT',
          error_kind: 'CONFIGURATION',
          error_message: expect.stringContaining('Partner portal'),
          held_reason: 'RULE_UNFIT',
        }),
      );
      expect(receiver.requests).toEqual([]);

      await call(running, 'addUpdateDeveloperAuthentication', {
        developer_authentication_id: authenticationId,
        keys: { token: 'entered-again-by-hand' },
      });
      const mended = await call(running, 'getHealth', {});
      expect(mended.checks.find(({ name }) => name === 'secrets')).toBeUndefined();
      // What came meanwhile has waited, and goes out by itself.
      await vi.waitFor(() => expect(receiver.requests).toHaveLength(1));
      expect(receiver.requests[0]?.headers['webhook-id']).toContain(logId);
      expect(receiver.requests[0]?.headers['authorization']).toBe('Bearer entered-again-by-hand');
    },
  );

  it('holds no key keeps that file, so that nothing is lost that somebody could mend', async () => {
    writeFileSync(join(data, 'secret.key'), 'half a ke');
    running = await host({ data });
    const kept = readdirSync(data).find((name) => name.startsWith('secret.key.unusable-')) ?? '';
    expect(readFileSync(join(data, kept), 'utf8')).toBe('half a ke');
  });
});
