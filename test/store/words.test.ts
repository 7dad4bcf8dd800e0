import Database from 'better-sqlite3';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MIGRATIONS } from '../../src/main/store/migrations/index.ts';
import { fold, holdsAll, matchExpression, wordsOf } from '../../src/main/store/words.ts';

const db = new Database(':memory:');
for (const { sql } of MIGRATIONS) db.exec(sql);

describe('the words of a search', () => {
  test.each([
    ['Asha Verma', ['asha', 'verma']],
    ['  "asha"  AND (verma) ', ['asha', 'and', 'verma']],
    ['asha ASHA Asha', ['asha']],
    ['José Müller', ['jose', 'muller']],
    ['E-4711/b', ['e', '4711', 'b']],
    ['हिन्दी', ['हनद']],
    ['Straße ΟΔΟΣ οδός', ['strasse', 'οδοσ']],
    ['한국어', [fold('한국어')]],
    ['… — !', []],
    ['', []],
  ])('%j are told without case, marks and punctuation', (text, words) => {
    expect(wordsOf(text)).toEqual(words);
  });

  test('are at most sixteen', () => {
    expect(wordsOf(Array.from({ length: 50 }, (_, index) => `w${index}`).join(' '))).toHaveLength(
      16,
    );
  });
});

/** Of the long runs of Chinese and Korean one in a hundred is tried, of rare scripts one in five. */
function stepAt(code: number): number {
  if (code < 0x3400) return 1;
  return code < 0xd7a4 || code >= 0x17000 ? 100 : 5;
}

/** Puts texts into the index as it is filled, and asks it for words. */
function indexed(texts: string[]) {
  db.exec('DELETE FROM log_text');
  const put = db.prepare(
    'INSERT INTO log_text (rowid, payload, response, error) VALUES (?, ?, ?, ?)',
  );
  db.transaction(() => texts.forEach((text, row) => put.run(row + 1, fold(text), '', '')))();
  // Not `rowid = ?`: with detail=none FTS5 answers that wrongly.
  const ask = db.prepare('SELECT rowid FROM log_text WHERE log_text MATCH ?').pluck();
  return (words: string[]) =>
    new Set((ask.all(matchExpression(words)) as number[]).map((row) => row - 1));
}

describe('a word is found in the index exactly where it is found in the text itself', () => {
  test('for every character that there is', () => {
    // A few hundred characters a text, each inside a word of its own.
    const texts: string[][] = [];
    for (let code = 0x80; code < 0x33480; code += stepAt(code)) {
      if (code >= 0xd800 && code <= 0xdfff) continue;
      if ((texts.at(-1)?.length ?? 400) >= 400) texts.push([]);
      texts.at(-1)?.push(`x${code}${String.fromCodePoint(code)}y${code}`);
    }
    const rowsWith = indexed(texts.map((words) => words.join(' ')));
    texts.forEach((words, row) => {
      for (const word of words) {
        const asked = wordsOf(word);
        if (!rowsWith(asked).has(row))
          throw new Error(`${word} is not found as ${asked.join(' ')}`);
      }
      expect(holdsAll(words.join(' '), wordsOf(words.join(' ')))).toBe(true);
    });
  });

  test('for any text and question', () => {
    const text = fc.string({
      unit: fc.constantFrom(...Array.from('aAéÉß9 .-\nहिΣςσ한')),
      maxLength: 12,
    });
    fc.assert(
      fc.property(fc.array(text, { minLength: 1, maxLength: 5 }), text, (texts, question) => {
        const words = wordsOf(question);
        fc.pre(words.length > 0);
        const rowsWith = indexed(texts);
        texts.forEach((one, row) => expect(rowsWith(words).has(row)).toBe(holdsAll(one, words)));
      }),
      { numRuns: 300 },
    );
  });
});
