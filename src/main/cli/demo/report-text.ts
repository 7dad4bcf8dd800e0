import { table } from '../table.ts';
import type { DemoDocument } from './report.ts';

/** The demo's document for people. */
export function renderReport(document: DemoDocument): string {
  const { logs, receiver, by_scenario } = document;
  const total = Object.values(logs).reduce((sum, count) => sum + count, 0);
  const scenarios = by_scenario.map((result) => [
    result.as_expected ? 'ok' : 'WRONG',
    result.integration,
    result.title,
    Object.entries(result.outcomes)
      .map(([outcome, count]) => `${count} × ${outcome}`)
      .join(', ') || 'none',
  ]);
  return [
    `${document.events} events acknowledged (${document.repeats} of them sent twice), ${total} deliveries, ${document.seconds} s\n\n`,
    figures([
      ['delivered', logs.SUCCESS, ''],
      ['failed', logs.FAIL, reasons(document)],
      ['suppressed', logs.SUPPRESSED, 'the partner asked that no status be reported'],
      ['queued', document.queued, 'confirmation outstanding'],
      ['retried', document.retried, 'told below'],
      [
        'unfinished',
        document.unfinished,
        `waiting for their time or their endpoint: ${document.scheduled}`,
      ],
      ['lost', document.lost, lostWords(document)],
    ]),
    `\nThe partner's own process counted ${receiver.requests} requests for ${receiver.unique_log_ids} log ids, `,
    `verified ${receiver.signatures_verified} signatures and turned ${receiver.turned_away} calls away.\n`,
    callWords(document),
    appointmentWords(document),
    batchWords(document),
    outsideWords(document),
    retryWords(document),
    '\n',
    table(['', 'INTEGRATION', 'WHAT IT SHOWS', 'DELIVERIES'], scenarios),
    ...document.faults.map((fault) => `FAULT ${fault}\n`),
    `\nNot shown yet: ${document.not_shown.join(', ')}.\n`,
  ].join('');
}

/** What is kept of calls into LabRelay. */
function callWords({ inbound }: DemoDocument): string {
  const { captured, failed, linked } = inbound;
  return `Calls in: ${captured} captured, ${failed} of them refused; ${linked} deliveries are linked with the call that fired them.\n`;
}

/** What the third party's own calls have brought about. */
function appointmentWords({ appointments }: DemoDocument): string {
  const { booked, confirmed, cancelled, changed_nothing, refused } = appointments;
  const refusals = Object.entries(refused).map(([code, count]) => `${count} × ${code}`);
  return (
    `Appointments: ${confirmed} confirmed by calls of the third party, ${booked} still booked, ${cancelled} cancelled. ` +
    `Confirmed again, which changed nothing: ${changed_nothing}. Refused: ${refusals.join(', ') || 'none'}.\n`
  );
}

/** What came of the many records of one call. */
function batchWords({ batch }: DemoDocument): string {
  const { records, accepted, rejected, progress } = batch;
  const refused = rejected.map(({ index, field }) => `record ${index} for ${field}`);
  return (
    `Batch: ${accepted} of ${records} records in one call taken, refused: ${refused.join(', ') || 'none'}; ` +
    `${progress.sent} deliveries sent, ${progress.suppressed} suppressed, ${progress.failed} failed.\n`
  );
}

/** What others did with deliveries, and said about them. */
function outsideWords({ outside_worker, legacy_notes }: DemoDocument): string {
  const { leased, suppressed } = outside_worker;
  return (
    `Outside worker, a process of its own: ${leased} deliveries leased, sent and reported, ${suppressed} of them suppressed.\n` +
    `Older integration: ${legacy_notes} report kept as a note, which changed no status.\n`
  );
}

/** What failed at first and arrived by being sent again. */
function retryWords({ retries }: DemoDocument): string {
  const { corrected, recovered, doubted, bulk, repeated_requests } = retries;
  const { stopped, completed } = bulk;
  return [
    '\nRetries:\n',
    `  A wrong bill: ${corrected.refused}; corrected at ${corrected.changed.join(', ')}, sent again as revision ${corrected.revision} with a key of its own: ${corrected.ended}.\n`,
    `  A busy partner (503, Retry-After: 1): ${recovered.succeeded} of ${recovered.deliveries} arrived by themselves after ${recovered.retries} retries, within ${recovered.seconds} s.\n`,
    `  A lost answer; sent again without a reason: "${doubted.refusal}" With one, as the same revision ${doubted.revision}: ${doubted.ended}.\n`,
    `  ${bulk.logs} refused ones at once: ${stopped.why}, so ${stopped.sent} was sent and ${stopped.not_sent} were not; once the partner was mended, ${completed.succeeded} of ${bulk.logs} succeeded within ${completed.seconds} s.\n`,
    `  ${repeated_requests} requests repeated an earlier one, and each is a retry of its log.\n`,
  ].join('');
}

function figures(rows: [string, number, string][]): string {
  return rows
    .map(([name, count, words]) =>
      `  ${name.padEnd(12)}${String(count).padStart(6)}  ${words}`.trimEnd(),
    )
    .join('\n')
    .concat('\n');
}

/** Why deliveries failed, counted over all integrations. */
function reasons({ by_scenario }: DemoDocument): string {
  const counts = new Map<string, number>();
  for (const { outcomes } of by_scenario) {
    for (const [outcome, count] of Object.entries(outcomes)) {
      const [status, ...why] = outcome.split(' ');
      if (status === 'FAIL') counts.set(why.join(' '), (counts.get(why.join(' ')) ?? 0) + count);
    }
  }
  return Array.from(counts, ([why, count]) => `${count} × ${why}`).join(', ');
}

function lostWords({ lost, lost_log_ids: ids }: DemoDocument): string {
  return lost === 0 ? 'every delivered log_id was seen by the partner' : ids.slice(0, 5).join(' ');
}
