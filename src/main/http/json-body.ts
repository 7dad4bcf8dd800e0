import { isUtf8 } from 'node:buffer';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { LabRelayError } from '../../shared/errors.ts';
import { checkWholeCharacters } from '../../shared/whole-characters.ts';
import { collectBody } from './collect-body.ts';

type Done = (error: Error | null, body?: unknown) => void;

/**
 * Takes JSON alone, in UTF-8 alone (RFC 8259 §8.1), and says where a broken body breaks. Bytes that
 * are no UTF-8 are refused, since decoding them leniently would replace letters of a patient's name
 * by U+FFFD and pass that on. An empty body is no body: calls without input need none.
 * @param bodyLimit bytes, where a route has no limit of its own
 */
export function takeJsonBodies(app: FastifyInstance, bodyLimit: number): void {
  app.removeContentTypeParser('text/plain');
  const parse = app.getDefaultJsonParser('error', 'error');
  app.addContentTypeParser('application/json', (request, payload, done) => {
    const limit = request.routeOptions.bodyLimit ?? bodyLimit;
    collectBody(request, payload, limit, (failed, bytes) => {
      if (failed) done(failed);
      else if (bytes.length === 0) done(null, undefined);
      else if (isUtf8(bytes)) read(request, bytes.toString('utf8'), done);
      else done(notUtf8());
    });
  });

  const read = (request: FastifyRequest, text: string, done: Done): void => {
    request.call?.body.end(text);
    void parse(request, text, (error, body) => {
      if (error) return done(brokenJson(text));
      try {
        checkWholeCharacters(text, body);
      } catch (fault) {
        return done(fault as Error);
      }
      return done(null, body);
    });
  };
}

function notUtf8(): LabRelayError {
  return new LabRelayError('INVALID_JSON', 'The body is not UTF-8. Encode it as UTF-8.', [
    { field: '', reason: 'must be one JSON document in UTF-8' },
  ]);
}

/** Names the place and never quotes the text, which may be about a patient. */
function brokenJson(text: string): LabRelayError {
  const place = placeOfFault(text);
  const where = place === null ? '' : ` (${place})`;
  return new LabRelayError('INVALID_JSON', `The body is not valid JSON${where}.`, [
    { field: '', reason: `must be one JSON document in UTF-8${where}` },
  ]);
}

function placeOfFault(text: string): string | null {
  try {
    JSON.parse(text);
    // It parses, so the safe parser refused it for its keys.
    return 'keys named __proto__ or constructor.prototype are not taken';
  } catch (error) {
    const message = error instanceof Error ? error.message : '';
    const match = /line (\d+) column (\d+)/.exec(message);
    if (match) return `line ${match[1]}, column ${match[2]}`;
    // Where the parser quotes the text it tells no place, and the quote is not passed on.
    return message.startsWith('Unexpected end') ? 'it ends too early' : null;
  }
}
