import type { LogSummaryDocument } from '../../../shared/contract/log-document.ts';
import { BROKEN } from './partner-behaviours.ts';
import type { PartnerSeen } from './partner.ts';
import { RESULTS, type ScenesTold } from './retry-scenes.ts';

/** What the demo shows of retries. */
export interface RetriesShown {
  /** Calls into LabRelay by which the lab's system told of what is retried. */
  calls: number;
  /** A bill that was refused, corrected, and sent again as another revision. */
  corrected: {
    log_id: string;
    refused: string;
    /** JSON pointers to what differed. */
    changed: string[];
    revision: number;
    key: string;
    ended: string;
  };
  /** Deliveries that a busy partner put off. */
  recovered: { deliveries: number; succeeded: number; retries: number; seconds: number };
  /** One whose first answer was lost. */
  doubted: { log_id: string; refusal: string; revision: number; ended: string };
  bulk: {
    logs: number;
    stopped: { state: string; why: string; sent: number; not_sent: number };
    completed: { state: string; succeeded: number; failed: number; seconds: number };
  };
  /** Requests beyond the first for one log, as the partner counted them; each is one of its retries. */
  repeated_requests: number;
}

/** Compares what was wished, what the engine told and what the partner saw. */
export function judgeRetries(
  told: ScenesTold,
  logs: readonly LogSummaryDocument[],
  seen: Pick<PartnerSeen, 'answers' | 'repeats'>,
): { shown: RetriesShown; faults: string[] } {
  const { corrected, recovered, doubted, bulk } = told;
  const faults: string[] = [];
  const must = (isSo: boolean, fault: string) => {
    if (!isSo) faults.push(`retries: ${fault}`);
  };
  const answered = (key: string) => (seen.answers[key] ?? []).join(' ');

  const { log_id } = corrected.refused;
  must(words(corrected.refused) === 'FAIL REFUSED 422', 'the wrong bill was not refused');
  must(corrected.paths.join(' ').includes('/total_amount'), 'its correction does not show');
  must(corrected.retry.body === 'CHANGED', 'the corrected bill was not built anew');
  must(corrected.retry.revision === 2, 'it is no second revision');
  must(answered(log_id) === '422', 'the wrong bill did not go out once under its first key');
  must(answered(corrected.retry.key) === '200', 'the partner did not get it under its own key');
  must(corrected.ended.status === 'SUCCESS', 'the corrected bill has not arrived');

  const late = recovered.filter(({ log }) => log.status !== 'SUCCESS');
  must(late.length === 0, `${late.length} that a busy partner put off have not arrived`);
  for (const { log } of recovered) {
    must(answered(log.log_id) === '503 503 200', `${log.log_id} was not tried twice again`);
    const isAuto = log.attempts.slice(1).every(({ kind }) => kind === 'AUTO');
    must(isAuto, `${log.log_id} did not recover by itself`);
  }

  must(doubted.failed.certainty === 'UNKNOWN', 'a lost answer leaves no doubt');
  must(doubted.refusal?.code === 'REASON_NEEDED', 'it is sent again without a reason');
  must(answered(doubted.retry.log_id) === `${BROKEN} 200`, 'it was not repeated under its old key');
  must(doubted.ended.status === 'SUCCESS', 'it has not arrived the second time');

  const { stopped, completed } = bulk;
  must(stopped.state === 'STOPPED', `the first bulk retry is ${stopped.state}`);
  must(stopped.stop?.why === 'CANARY_FAILED', 'its canary did not stop it');
  must(stopped.progress.done === 1, `${stopped.progress.done} were sent though the canary failed`);
  must(completed.state === 'DONE', `the second bulk retry is ${completed.state}`);
  const { succeeded } = completed.progress;
  must(succeeded === RESULTS, `${succeeded} of ${RESULTS} succeeded in it`);

  const repeats = judgeRepeats(logs, seen.repeats);
  return {
    faults: [...faults, ...repeats.faults],
    shown: {
      calls: told.calls,
      corrected: {
        log_id,
        refused: words(corrected.refused),
        changed: corrected.paths,
        revision: corrected.retry.revision,
        key: corrected.retry.key,
        ended: words(corrected.ended),
      },
      recovered: {
        deliveries: recovered.length,
        succeeded: recovered.length - late.length,
        retries: recovered.reduce((sum, { log }) => sum + log.retry_count, 0),
        seconds: rounded(Math.max(0, ...recovered.map(({ seconds }) => seconds))),
      },
      doubted: {
        log_id: doubted.retry.log_id,
        refusal: doubted.refusal?.sentence ?? '',
        revision: doubted.retry.revision,
        ended: words(doubted.ended),
      },
      bulk: {
        logs: stopped.total,
        stopped: {
          state: stopped.state,
          why: stopped.stop?.why ?? '',
          sent: stopped.progress.done,
          not_sent: stopped.total - stopped.progress.done,
        },
        completed: {
          state: completed.state,
          succeeded,
          failed: completed.progress.failed,
          seconds: rounded(bulk.seconds),
        },
      },
      repeated_requests: repeats.count,
    },
  };
}

/** Whether every repeat that the partner saw is a retry of its log: no silent double send. */
function judgeRepeats(
  logs: readonly LogSummaryDocument[],
  repeats: PartnerSeen['repeats'],
): { count: number; faults: string[] } {
  const faults: string[] = [];
  let count = 0;
  for (const { log_id, retry_count } of logs) {
    const again = (repeats[log_id] ?? 1) - 1;
    count += again;
    if (again > retry_count) {
      faults.push(`${log_id} was sent ${again} times again, but retried ${retry_count} times`);
    }
  }
  return { count, faults };
}

function words({
  status,
  certainty,
  response_status_code: code,
}: ScenesTold['corrected']['refused']): string {
  return [status, certainty, code].filter((word) => word !== null).join(' ');
}

const rounded = (seconds: number): number => Math.round(seconds * 100) / 100;
