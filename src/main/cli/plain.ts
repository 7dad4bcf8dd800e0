/**
 * Control characters (C0 but tab and line feed, DEL, C1) and characters that turn the direction of
 * writing: in a partner's answer they could repaint the terminal that shows it.
 */
const UNPRINTABLE = /(?![\t\n])\p{Cc}|\p{Bidi_Control}/gu;

/** Text from outside as a terminal may show it; what it must not be sent shows as `\xNN`. */
export function plain(text: string): string {
  return text.replaceAll(UNPRINTABLE, (character) => {
    const code = character.charCodeAt(0).toString(16);
    return code.length <= 2 ? `\\x${code.padStart(2, '0')}` : `\\u${code.padStart(4, '0')}`;
  });
}

/** The same on one line, cut with an ellipsis after `length` characters. */
export function oneLine(text: string, length: number): string {
  const flat = plain(text.replaceAll(/\s+/g, ' ').trim());
  const characters = Array.from(flat);
  return characters.length > length ? `${characters.slice(0, length - 1).join('')}…` : flat;
}
