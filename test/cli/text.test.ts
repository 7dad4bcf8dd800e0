import { describe, expect, test } from 'vitest';
import { oneLine, plain } from '../../src/main/cli/plain.ts';
import { table } from '../../src/main/cli/table.ts';

describe('text from outside on a terminal', () => {
  test('cannot move the cursor, change colours or ring', () => {
    expect(plain('\u001b[2J\u0007\u009b31m\r')).toBe('\\x1b[2J\\x07\\x9b31m\\x0d');
  });

  test('cannot turn the direction of writing', () => {
    expect(plain('a\u202egnp.exe')).toBe('a\\u202egnp.exe');
  });

  test('keeps letters of all scripts, tabs and line breaks', () => {
    const text = 'Søren Ångström\tअनन्या देशपांडे\n検査 🧪';
    expect(plain(text)).toBe(text);
  });

  test('on one line it is cut with an ellipsis, between characters', () => {
    expect(oneLine('  two\n lines ', 20)).toBe('two lines');
    expect(oneLine('🧪🧪🧪🧪', 3)).toBe('🧪🧪…');
  });
});

test('a table pads words left and numbers right, and leaves no spaces at line ends', () => {
  expect(
    table(
      ['NAME', 'COUNT', 'NOTE'],
      [
        ['a', '7', ''],
        ['longer', '12', 'x'],
      ],
    ),
  ).toBe('NAME    COUNT  NOTE\na           7\nlonger     12  x\n');
});
