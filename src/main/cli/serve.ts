import { hostConfig } from '../config.ts';
import { type Host, openHost } from '../host.ts';
import { VERSION } from '../version.ts';
import { asUsage, parseCommand } from './arguments.ts';
import { type CommandIo, line, type Run } from './output.ts';
import { stopSignal } from './signals.ts';

const HELP = `Usage: labrelay serve [options]

Runs the engine without a desktop and serves its console to a browser.

  --data DIR         data folder (also LABRELAY_DATA)
  --host H           address to listen on; default 127.0.0.1
  --port P           port to listen on; default 7420, 0 takes any free one
  --public-url URL   where LabRelay is reached from outside, e.g. https://labrelay.lab
  --allow-host H     a further name it may be called by, NAME or NAME:PORT; may be repeated
  --tls-cert F       PEM file of the certificate (with its chain); serves https
  --tls-key F        PEM file of its key
  --insecure-http    accept plain http on an address that other machines can reach
  --spill-dir DIR    folder for the spill journal, best on another volume than the data folder
                     (also LABRELAY_SPILL_DIR); default: the data folder
  --json             print one JSON line once it listens: {url, data, admin_token_file, pid}

LABRELAY_ADMIN_TOKEN sets the first admin key; otherwise one is made and written to
admin.token in the data folder. LABRELAY_KEY replaces the data folder's secret.key.
`;

const OPTIONS = {
  data: { type: 'string' },
  host: { type: 'string' },
  port: { type: 'string' },
  'public-url': { type: 'string' },
  'allow-host': { type: 'string', multiple: true },
  'tls-cert': { type: 'string' },
  'tls-key': { type: 'string' },
  'insecure-http': { type: 'boolean' },
  'spill-dir': { type: 'string' },
} as const;

/** `labrelay serve`: runs until it is told to stop, then drains. */
export const run: Run = async (argv, io) => {
  const { values } = parseCommand(argv, OPTIONS);
  if (values.help) {
    io.out(HELP);
    return 0;
  }
  const config = asUsage(() => hostConfig(values, io.environment));
  const stop = stopSignal();
  try {
    const host = await openHost(config);
    if (values.json) announceJson(host, io);
    else announce(host, io);
    if (config.isInsecure) warnInsecure(io);

    const broken = await Promise.race([stop.asked, host.broken]);
    if (broken) {
      // Whoever supervises this process starts it anew; what was acknowledged is on disk.
      line(io.err, `labrelay: the store has failed and LabRelay ends (${broken.message}).`);
      await host.close();
      return 1;
    }
    if (!values.json) line(io.out, 'Stopping: deliveries under way are finished first.');
    await host.close();
    return 0;
  } finally {
    stop.forget();
  }
};

function announce(host: Host, io: CommandIo): void {
  line(io.out, `LabRelay ${VERSION} is running: ${host.url}`);
  line(io.out, `  console      ${host.url}/`);
  line(io.out, `  admin key    ${host.adminTokenFile ?? 'the one set before; no file holds it'}`);
  line(io.out, `  data folder  ${host.dataFolder}`);
  line(io.out, `  to stop      Ctrl-C, or SIGTERM to process ${process.pid}`);
}

function announceJson(host: Host, io: CommandIo): void {
  line(
    io.out,
    JSON.stringify({
      url: host.url,
      data: host.dataFolder,
      admin_token_file: host.adminTokenFile,
      pid: process.pid,
    }),
  );
}

function warnInsecure(io: CommandIo): void {
  line(
    io.err,
    'WARNING: --insecure-http. Keys and patient data cross the network in clear; use --tls-cert and --tls-key.',
  );
}
