import { readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { type EventRoute, eventRoutes } from '../../shared/contract/events.ts';
import { parseCommand, UsageError } from './arguments.ts';
import {
  type Answer,
  CONNECTION_HELP,
  CONNECTION_OPTIONS,
  EngineClient,
  engineUrl,
  userKey,
} from './client.ts';
import { line, type Run } from './output.ts';
import { plain } from './plain.ts';

const ROUTES = Object.keys(eventRoutes) as EventRoute[];

const HELP = `Usage: labrelay send FILE [options]

Posts an event document to a running engine; FILE - reads standard input. Answers once the event
and its deliveries are on disk.

  --route ROUTE      ${ROUTES.join(', ')};
                     default /api/v1/events
  --key KEY          inbound access key (better: LABRELAY_INBOUND_KEY); without one the user key
  --idempotency-key K  sent again with the same key, the event is not delivered twice
${CONNECTION_HELP}  --json             the engine's answer
`;

const OPTIONS = {
  ...CONNECTION_OPTIONS,
  route: { type: 'string' },
  key: { type: 'string' },
  'idempotency-key': { type: 'string' },
} as const;

/** `labrelay send FILE`. */
export const run: Run = async (argv, io) => {
  const { values, positionals } = parseCommand(argv, OPTIONS, { min: 1, max: 1, what: 'FILE' });
  if (values.help) {
    io.out(HELP);
    return 0;
  }
  const route = eventRoute(values.route ?? '/api/v1/events');
  const idempotencyKey = values['idempotency-key'];
  const url = engineUrl(values, io);
  const key = (values.key ?? io.environment['LABRELAY_INBOUND_KEY']) || userKey(values, url, io);
  const document = await readDocument(positionals[0] ?? '');
  const client = new EngineClient(url, key);
  try {
    const answer = await client.post(
      route,
      document,
      idempotencyKey === undefined ? {} : { idempotencyKey },
    );
    if (values.json) line(io.out, JSON.stringify(answer.body));
    else io.out(renderAnswer(answer));
    return 0;
  } finally {
    await client.close();
  }
};

/** `billing`, `/billing` and `/billing/` all name one route. */
const bare = (route: string): string => route.replaceAll(/^\/+|\/+$/g, '');

function eventRoute(given: string): EventRoute {
  const route = ROUTES.find((known) => bare(known) === bare(given));
  if (!route) throw new UsageError(`--route: must be one of ${ROUTES.join(', ')}`);
  return route;
}

/** The document's text as it stands, so that no number in it loses a digit on the way. */
async function readDocument(file: string): Promise<string> {
  const name = file === '-' ? 'standard input' : file;
  let document: string;
  try {
    document = file === '-' ? await text(process.stdin) : readFileSync(file, 'utf8');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new UsageError(`FILE: ${name} cannot be read (${reason})`, { cause: error });
  }
  try {
    JSON.parse(document);
  } catch (error) {
    // The parser's own message quotes the document, which may hold a patient's data.
    throw new Error(`${name} is not one JSON document.`, { cause: error });
  }
  return document;
}

/** What the engine made of the event. */
export function renderAnswer({ body, repeated }: Answer): string {
  const { event_id, log_ids } = body as { event_id: string | null; log_ids: string[] };
  // A confirmation may be known without an event: told by the lab's own system when it was asked.
  const name = event_id === null ? 'What this tells' : `Event ${plain(event_id)}`;
  const first = repeated
    ? `${name} was taken before; this is its answer again.`
    : `${name} is taken.`;
  const deliveries =
    log_ids.length === 0
      ? 'No active integration matches its lab and category, so nothing is delivered.'
      : [
          'Deliveries (labrelay show LOG_ID tells what became of them):',
          ...log_ids.map((id) => `  ${plain(id)}`),
        ].join('\n');
  return `${first}\n${deliveries}\n`;
}
