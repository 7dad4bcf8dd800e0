import { describe, expect, test } from 'vitest';
import { editedBody } from '../../../src/main/engine/retry/edited.ts';

const JSON_BODY = { contentType: 'application/json', method: 'POST' } as const;
const TEXT = { contentType: 'text/plain; charset=utf-8', method: 'POST' } as const;
const refusal = (field: string, reason: RegExp) =>
  expect.objectContaining({
    code: 'INVALID_INPUT',
    errors: [{ field, reason: expect.stringMatching(reason) as string }],
  }) as Error;

describe('an edited body', () => {
  test.each([
    ['text stays as it was typed', '{ "a" : 1 }\n', JSON_BODY, '{ "a" : 1 }\n'],
    ['JSON is written as JSON', { a: [1, null] }, JSON_BODY, '{"a":[1,null]}'],
    ['a list may go as well', '[1]', JSON_BODY, '[1]'],
    ['what is no JSON stays text', '<r>1</r>', TEXT, '<r>1</r>'],
    [
      'long numbers in text stay',
      '{"a":12345678901234567890}',
      JSON_BODY,
      '{"a":12345678901234567890}',
    ],
    ['flat by GET', '{"a":1}', { ...JSON_BODY, method: 'GET' }, '{"a":1}'],
  ] as const)('%s', (_, payload, like, body) => {
    expect(editedBody(payload as never, like)).toBe(body);
  });

  test.each([
    ['no JSON where JSON goes', '{"a":', JSON_BODY, 'payload', /is JSON, and this text is not/],
    [
      'no JSON of a vendor’s type',
      'x',
      { ...JSON_BODY, contentType: 'application/fhir+json; charset=utf-8' },
      'payload',
      /this text is not/,
    ],
    ['a document where text goes', { a: 1 }, TEXT, 'payload', /give it as text/],
    ['one whose numbers were rounded', { a: [2 ** 60] }, JSON_BODY, 'payload', /as text/],
    ['behind a byte order mark', '\uFEFF{}', JSON_BODY, 'payload', /without one/],
    ['nothing', '', TEXT, 'payload', /must not be empty/],
    ['11 MiB', 'ä'.repeat(5.5 * 1024 * 1024), TEXT, 'payload', /at most 10 MiB/],
    ['a nested one by GET', { a: { b: 1 } }, { ...JSON_BODY, method: 'GET' }, 'payload', /flat/],
    ['a prototype', '{"a":{"__proto__":1}}', JSON_BODY, 'payload.a.__proto__', /remove or rename/],
    [
      'one too deep to be looked through',
      `${'['.repeat(5_000)}${']'.repeat(5_000)}`,
      JSON_BODY,
      'payload.0.0.0.0.0.0.0.0…',
      /deeper than 64/,
    ],
  ] as const)('is not %s', (_, payload, like, field, reason) => {
    expect(() => editedBody(payload as never, like)).toThrow(refusal(field, reason));
  });

  test('is not quoted where it is refused', () => {
    expect(() => editedBody('{"name": Asha', JSON_BODY)).not.toThrow(/Asha/);
  });
});
