import { X509Certificate } from 'node:crypto';
import { connect } from 'node:net';
import { toIso } from '../../../shared/contract/common.ts';
import { healthDocument } from '../../../shared/contract/health.ts';
import { messageOf } from '../../../shared/errors.ts';
import { readTlsFiles, type TlsFiles } from '../../tls-files.ts';
import { codeOf, type Finding, ok, problem, warning } from './finding.ts';

const ANSWER_MS = 5_000;
const DAY_MS = 24 * 60 * 60 * 1_000;
const WARN_DAYS = 14;

/** What is found at the engine's address. */
export type AtAddress = 'FREE' | 'LABRELAY' | 'OTHER';

/** Whether the address is free or ours. */
export async function checkPort(
  url: URL,
  isRunning: boolean,
): Promise<{ finding: Finding; found: AtAddress }> {
  const found = await lookAt(url);
  return { finding: portFinding(url, found, isRunning), found };
}

function portFinding(url: URL, found: AtAddress, isRunning: boolean): Finding {
  switch (found) {
    case 'FREE':
      return isRunning
        ? warning(
            'port',
            `nobody answers at ${url.origin}, although an engine runs on this folder`,
            'name its address with --url, so that it can be asked as well',
          )
        : ok('port', `${url.origin} is free`);
    case 'LABRELAY':
      return isRunning
        ? ok('port', `LabRelay answers at ${url.origin}`)
        : warning(
            'port',
            `another LabRelay, of another data folder, answers at ${url.origin}`,
            'stop it, or start this one with another --port',
          );
    case 'OTHER':
      return problem(
        'port',
        `another program answers at ${url.origin} (or LabRelay with a certificate that is not trusted here)`,
        'end that program or choose another --port; for a certificate of your own set NODE_EXTRA_CA_CERTS',
      );
  }
}

async function lookAt(url: URL): Promise<AtAddress> {
  if (!(await takesConnections(url))) return 'FREE';
  try {
    const response = await fetch(new URL('/health', url), {
      signal: AbortSignal.timeout(ANSWER_MS),
      redirect: 'manual',
    });
    return healthDocument.safeParse(await response.json()).success ? 'LABRELAY' : 'OTHER';
  } catch {
    return 'OTHER';
  }
}

async function takesConnections(url: URL): Promise<boolean> {
  const port = Number(url.port) || (url.protocol === 'https:' ? 443 : 80);
  const socket = connect({ host: url.hostname.replace(/^\[(.*)\]$/, '$1'), port });
  try {
    return await new Promise<boolean>((resolve) => {
      socket.setTimeout(ANSWER_MS, () => resolve(false));
      socket.once('connect', () => resolve(true));
      socket.once('error', () => resolve(false));
    });
  } finally {
    socket.destroy();
  }
}

/** Whether the files that `serve` is given with --tls-cert and --tls-key can be used. */
export function checkTlsFiles(files: TlsFiles, now: number): Finding {
  let end: number;
  try {
    end = new X509Certificate(readTlsFiles(files).cert).validToDate.getTime();
  } catch (error) {
    const words = error instanceof Error ? messageOf(error) : codeOf(error);
    return problem('tls', words, 'give a PEM certificate (with its chain) and its own key');
  }
  const detail = `the certificate fits its key and is valid until ${toIso(end)}`;
  if (end <= now) return problem('tls', detail, 'renew it; a restart is not needed');
  if (end - now <= WARN_DAYS * DAY_MS) {
    return warning('tls', detail, 'renew it; a restart is not needed');
  }
  return ok('tls', detail);
}
