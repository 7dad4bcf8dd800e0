import { parseCommand } from './arguments.ts';
import { CONNECTION_HELP, CONNECTION_OPTIONS, openClient } from './client.ts';
import { type CommandIo, line, type Run } from './output.ts';

const PAUSE_HELP = `Usage: labrelay pause [options]

Lets all deliveries of a running engine stand still, also over restarts. Events are taken meanwhile;
attempts under way end. "labrelay resume" lets deliveries go on.

  --reason TEXT      for those who find it paused; no patient data
${CONNECTION_HELP}  --json             {delivery_paused: {since, by, reason}}
`;

const RESUME_HELP = `Usage: labrelay resume [options]

Lets the deliveries of a running engine go on. Held ones stay held.

${CONNECTION_HELP}  --json             {delivery_paused: null}
`;

const OPTIONS = { ...CONNECTION_OPTIONS, reason: { type: 'string' } } as const;

/** `labrelay pause`. */
export const run: Run = async (argv, io) => {
  const { values } = parseCommand(argv, OPTIONS);
  if (values.help) {
    io.out(PAUSE_HELP);
    return 0;
  }
  return setPaused(values, io, { paused: true, reason: values.reason ?? null });
};

/** `labrelay resume`. */
export const resume: Run = async (argv, io) => {
  const { values } = parseCommand(argv, CONNECTION_OPTIONS);
  if (values.help) {
    io.out(RESUME_HELP);
    return 0;
  }
  return setPaused(values, io, { paused: false });
};

async function setPaused(
  values: Parameters<typeof openClient>[0] & { json?: boolean | undefined },
  io: CommandIo,
  wish: { paused: boolean; reason?: string | null },
): Promise<number> {
  const client = openClient(values, io);
  try {
    const answer = await client.call('setDeliveryPaused', wish);
    if (values.json) line(io.out, JSON.stringify(answer));
    else line(io.out, wish.paused ? 'Deliveries are paused.' : 'Deliveries go on.');
    return 0;
  } finally {
    await client.close();
  }
}
