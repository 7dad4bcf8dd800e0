import { errorCodes, type FastifyRequest } from 'fastify';
import type { CallBody } from '../engine/inbound/call-body.ts';

/** How long the beginning of a body that is refused for its size is waited for (ms). */
const BEGINNING_MS = 100;

/** Told once: why a body was not taken, or all its bytes. */
type Collected = (error: Error | null, bytes: Buffer) => void;

const NONE = Buffer.alloc(0);

/**
 * Reads a request's body, up to a limit. What comes of it is shown to the call's capture as it comes,
 * so that a body that is too large or breaks off leaves its beginning.
 *
 * @param done told of FST_ERR_CTP_BODY_TOO_LARGE, FST_ERR_CTP_INVALID_CONTENT_LENGTH, or the error
 *   with which the connection broke
 */
export function collectBody(
  request: FastifyRequest,
  payload: NodeJS.ReadableStream & { destroyed?: boolean },
  limit: number,
  done: Collected,
): void {
  const told = Number(request.headers['content-length']);
  const capture = request.call?.body ?? null;
  if (told > limit) {
    const tooLarge = () => done(new errorCodes.FST_ERR_CTP_BODY_TOO_LARGE(), NONE);
    if (capture) return takeBeginning(payload, capture, tooLarge);
    return tooLarge();
  }
  // Such a stream tells of nothing any more, and the request would never end.
  if (payload.destroyed) return done(new errorCodes.FST_ERR_CTP_INVALID_CONTENT_LENGTH(), NONE);

  const chunks: Buffer[] = [];
  let length = 0;
  const finish: Collected = (error, bytes) => {
    payload.removeListener('data', onData);
    payload.removeListener('end', onEnd);
    payload.removeListener('error', onError);
    done(error, bytes);
  };
  const onData = (chunk: Buffer) => {
    capture?.receive(chunk);
    length += chunk.length;
    if (length > limit) finish(new errorCodes.FST_ERR_CTP_BODY_TOO_LARGE(), NONE);
    else chunks.push(chunk);
  };
  const onEnd = () => {
    if (!Number.isNaN(told) && length !== told) {
      return finish(new errorCodes.FST_ERR_CTP_INVALID_CONTENT_LENGTH(), NONE);
    }
    capture?.end();
    return finish(null, chunks.length === 1 ? (chunks[0] ?? NONE) : Buffer.concat(chunks, length));
  };
  const onError = (error: Error) => finish(error, NONE);
  payload.on('data', onData);
  payload.on('end', onEnd);
  payload.on('error', onError);
  payload.resume();
}

/**
 * Shows the capture as much of a refused body as it keeps. Nobody is kept waiting by one who
 * announces a body and sends none of it: the refusal goes out as soon as nothing comes for a moment.
 */
function takeBeginning(payload: NodeJS.ReadableStream, capture: CallBody, done: () => void): void {
  const onData = (chunk: Buffer) => {
    capture.receive(chunk);
    if (capture.isFull) finish();
    else pause.refresh();
  };
  const finish = () => {
    clearTimeout(pause);
    payload.removeListener('data', onData);
    payload.removeListener('end', finish);
    payload.removeListener('error', finish);
    done();
  };
  const pause = setTimeout(finish, BEGINNING_MS);
  payload.on('data', onData);
  payload.on('end', finish);
  payload.on('error', finish);
  // It goes on flowing afterwards, so that the client gets to read the answer.
  payload.resume();
}
