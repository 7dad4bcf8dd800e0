import { expect, test } from 'vitest';
import { maskHeaders } from '../../src/main/engine/dispatch/masking.ts';
import { isCredentialHeader, isCredentialParameter } from '../../src/shared/credential-names.ts';
import { headers } from '../../src/shared/contract/configuration/http-fields.ts';

const CREDENTIALS = [
  'Authorization',
  'proxy-authorization',
  'Cookie',
  'set-cookie',
  'x-internal-token',
  'X-Api-Key',
  'apikey',
  'X-Secret-Thing',
  'x-auth-token',
  'Ocp-Apim-Subscription-Key',
  'x-user-password',
  'x-hub-signature-256',
];
const HARMLESS = ['Accept', 'X-Site', 'idempotency-key', 'x-request-id', 'www-authenticate'];

test.each(CREDENTIALS)('%s carries a credential: no rule may hold it, no log keeps it', (name) => {
  expect(isCredentialHeader(name)).toBe(true);
  expect(headers.safeParse({ [name]: 'open-sesame' }).success).toBe(false);
  expect(maskHeaders({ [name]: 'open-sesame' })).toEqual({ [name]: '••••' });
});

test.each(HARMLESS)('%s carries none', (name) => {
  expect(isCredentialHeader(name)).toBe(false);
  expect(headers.safeParse({ [name]: 'x' }).success).toBe(true);
  expect(maskHeaders({ [name]: 'x' })).toEqual({ [name]: 'x' });
});

test('a Standard Webhooks signature proves a message and opens nothing', () => {
  expect(isCredentialHeader('webhook-signature')).toBe(false);
});

test('parameters are judged likewise, by the short names that services use too', () => {
  for (const name of ['api_key', 'access_token', 'client_secret', 'key', 'sig', 'pwd']) {
    expect(isCredentialParameter(name)).toBe(true);
  }
  for (const name of ['site', 'keyword', 'monkey', 'page']) {
    expect(isCredentialParameter(name)).toBe(false);
  }
});
