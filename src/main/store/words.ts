/** A search looks for no more words than this; whoever types more has pasted something. */
const MAX_WORDS = 16;

const ASCII = /^[\0-\x7f]*$/;

/** What is no word: neither letter nor digit, as `unicode61` has it … */
const GAPS = /[^\p{L}\p{N}\p{Co}]+/gu;
/** … with the letters of today's Unicode that are none by its tables. */
const NOT_YET_LETTERS = /[\u19b0-\u19c0\u19c8\u19c9\u1cf2\u1cf3]/g;

/**
 * Text as it is indexed and looked for: case and diacritics do not tell words apart. Both sides go
 * through here and are left with words and spaces, since FTS5's own folding and splitting differ
 * (it leaves Korean syllables whole, parts Devanagari at its vowel signs, and takes characters that
 * it does not know for letters).
 */
export function fold(text: string): string {
  // Here unicode61 does the same by itself.
  if (ASCII.test(text)) return text.toLowerCase();
  return (
    text
      .normalize('NFD')
      .replaceAll(/\p{M}/gu, '')
      // By way of capitals, which small letters of several shapes share (ſ, ß, ϑ); the last sigma
      // of a word would come back in its own.
      .toUpperCase()
      .toLowerCase()
      .replaceAll('ς', 'σ')
      .replaceAll(NOT_YET_LETTERS, ' ')
      .replaceAll(GAPS, ' ')
  );
}

/** The words of folded text. */
function split(folded: string): string[] {
  return folded.match(/[\p{L}\p{N}\p{Co}]+/gu) ?? [];
}

/** The words of a search. */
export function wordsOf(text: string): string[] {
  return [...new Set(split(fold(text)))].slice(0, MAX_WORDS);
}

/** An FTS5 expression that all words must satisfy. Words hold no quotes, so quoting is safe. */
export function matchExpression(words: readonly string[]): string {
  return words.map((word) => `"${word}"`).join(' AND ');
}

/** Whether text holds every word, for text that is not in the index yet. */
export function holdsAll(text: string, words: readonly string[]): boolean {
  const folded = fold(text);
  if (!words.every((word) => folded.includes(word))) return false;
  const present = new Set(split(folded));
  return words.every((word) => present.has(word));
}
