import { expect, test } from 'vitest';
import {
  knownCredentials,
  maskAnswer,
} from '../../../src/main/engine/dispatch/known-credentials.ts';

const answer = (responseBody: string | null, responseHeaders: Record<string, string> = {}) => ({
  responseBody,
  responseHeaders,
});

test('a credential that a partner sends back is not kept, in body or headers', () => {
  const known = knownCredentials(
    { kind: 'api_key', publicKeys: { header: 'X-Partner-Code' } },
    { value: 'open-sesame', signing_secret: 'whsec_AAAA' },
  );
  const told = answer('{"got":"open-sesame","and":"open-sesame whsec_AAAA"}', {
    'x-partner-code': 'anything',
    'x-debug': 'code=open-sesame',
    vary: 'accept',
  });
  expect(maskAnswer(told, known)).toEqual({
    responseBody: '{"got":"••••","and":"•••• ••••"}',
    responseHeaders: { 'x-partner-code': '••••', 'x-debug': 'code=••••', vary: 'accept' },
  });
});

test('a password is not kept in base64 either, as it was sent', () => {
  const known = knownCredentials(
    { kind: 'basic', publicKeys: { username: 'läb' } },
    { password: 'p:ß-long-enough' },
  );
  const pair = Buffer.from('läb:p:ß-long-enough').toString('base64');
  const { responseBody } = maskAnswer(answer(`Basic ${pair} is läb:p:ß-long-enough`), known);
  expect(responseBody).toBe('Basic •••• is läb:••••');
});

test('a secret with slashes is found as JSON may escape it', () => {
  const known = knownCredentials({ kind: 'none', publicKeys: {} }, { token: 'ab/cd/ef+gh=' });
  const told = answer('{"a":"ab/cd/ef+gh=","b":"ab\\/cd\\/ef+gh="}');
  expect(maskAnswer(told, known).responseBody).toBe('{"a":"••••","b":"••••"}');
});

test('a secret is found as JSON, a URL or base64 would write it', () => {
  const secret = 'SEC"RET /Z99+';
  const known = knownCredentials({ kind: 'none', publicKeys: {} }, { token: secret });
  for (const written of [
    JSON.stringify(secret).slice(1, -1),
    encodeURIComponent(secret),
    Buffer.from(secret).toString('base64'),
  ]) {
    expect(maskAnswer(answer(`got ${written}.`), known).responseBody).toBe('got ••••.');
  }
});

test('a secret that holds another is masked whole', () => {
  const secrets = { a: 'abcdefgh', b: 'abcdefgh-ijkl' };
  const known = knownCredentials({ kind: 'none', publicKeys: {} }, secrets);
  expect(maskAnswer(answer('abcdefgh-ijkl abcdefgh'), known).responseBody).toBe('•••• ••••');
});

test('short secrets, which stand in any text by chance, are not looked for', () => {
  const known = knownCredentials({ kind: 'none', publicKeys: {} }, { password: 'result' });
  expect(maskAnswer(answer('{"result":1}'), known).responseBody).toBe('{"result":1}');
});

test('an answer without a body stays one', () => {
  const known = knownCredentials({ kind: 'none', publicKeys: {} }, { token: 'abcdefgh' });
  expect(maskAnswer({ responseBody: null, responseHeaders: null }, known)).toEqual({
    responseBody: null,
    responseHeaders: null,
  });
});
