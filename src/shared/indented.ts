/**
 * JSON as people read it, each value as it stands: a parser would write 1.10 as 1.1, and end long
 * numbers in zeros. Anything else (masked, cut, no JSON) stays as it is.
 */
export function indented(text: string): string {
  if (!isJson(text)) return text;
  let depth = 0;
  const line = () => `\n${'  '.repeat(depth)}`;
  const tokens = text.match(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g) ?? [];
  return tokens
    .map((token, index) => {
      switch (token) {
        case '{':
        case '[':
          if (isEnd(tokens[index + 1])) return token;
          depth++;
          return token + line();
        case '}':
        case ']':
          if (isStart(tokens[index - 1])) return token;
          depth--;
          return line() + token;
        case ',':
          return token + line();
        case ':':
          return ': ';
        default:
          return token;
      }
    })
    .join('');
}

const isStart = (token: string | undefined) => token === '{' || token === '[';
const isEnd = (token: string | undefined) => token === '}' || token === ']';

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
