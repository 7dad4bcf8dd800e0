import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { EngineClient } from '../client.ts';
import { type CommandIo, line } from '../output.ts';
import { sendBatch } from './batch.ts';
import {
  allLogs,
  answered,
  appointmentCounts,
  askPartner,
  firedByConfirmations,
  gone,
  introduce,
  keptNotes,
  settled,
  workersOf,
} from './collect.ts';
import { type Configured, configure, mend } from './configure.ts';
import { PUNE } from './events.ts';
import { oneVisit, type StoryOptions, visits } from './data.ts';
import type { PartnerGreeting } from './partner.ts';
import { startCompanion } from './processes.ts';
import { report } from './report.ts';
import { renderReport } from './report-text.ts';
import type { DemoOptions, Life } from './run.ts';
import { playRetries } from './retry-scenes.ts';
import { sendEvent, sendVisits } from './traffic.ts';

/** Invented data are the same at every run. */
const SEED = 20_261_123;
/** By then after the start everything must be finished; later it counts as unfinished. */
const SETTLE_BY_MS = 26_000;
/** A lasting demo sends an event so often. */
const TRICKLE_MS = 1_500;
/** A visit begins three minutes after the one before and takes less than two hours. */
const VISIT_EVERY_MS = 180_000;
const VISIT_TAKES_MS = 7_200_000;

/** What `serve --json` prints when it listens. */
const engineGreeting = z.object({
  url: z.url(),
  data: z.string(),
  admin_token_file: z.string().nullable(),
});
type EngineGreeting = z.output<typeof engineGreeting>;

/** Everything that is running, for those who use it. */
export interface Stage {
  engine: EngineGreeting;
  partner: PartnerGreeting;
  /** With the admin's key. */
  client: EngineClient;
  /** With the simulated lab system's inbound key. */
  labSystem: EngineClient;
  configured: Configured;
}

/** Starts partner and engine and configures the engine. */
export async function openStage(options: DemoOptions, io: CommandIo, life: Life): Promise<Stage> {
  const { signal } = life;
  const environment = { ...io.environment };
  if (options.dataFolder === null) {
    // Keys of the user's own engine are none of the demo's.
    delete environment['LABRELAY_ADMIN_TOKEN'];
    delete environment['LABRELAY_KEY'];
  }
  const start = async (args: string[], more: NodeJS.ProcessEnv = {}) => {
    const given = { ...environment, ...more };
    const companion = await startCompanion(options.entry, args, given, signal);
    life.keep(companion);
    return companion.greeting;
  };
  const partner = (await start(['demo-partner'])) as PartnerGreeting;
  const engine = engineGreeting.parse(
    await start([
      'serve',
      '--json',
      `--data=${life.dataFolder}`,
      '--host=127.0.0.1',
      `--port=${options.port}`,
    ]),
  );

  const url = new URL(engine.url);
  const client = life.keepClient(new EngineClient(url, adminKey(engine, io)));
  const configured = await configure(client, partner);
  await introduce(partner.url, {
    url: engine.url,
    key: configured.thirdPartyKey,
    internal_key: configured.internalKey,
    lab_id: PUNE,
  });
  await start(['demo-worker'], { LABRELAY_URL: engine.url, LABRELAY_TOKEN: configured.workerKey });
  const labSystem = life.keepClient(new EngineClient(url, configured.inboundKey, 16));
  return { engine, partner, client, labSystem, configured };
}

function adminKey({ admin_token_file: file }: EngineGreeting, { environment }: CommandIo): string {
  if (file !== null) return readFileSync(file, 'utf8').trim();
  const given = environment['LABRELAY_ADMIN_TOKEN'] ?? environment['LABRELAY_TOKEN'];
  if (given) return given;
  throw new Error(
    "No file holds this data folder's admin key. Set LABRELAY_TOKEN to it, or use another --data.",
  );
}

/** Sends the events, waits until they are dealt with, and prints what became of them. */
export async function firstAct(
  options: DemoOptions,
  io: CommandIo,
  life: Life,
  stage: Stage,
): Promise<boolean> {
  const { client, labSystem, partner, engine, configured } = stage;
  const { signal, startedAt } = life;
  const all = visits(options.events, storyOf(options, life, options.events / 9));
  const settleBy = startedAt + SETTLE_BY_MS;
  const players = { client, labSystem, partnerUrl: partner.url, deadline: settleBy, signal };
  const { tag } = storyOf(options, life, 0);
  // Beside the lab's other events, which do not wait for it.
  const [traffic, told, retries] = await Promise.all([
    sendVisits(labSystem, all, signal),
    sendBatch(labSystem, `night-${startedAt}`),
    playRetries({ ...players, tag }),
  ]);
  await settled(client, settleBy, signal);
  // What waits for an endpoint goes out as soon as its address is right.
  await gone(client, await mend(client, partner, configured), settleBy, signal);
  await answered(partner.url, settleBy, signal);
  const health = await settled(client, settleBy, signal);
  const from = new Date(startedAt).toISOString();
  const calls = await allLogs(client, 'INBOUND', from, signal);
  const logs = await allLogs(client, 'OUTBOUND', from, signal);
  const seen = await askPartner(partner.url);
  const document = report({
    traffic,
    retries,
    health,
    logs,
    calls,
    batch: { told, kept: await client.call('getBatch', { batch_id: told.batch_id }) },
    fired: await firedByConfirmations(client, calls, signal),
    appointments: await appointmentCounts(client, from, signal),
    seen,
    workers: await workersOf(client, logs, configured.scenarios, signal),
    notes: await keptNotes(client, seen.notes, signal),
    scenarios: configured.scenarios,
    seconds: (Date.now() - startedAt) / 1_000,
  });
  if (options.json) {
    const where = { url: engine.url, admin_token_file: engine.admin_token_file };
    line(io.out, JSON.stringify(options.once ? document : { ...document, ...where }));
  } else {
    io.out(renderReport(document));
  }
  return document.ok;
}

/** Ids are the demo's own in a temporary folder; in a kept one each run has its own. */
function storyOf(options: DemoOptions, { startedAt }: Life, visitCount: number): StoryOptions {
  return {
    seed: SEED,
    tag: options.dataFolder === null ? '' : Math.floor(startedAt / 1_000).toString(36),
    start: startedAt - Math.ceil(visitCount) * VISIT_EVERY_MS - VISIT_TAKES_MS,
  };
}

/** Tells where the lasting demo can be looked at. */
export function announce(options: DemoOptions, io: CommandIo, { engine }: Stage): void {
  if (options.json) return;
  line(io.out, `\nThe demo goes on, an event every ${TRICKLE_MS / 1_000} s. Ctrl-C ends it.`);
  line(io.out, `  console    ${engine.url}/`);
  line(io.out, `  admin key  ${engine.admin_token_file ?? 'the one set before; no file holds it'}`);
  line(io.out, `  try        labrelay search --url ${engine.url} --data ${engine.data}`);
}

/** Keeps a lab's quiet day going until the demo is over. */
export async function trickle(
  options: DemoOptions,
  life: Life,
  { labSystem }: Stage,
): Promise<void> {
  // Visits are numbered on from those of the first act, which were fewer than its events.
  for (let number = options.events; ; number += 1) {
    for (const event of oneVisit(number, storyOf(options, life, number))) {
      await delay(TRICKLE_MS, undefined, { signal: life.signal });
      // An event that fails shows in the console; the demo goes on.
      await sendEvent(labSystem, event, { acknowledged: [], repeats: 0, faults: [] });
    }
  }
}
