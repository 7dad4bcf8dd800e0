import { setTimeout as delay } from 'node:timers/promises';
import { request } from 'undici';
import type { Output } from '../../../shared/contract/index.ts';
import type { LogSummaryDocument } from '../../../shared/contract/log-document.ts';
import type { AppointmentStatus, Direction } from '../../../shared/model/vocabulary.ts';
import type { EngineClient } from '../client.ts';
import { DEMO_LABS } from './events.ts';
import { OLDER_NAME } from './configure.ts';
import type { Introduction, NoteTold } from './partner-calls.ts';
import { INTRODUCTION_PATH, type PartnerSeen, SEEN_PATH } from './partner.ts';

const POLL_MS = 100;

/** Task states in which something is still to be done now; the others wait on purpose. */
const OPEN_STATES = ['READY', 'CLAIMED', 'REPORTING'];

export type Health = Output<'getHealth'>;

/** Tasks that are due, claimed or whose report is not yet taken. */
export function openTasks({ tasks_by_state: tasks }: Pick<Health, 'tasks_by_state'>): number {
  return OPEN_STATES.reduce((sum, state) => sum + (tasks[state] ?? 0), 0);
}

/** Tasks that wait for their time, or for an endpoint to be reached again. */
export function laterTasks({ tasks_by_state: tasks }: Pick<Health, 'tasks_by_state'>): number {
  return (tasks['SCHEDULED'] ?? 0) + (tasks['WAITING_FOR_ENDPOINT'] ?? 0);
}

/**
 * Waits until no task is open and no log is pending without waiting on purpose, at most until
 * `deadline` (epoch ms).
 * @returns the last health read, finished or not
 */
export async function settled(
  client: EngineClient,
  deadline: number,
  signal: AbortSignal,
): Promise<Health> {
  const asked = Date.now();
  for (;;) {
    const health = await client.call('getHealth', {});
    // Those that wait for an endpoint may not have been tried themselves.
    const pending = health.logs_by_status['PENDING'] ?? 0;
    // Counts from before would tell of what was before.
    const isFresh = health.figures_at !== null && Date.parse(health.figures_at) >= asked;
    const isDone = isFresh && openTasks(health) === 0 && pending <= laterTasks(health);
    if (isDone || Date.now() >= deadline) return health;
    await delay(POLL_MS, undefined, { signal });
  }
}

/** Waits until nothing of these integrations waits or has failed, at most until `deadline` (epoch ms). */
export async function gone(
  client: EngineClient,
  labIntegrationIds: readonly number[],
  deadline: number,
  signal: AbortSignal,
): Promise<void> {
  for (const lab_integration_id of labIntegrationIds) {
    while (Date.now() < deadline) {
      const { items } = await client.call('searchLogs', {
        lab_integration_id,
        status: ['PENDING', 'FAIL'],
        limit: 1,
      });
      if (items.length === 0) break;
      await delay(POLL_MS, undefined, { signal });
    }
  }
}

/** Every log of one direction since `from`, suppressed ones too, page after page. */
export async function allLogs(
  client: EngineClient,
  direction: Direction,
  from: string,
  signal: AbortSignal,
): Promise<LogSummaryDocument[]> {
  const logs: LogSummaryDocument[] = [];
  let cursor: string | null = null;
  do {
    signal.throwIfAborted();
    const page: Output<'searchLogs'> = await client.call('searchLogs', {
      from,
      direction,
      include_suppressed: true,
      limit: 200,
      ...(cursor === null ? {} : { cursor }),
    });
    logs.push(...page.items);
    cursor = page.next_cursor;
  } while (cursor !== null);
  return logs;
}

/** What confirmations have fired, by the log of the call: each as its own document tells. */
export async function firedByConfirmations(
  client: EngineClient,
  calls: readonly LogSummaryDocument[],
  signal: AbortSignal,
): Promise<Map<string, string[]>> {
  const fired = new Map<string, string[]>();
  for (const { log_id, action_category } of calls) {
    if (action_category !== 'APPOINTMENT_CONFIRMED') continue;
    signal.throwIfAborted();
    fired.set(log_id, (await client.call('getLog', { log_id })).triggered);
  }
  return fired;
}

/** Who made the first attempt of each delivery that is left to outside workers, by its own document. */
export async function workersOf(
  client: EngineClient,
  logs: readonly LogSummaryDocument[],
  scenarios: ReadonlyMap<number, string>,
  signal: AbortSignal,
): Promise<Map<string, string | null>> {
  const workers = new Map<string, string | null>();
  for (const { log_id, lab_integration_id } of logs) {
    if (!scenarios.get(lab_integration_id ?? 0)?.startsWith('external_')) continue;
    signal.throwIfAborted();
    const { attempts } = await client.call('getLog', { log_id });
    workers.set(log_id, attempts[0]?.worker ?? null);
  }
  return workers;
}

/** Logs among these that keep a note of the third party's older half. */
export async function keptNotes(
  client: EngineClient,
  told: readonly NoteTold[],
  signal: AbortSignal,
): Promise<string[]> {
  const kept: string[] = [];
  for (const { log_id } of told) {
    signal.throwIfAborted();
    const { activity } = await client.call('getLog', { log_id });
    if (activity.some(({ actor }) => actor === OLDER_NAME)) kept.push(log_id);
  }
  return kept;
}

/** How this run's appointments stand, by the engine's own list. */
export async function appointmentCounts(
  client: EngineClient,
  from: string,
  signal: AbortSignal,
): Promise<Record<AppointmentStatus, number>> {
  const counts = { BOOKED: 0, CONFIRMED: 0, CANCELLED: 0 };
  for (const { lab_id } of DEMO_LABS) {
    let cursor: string | null = null;
    do {
      signal.throwIfAborted();
      const page: Output<'listAppointments'> = await client.call('listAppointments', {
        lab_id,
        limit: 200,
        ...(cursor === null ? {} : { cursor }),
      });
      for (const { status, updated_at } of page.items) if (updated_at >= from) counts[status] += 1;
      cursor = page.next_cursor;
    } while (cursor !== null);
  }
  return counts;
}

/** Tells the partner where the engine is, and with which key it may call. */
export async function introduce(partnerUrl: string, introduction: Introduction): Promise<void> {
  const response = await request(new URL(INTRODUCTION_PATH, partnerUrl), {
    method: 'POST',
    body: JSON.stringify(introduction),
  });
  await response.body.dump();
}

/** Waits until the partner's own calls are answered, at most until `deadline` (epoch ms). */
export async function answered(
  partnerUrl: string,
  deadline: number,
  signal: AbortSignal,
): Promise<void> {
  while (Date.now() < deadline && (await askPartner(partnerUrl)).calls_under_way > 0) {
    await delay(POLL_MS, undefined, { signal });
  }
}

/** Asks the partner's own process what it saw. */
export async function askPartner(url: string): Promise<PartnerSeen> {
  const response = await request(new URL(SEEN_PATH, url));
  return (await response.body.json()) as PartnerSeen;
}
