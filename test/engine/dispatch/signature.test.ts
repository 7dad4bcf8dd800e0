import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { Webhook } from 'standardwebhooks';
import { describe, expect, test } from 'vitest';
import { signWebhook } from '../../../src/main/engine/dispatch/signature.ts';

const SECRET = `whsec_${randomBytes(32).toString('base64')}`;

/** The receiver's side, by an implementation that is not ours; throws where it does not believe. */
function received(secret: string, signature: string, id: string, seconds: number, body: string) {
  return new Webhook(secret).verify(body, {
    'webhook-id': id,
    'webhook-timestamp': String(seconds),
    'webhook-signature': signature,
  });
}

const now = () => Math.floor(Date.now() / 1_000);

describe('a Standard Webhooks signature', () => {
  test('is believed by a receiver of the specification’s own library, whatever the body', () => {
    const key = fc.uint8Array({ minLength: 24, maxLength: 64 });
    fc.assert(
      fc.property(key, fc.uuid(), fc.json(), (bytes, id, body) => {
        const secret = `whsec_${Buffer.from(bytes).toString('base64')}`;
        const at = now();
        const signature = signWebhook(secret, id, at, body);
        expect(() => received(secret, signature, id, at, body)).not.toThrow();
      }),
      { numRuns: 50 },
    );
  });

  test.each([
    ['body', (id: string, at: number) => received(SECRET, signed(at), id, at, '{"a":2}')],
    ['id', (_: string, at: number) => received(SECRET, signed(at), 'other', at, '{"a":1}')],
    ['time', (id: string, at: number) => received(SECRET, signed(at), id, at + 1, '{"a":1}')],
    [
      'secret',
      (id: string, at: number) =>
        received(`whsec_${randomBytes(32).toString('base64')}`, signed(at), id, at, '{"a":1}'),
    ],
  ])('is not believed with another %s', (_, verify) => {
    const at = now();
    expect(() => received(SECRET, signed(at), 'log-1', at, '{"a":1}')).not.toThrow();
    expect(() => verify('log-1', at)).toThrow();
  });
});

function signed(at: number): string {
  return signWebhook(SECRET, 'log-1', at, '{"a":1}');
}
