import { describe, expect, test } from 'vitest';
import { certaintyOf } from '../../../src/shared/model/certainty.ts';
import { isSuppressed } from '../../../src/shared/model/suppression.ts';

const MESSAGE = '{"message":"#NOTFORDASHBOARD"}';

describe('an answer is suppressed', () => {
  test('by the status code 209, whatever its body', () => {
    for (const body of [null, '', 'fine', '{}', '{"message":"ok"}', MESSAGE]) {
      expect(isSuppressed(209, body)).toBe(true);
    }
  });

  test('by the message in its body, whatever its status code', () => {
    for (const code of [200, 201, 302, 400, 404, 429, 500, 503, null]) {
      expect(isSuppressed(code, MESSAGE)).toBe(true);
    }
  });

  test('however the JSON around the message is written', () => {
    expect(isSuppressed(200, '{"id":1, "message" : "#NOTFORDASHBOARD", "more":{}}\n')).toBe(true);
    expect(isSuppressed(200, '{"message":"\\u0023NOTFORDASHBOARD"}')).toBe(true);
    expect(isSuppressed(200, `\uFEFF${MESSAGE}`)).toBe(true);
  });
});

describe('an answer is not suppressed', () => {
  test.each([
    ['that is empty', ''],
    ['that is no JSON', '#NOTFORDASHBOARD'],
    ['that is JSON text', '"#NOTFORDASHBOARD"'],
    ['with the words inside a longer message', '{"message":"was #NOTFORDASHBOARD"}'],
    ['with the message in lower case', '{"message":"#notfordashboard"}'],
    ['with the message deeper down', '{"data":{"message":"#NOTFORDASHBOARD"}}'],
    ['with the message under another name', '{"note":"#NOTFORDASHBOARD"}'],
    ['with the message in a list', '[{"message":"#NOTFORDASHBOARD"}]'],
    ['that is null', 'null'],
    ['that was cut off', '{"message":"#NOTFORDASHBOARD"'],
  ])('%s', (_, body) => {
    expect(isSuppressed(200, body)).toBe(false);
  });

  test('by the codes beside 209, or without a body', () => {
    for (const code of [200, 208, 210, 299, null]) expect(isSuppressed(code, null)).toBe(false);
  });
});

test('suppression hides the status only: certainty still follows the code', () => {
  expect(certaintyOf({ errorKind: null, responseStatusCode: 209 })).toBe('ACCEPTED');
  expect(certaintyOf({ errorKind: 'HTTP_STATUS', responseStatusCode: 500 })).toBe('UNKNOWN');
});
