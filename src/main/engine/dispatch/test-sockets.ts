import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { httpFault } from './http-errors.ts';

/** How long a partner may take to object to our certificate once its own was taken. */
const OBJECTION_MS = 500;

/** A step that did not work, with the words for whoever tests. */
export class StepFailed extends Error {}

/** Waits until a socket is open. @throws StepFailed in the words that a delivery would fail with */
export async function opened(
  socket: Socket,
  event: 'connect' | 'secureConnect',
  host: string,
  timeoutMs: number,
): Promise<void> {
  await new Promise<void>((done, fail) => {
    const give = (error: unknown) => {
      socket.destroy();
      fail(new StepFailed(httpFault(error, host, 'connecting').message));
    };
    const timer = setTimeout(
      () => give(Object.assign(new Error('timed out'), { code: 'ETIMEDOUT' })),
      timeoutMs,
    );
    socket.once('error', give);
    socket.once(event, () => {
      clearTimeout(timer);
      socket.off('error', give);
      // A later error of a socket that is about to be closed tells nothing more.
      socket.on('error', () => socket.destroy());
      done();
    });
    // Never without an error before, so far as is known; nobody may wait for ever all the same.
    socket.once('close', () => {
      clearTimeout(timer);
      give(new Error('closed'));
    });
  });
}

/**
 * Waits for what a partner says to our certificate. In TLS 1.3 the handshake is over for us before
 * the partner has looked at it; its session ticket says that it is content, its alert that it is not.
 *
 * @throws StepFailed where it objects
 */
export async function accepted(socket: TLSSocket, host: string): Promise<void> {
  if (socket.getProtocol() !== 'TLSv1.3') return;
  await new Promise<void>((done, fail) => {
    // Some give no tickets, and say nothing where all is well.
    const timer = setTimeout(done, OBJECTION_MS);
    socket.once('session', () => done());
    socket.once('error', (error) =>
      fail(new StepFailed(httpFault(error, host, 'connecting').message)),
    );
    socket.once('close', () => {
      clearTimeout(timer);
      fail(new StepFailed(`${host} closed the connection after the TLS handshake.`));
    });
    // A ticket comes to those who read.
    socket.resume();
  });
}
