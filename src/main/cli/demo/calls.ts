import type { LogSummaryDocument } from '../../../shared/contract/log-document.ts';
import type { PartnerSeen } from './partner.ts';
import type { Acknowledged, Traffic } from './traffic.ts';

/** What the demo shows of calls into LabRelay. */
export interface CallsShown {
  /** Calls that are INBOUND logs. */
  captured: number;
  /** Refused ones among them. */
  failed: number;
  /** Deliveries that name the call which fired them. */
  linked: number;
}

/** Three accounts of one thing: who called, what the engine kept of it, and what it sent. */
interface Accounts {
  traffic: Pick<Traffic, 'acknowledged' | 'repeats'>;
  seen: Pick<PartnerSeen, 'confirmations'>;
  /** Events of the lab's system, and confirmations that took effect. */
  acknowledged: readonly Acknowledged[];
  /** The logs of calls. */
  calls: readonly LogSummaryDocument[];
  /** The logs of deliveries. */
  logs: readonly LogSummaryDocument[];
  fired: ReadonlyMap<string, readonly string[]>;
  /** Calls that brought many records, and those of the retries' scenes. */
  otherCalls: number;
}

/** Compares the calls that were made with those that were kept, and both with what they fired. */
export function judgeCalls(accounts: Accounts): { shown: CallsShown; faults: string[] } {
  const { traffic, seen, acknowledged, logs, fired, otherCalls } = accounts;
  // Reports about deliveries are calls as well, and counted where they are told.
  const calls = accounts.calls.filter(({ end_point }) => !end_point?.includes('callback'));
  const faults: string[] = [];
  const expect = (what: string, found: number, must: number) => {
    if (found !== must) faults.push(`${found} ${what}, not ${must}`);
  };
  const made =
    traffic.acknowledged.length + traffic.repeats + seen.confirmations.length + otherCalls;
  expect('calls into LabRelay were captured', calls.length, made);
  const failed = calls.filter(({ status }) => status === 'FAIL').length;
  const refused = seen.confirmations.filter((call) => call.refused !== null).length;
  expect('captured calls are FAIL', failed, refused);

  const callOf = new Map(calls.map((call) => [call.log_id, call]));
  const byId = new Map(logs.map((log) => [log.log_id, log]));
  let linked = 0;
  let unlinked = 0;
  for (const { event, eventId, logIds } of acknowledged) {
    for (const id of logIds) {
      const log = byId.get(id);
      const by = log?.triggered_by ?? '';
      const call = callOf.get(by);
      const isLinked =
        eventId === null
          ? call !== undefined && call.batch_id === log?.batch_id
          : call?.event_id === eventId;
      // Of confirmations the way back is looked at too, in each call's own document.
      const isWayBack =
        event.category !== 'APPOINTMENT_CONFIRMED' || fired.get(by)?.includes(id) === true;
      if (isLinked && isWayBack) linked += 1;
      else unlinked += 1;
    }
  }
  expect('deliveries are not linked with the call that fired them', unlinked, 0);
  return { shown: { captured: calls.length, failed, linked }, faults };
}
