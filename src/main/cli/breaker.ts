import type { Output } from '../../shared/contract/index.ts';
import { WAITING_COUNTED } from '../../shared/model/breaker.ts';
import { parseCommand, UsageError } from './arguments.ts';
import { CONNECTION_HELP, CONNECTION_OPTIONS, type EngineClient, openClient } from './client.ts';
import { type CommandIo, line, type Run } from './output.ts';
import { oneLine } from './plain.ts';
import { table } from './table.ts';
import { localTime } from './times.ts';

const HELP = `Usage: labrelay breaker [list] [options]
       labrelay breaker open|close LAB_INTEGRATION_ID --reason TEXT [options]

Circuit breakers: while one is open, deliveries of its integration wait and lose nothing. LabRelay
opens one after failures in a row and then sends a probe now and then. One that was opened by hand lets
nothing leave, probes included, until it is closed by hand. Closing lets everything go, whatever has
opened it. The list has those that are open, and those with failures in a row.

  --reason TEXT      why; kept with it and in the audit chain
${CONNECTION_HELP}  --json             {items}, or the breaker with "changed"
`;

const OPTIONS = { ...CONNECTION_OPTIONS, reason: { type: 'string' } } as const;

type Breaker = Output<'listBreakers'>['items'][number];
type Wish = { lab_integration_id: number; state: 'open' | 'closed'; reason: string };

/** `labrelay breaker`. */
export const run: Run = async (argv, io) => {
  const { values, positionals } = parseCommand(argv, OPTIONS, {
    min: 0,
    max: 2,
    what: 'LAB_INTEGRATION_ID',
  });
  if (values.help) {
    io.out(HELP);
    return 0;
  }
  const wish = wishOf(positionals, values.reason);
  const client = openClient(values, io);
  try {
    await (wish ? set(client, wish, values.json === true, io) : list(client, values.json, io));
    return 0;
  } finally {
    await client.close();
  }
};

/**
 * What is to be done; null: the list.
 * @throws UsageError saying what to give
 */
function wishOf(positionals: readonly string[], reason: string | undefined): Wish | null {
  const [verb = 'list', id] = positionals;
  if (verb === 'list') {
    if (id !== undefined) throw new UsageError(`unexpected argument: ${id}`);
    if (reason !== undefined) throw new UsageError('--reason: goes with open and close');
    return null;
  }
  if (verb !== 'open' && verb !== 'close') {
    throw new UsageError(`${verb}: must be list, open or close`);
  }
  if (id === undefined) {
    throw new UsageError(
      `LAB_INTEGRATION_ID is missing: ${verb} the breaker of which integration?`,
    );
  }
  if (!/^[1-9]\d{0,14}$/.test(id)) {
    throw new UsageError('LAB_INTEGRATION_ID: must be a number, as the list and logs show it');
  }
  if (reason === undefined) throw new UsageError('--reason: is missing; say why in a few words');
  const state = verb === 'open' ? 'open' : 'closed';
  return { lab_integration_id: Number(id), state, reason };
}

async function set(client: EngineClient, wish: Wish, json: boolean, io: CommandIo): Promise<void> {
  const answer = await client.call('setBreaker', wish);
  if (json) line(io.out, JSON.stringify(answer));
  else {
    const name = `The breaker of ${answer.lab_integration_id} (${oneLine(answer.name, 60)})`;
    const what = answer.changed ? `is ${answer.state} now` : `was ${answer.state} already`;
    line(io.out, `${name} ${what}; deliveries that wait: ${waitingWords(answer)}.`);
  }
}

async function list(client: EngineClient, json: boolean | undefined, io: CommandIo): Promise<void> {
  const { items } = await client.call('listBreakers', {});
  if (json) line(io.out, JSON.stringify({ items }));
  else io.out(renderBreakers(items));
}

/** Breakers, one a row. */
export function renderBreakers(items: readonly Breaker[]): string {
  if (items.length === 0)
    return 'Every breaker is closed, and no integration has failures in a row.\n';
  const rows = items.map((breaker) => [
    String(breaker.lab_integration_id),
    oneLine(breaker.name, 40),
    breaker.state,
    breaker.reason ?? '',
    breaker.since === null ? '' : localTime(breaker.since),
    String(breaker.failures),
    breaker.next_probe_at === null ? '' : localTime(breaker.next_probe_at),
    waitingWords(breaker),
    breaker.opened_by === null ? '' : oneLine(`${breaker.opened_by}: ${breaker.note ?? ''}`, 80),
  ]);
  const headings = [
    'RULE',
    'NAME',
    'STATE',
    'REASON',
    'SINCE',
    'FAILURES',
    'PROBE',
    'WAITING',
    'BY',
  ];
  return table(headings, rows);
}

function waitingWords({ waiting }: Breaker): string {
  return waiting < WAITING_COUNTED ? String(waiting) : `${WAITING_COUNTED} or more`;
}
