import { createHmac } from 'node:crypto';

/**
 * The `webhook-signature` of a message by the Standard Webhooks specification: `v1,` and the base64
 * HMAC-SHA256 of `id.timestamp.body`.
 *
 * @param secret `whsec_` followed by the key in base64
 * @param timestamp Unix seconds, as sent in `webhook-timestamp`
 */
export function signWebhook(secret: string, id: string, timestamp: number, body: string): string {
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  const mac = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64');
  return `v1,${mac}`;
}
