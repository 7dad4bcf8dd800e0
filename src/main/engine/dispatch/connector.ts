import { buildConnector } from 'undici';
import { portOf, type TargetPolicy } from '../targets/guard.ts';
import { plainAddress } from '../targets/addresses.ts';
import type { TransportLimits } from './transport.ts';
import { secureContextOf } from './trust.ts';

/**
 * Makes the connections of a pool, each one checked: an address in the URL before it is connected
 * to (sockets ask no resolver for it), a name by what the resolver answers the socket itself.
 *
 * @throws UnusableTls
 */
export function guardedConnector(
  url: URL,
  policy: TargetPolicy,
  limits: TransportLimits,
): buildConnector.connector {
  const { tls, clientCertificate, connectTimeoutMs } = limits;
  const secureContext = secureContextOf(tls?.ca ?? null, clientCertificate ?? null);
  const port = portOf(url);
  const connect = buildConnector({
    allowH2: false,
    timeout: connectTimeoutMs,
    lookup: policy.lookup(port),
    ...(secureContext ? { secureContext } : {}),
    ...(tls?.serverName ? { servername: tls.serverName } : {}),
  });
  return (options, done) => {
    if (plainAddress(options.hostname)) {
      try {
        policy.check(options.hostname, port, options.hostname);
      } catch (error) {
        // As a connection that fails: later, not while it is asked for.
        process.nextTick(done, error, null);
        return;
      }
    }
    connect(options, (...[error, socket]) => {
      if (error !== null) {
        done(error, null);
        return;
      }
      // A TLS alert is told as an error and followed by the end of the stream, which would be told
      // instead: that the other side has closed, and not why.
      socket.once('error', (fault) => socket.destroy(fault));
      done(null, socket);
    });
  };
}
