import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, vi } from 'vitest';
import { hostConfig } from '../../src/main/config.ts';
import type { Output } from '../../src/shared/contract/index.ts';
import { type Host, type HostExtras, openHost } from '../../src/main/host.ts';
import { call, configureLab, post } from './hosting.ts';
import { type SlowPartner, slowPartner } from './slow-partner.ts';

/** As many as the lab's rule lets be under way at once. */
export const IN_FLIGHT = 8;
/** Callers that do not let up. */
export const CALLERS = 4;

/** A lab at work: its partner has been sent as much as it may be at once, and has not answered. */
export interface BusyLab {
  host: Host;
  partner: SlowPartner;
  /** The lab system's access key. */
  key: string;
  /** Logs of the bills that were answered 201. */
  taken: string[];
  /** The other answers. */
  refused: Response[];
  /** Sends one new bill. @returns the status of its answer */
  bill: () => Promise<number>;
  /** Sends bills until it is told to stop. */
  callOn: () => () => Promise<void>;
  close: () => Promise<void>;
}

export async function busyLab(folder: string, extras: HostExtras = {}): Promise<BusyLab> {
  const partner = await slowPartner();
  const host = await openHost(hostConfig({ data: folder, port: '0' }, {}), extras);
  const { key } = await configureLab(host, partner.url);
  const taken: string[] = [];
  const refused: Response[] = [];
  let stopCalling = async (): Promise<void> => {};
  let next = 0;
  const bill = async (): Promise<number> => {
    const body = billNamed(`B${next++}`, 'x'.repeat(1_000));
    const answer = await post(host, '/billing/', body, { authorization: `Bearer ${key}` });
    if (answer.status === 201) {
      taken.push(...((await answer.json()) as { log_ids: string[] }).log_ids);
    } else {
      refused.push(answer);
    }
    return answer.status;
  };
  for (let n = 0; n < IN_FLIGHT + 4; n++) expect(await bill()).toBe(201);
  await vi.waitFor(() => expect(partner.open).toBe(IN_FLIGHT));
  return {
    host,
    partner,
    key,
    taken,
    refused,
    bill,
    callOn() {
      const until = new AbortController();
      const caller = async () => {
        while (!until.signal.aborted) await bill();
      };
      const all = Promise.all(Array.from({ length: CALLERS }, caller));
      stopCalling = async () => {
        until.abort();
        await all;
      };
      return stopCalling;
    },
    async close() {
      await stopCalling();
      partner.answer();
      await host.close();
      await partner.close();
    },
  };
}

/** A bill of the lab, as its system sends it. */
export function billNamed(billId: string, note = '') {
  return { lab_id: 7, bill: { bill_id: billId, patient: { patient_id: 'P1' }, note } };
}

/** Every call that was answered 201 was sent exactly once, in one attempt, and has its outcome. */
export async function expectAccounted(
  host: Host,
  partner: SlowPartner,
  taken: readonly string[],
): Promise<void> {
  await vi.waitFor(
    async () => expect((await call(host, 'getHealth', {})).tasks_by_state).toEqual({}),
    { timeout: 15_000, interval: 50 },
  );
  expect(partner.keys.toSorted()).toEqual(taken.toSorted());
  const found = await allLogs(host, 'OUTBOUND');
  expect(found.map(({ log_id }) => log_id).toSorted()).toEqual(taken.toSorted());
  expect(new Set(found.map(({ status }) => status))).toEqual(new Set(['SUCCESS']));
  for (const logId of taken.slice(0, IN_FLIGHT)) {
    const { attempts } = await call(host, 'getLog', { log_id: logId });
    expect(attempts).toMatchObject([{ kind: 'FIRST', status: 'SUCCESS', error_kind: null }]);
  }
}

/** Every log of a direction, page by page. */
export async function allLogs(host: Host, direction: 'INBOUND' | 'OUTBOUND') {
  const items: Output<'searchLogs'>['items'] = [];
  for (let cursor: string | null | undefined; cursor !== null; ) {
    const page = await call(host, 'searchLogs', {
      direction,
      limit: 200,
      ...(cursor ? { cursor } : {}),
    });
    items.push(...page.items);
    cursor = page.next_cursor;
  }
  return items;
}

/** The application log's lines of one event. */
export function told(host: Host, event: string): Record<string, unknown>[] {
  const folder = join(host.dataFolder, 'logs');
  return readdirSync(folder)
    .flatMap((name) => readFileSync(join(folder, name), 'utf8').split('\n'))
    .filter((line) => line.includes(`"event":"${event}"`))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}
