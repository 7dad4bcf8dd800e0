import type { KeptEvent, KeptLog } from './ledger.ts';
import type { Load } from './load.ts';
import type { Partner } from './partner.ts';

/** A fault seldom comes alone; the first ones tell enough. */
const SHOWN = 20;

/** Everything that is known at the end of a story of crashes. */
interface Evidence {
  load: Load;
  partner: Partner;
  events: KeptEvent[];
  logs: KeptLog[];
  /** The log_ids of calls that were answered as asked. */
  calls: readonly string[];
  /** Logs that were stamped and without an outcome when an engine was killed. */
  inDoubt: ReadonlySet<string>;
}

/**
 * Holds what the lab system was told, what the partner received and what the store says against one
 * another, event by event and log by log.
 * @returns a line for each contradiction, the first few
 */
export function contradictions(evidence: Evidence): string[] {
  return [...ofEvents(evidence), ...ofLogs(evidence), ...ofDeliveries(evidence)].slice(0, SHOWN);
}

/** No acknowledged event without its logs, none kept twice, none kept that nobody sent. */
function* ofEvents({ load, events }: Evidence): Iterable<string> {
  const kept = new Map<string, KeptEvent>();
  for (const event of events) {
    const token = /E\d{6}/.exec(event.document)?.[0] ?? '';
    const sent = load.events.get(token);
    if (!sent) yield `an event was kept that nobody sent: ${event.eventId}`;
    else if (kept.has(token)) yield `${token} was kept twice`;
    else if (event.logIds.length !== sent.expectedLogs) {
      yield `${token} has ${event.logIds.length} logs instead of ${sent.expectedLogs}`;
    } else if (event.answered.toSorted().join() !== event.logIds.toSorted().join()) {
      yield `${token} was answered other log_ids than it has`;
    }
    kept.set(token, event);
  }
  for (const [token, logIds] of load.acknowledged) {
    const answered = kept.get(token)?.answered;
    if (!answered) yield `${token} was acknowledged and is lost`;
    else if (answered.join() !== logIds.join()) yield `${token} was told other log_ids than kept`;
  }
  for (const token of kept.keys()) {
    // Kept, but the answer was lost: allowed only where the caller had no way to ask again.
    if (!load.acknowledged.has(token) && !load.unanswered.has(token)) {
      yield `${token} was kept, and its caller never learned it although it could ask again`;
    }
  }
}

/** Each log has its one true outcome, and the call that has fired it. */
function* ofLogs({ logs, calls, partner, inDoubt }: Evidence): Iterable<string> {
  const called = new Set(calls);
  for (const log of logs) {
    const times = partner.times(log.logId);
    const told = `${log.logId} (${log.status} ${log.certainty} ${log.errorKind}, received ${times} times)`;
    if (!called.has(log.triggeredBy ?? '')) yield `${told} was fired by no call that is kept`;
    if (log.taskState !== null) yield `${told} still has a task`;
    if (log.failedCause !== null) yield `${told} is still in the failed-task queue`;
    if (log.status === 'SUCCESS') {
      if (times !== 1) yield `${told} must have been received once`;
    } else if (log.status === 'FAIL' && log.certainty === 'UNKNOWN' && log.errorKind === 'CRASH') {
      if (!inDoubt.has(log.logId)) yield `${told} was not under way in any crash`;
    } else {
      yield `${told} has no outcome that this story can give`;
    }
  }
  const known = new Map(logs.map((log) => [log.logId, log]));
  for (const logId of inDoubt) {
    const log = known.get(logId);
    if (log?.certainty !== 'UNKNOWN') {
      yield `${logId} was under way in a crash, and is ${log?.certainty} now`;
    }
  }
}

/** Nothing was sent that has no log, and nothing twice: what is in doubt is not retried by itself. */
function* ofDeliveries({ logs, partner }: Evidence): Iterable<string> {
  const known = new Set(logs.map(({ logId }) => logId));
  for (const [logId, times] of partner.received) {
    if (!known.has(logId)) yield `${logId} was received and has no log`;
    if (times > 1) yield `${logId} was received ${times} times`;
  }
}
