import { useEffect, useState } from 'react';
import type { LogSummaryDocument } from '../../../../shared/contract/log-document.ts';
import { LOG_STATUSES, type LogStatus } from '../../../../shared/model/vocabulary.ts';
import { addressOfLog } from '../../app/address.ts';
import { useConsole, useConsoleState } from '../../app/context.ts';
import { Notice } from '../../components/Notice.tsx';
import { RetryMark } from '../../components/RetryMark.tsx';
import { StatusBadge } from '../../components/StatusBadge.tsx';
import { Time, TIME_ZONE } from '../../components/Time.tsx';
import { STAGE_WORDS, STATUS_WORDS } from '../../words.ts';
import { BulkList } from '../bulk/BulkList.tsx';
import { PlanBulk } from '../bulk/PlanBulk.tsx';
import { useStillRows } from './still-rows.ts';

/** The newest logs, or those that the log_id box finds. */
export function LogList() {
  const console = useConsole();
  const logs = useConsoleState((state) => state.logs);
  const filter = useConsoleState((state) => state.filter);
  const includeSuppressed = useConsoleState((state) => state.includeSuppressed);
  const includeCalls = useConsoleState((state) => state.includeCalls);
  const status = useConsoleState((state) => state.status);
  return (
    <>
      <div className="narrow">
        <label htmlFor="log-status">Status</label>
        <select
          id="log-status"
          value={status ?? ''}
          onChange={(event) => void console.setStatus(statusOf(event.target.value))}
        >
          <option value="">any</option>
          {LOG_STATUSES.map((one) => (
            <option key={one} value={one}>
              {STATUS_WORDS[one].word}
            </option>
          ))}
        </select>
        <PlanBulk />
      </div>
      <label className="check">
        <input
          type="checkbox"
          checked={includeSuppressed}
          onChange={(event) => void console.setIncludeSuppressed(event.target.checked)}
        />
        Show suppressed logs too
      </label>
      <label className="check">
        <input
          type="checkbox"
          checked={includeCalls}
          onChange={(event) => void console.setIncludeCalls(event.target.checked)}
        />
        Show calls into the lab too
      </label>
      <BulkList />
      {logs.state === 'loading' && <p role="status">Loading logs …</p>}
      {logs.state === 'error' && (
        <Notice kind="error">Logs could not be loaded: {logs.message}</Notice>
      )}
      {logs.state === 'ready' && logs.value.length === 0 && (
        <Nothing filter={filter} isNarrowed={status !== null} />
      )}
      {logs.state === 'ready' && logs.value.length > 0 && (
        // A list narrowed anew is another list: it starts at its top.
        <LogTable
          key={`${filter}/${status}/${includeSuppressed}/${includeCalls}`}
          logs={logs.value}
        />
      )}
    </>
  );
}

function Nothing({ filter, isNarrowed }: { filter: string; isNarrowed: boolean }) {
  if (isNarrowed && !filter) return <p role="status">No log has this status.</p>;
  return filter ? (
    <p role="status">
      No log’s id begins or ends with <code>{filter}</code>. Logs are kept for 90 days.
    </p>
  ) : (
    <p role="status">
      No logs yet. As soon as an event meets an active integration, its log appears here.
    </p>
  );
}

function statusOf(text: string): LogStatus | null {
  return LOG_STATUSES.find((status) => status === text) ?? null;
}

function LogTable({ logs }: { logs: LogSummaryDocument[] }) {
  const console = useConsole();
  const openLogId = useConsoleState((state) => state.openLogId);
  const strays = useConsoleState((state) => state.strays);
  // While someone points at a row or stands on it with the keyboard, no row moves.
  const [isPointedAt, setPointedAt] = useState(false);
  const [hasFocus, setFocus] = useState(false);
  const { rows, arrived, letIn } = useStillRows(logs, strays, isPointedAt || hasFocus);
  const shown = rows.map((log) => log.log_id).join(' ');
  useEffect(() => {
    console.watch(shown.split(' '));
    return () => console.watch([]);
  }, [console, shown]);

  return (
    // The button too: the way to it must not end the hold, or it would be gone under the pointer.
    <div onPointerEnter={() => setPointedAt(true)} onPointerLeave={() => setPointedAt(false)}>
      <p className="arrived" role="status">
        {arrived > 0 && (
          <button type="button" onClick={letIn}>
            ↑ {arrived === 1 ? '1 new log' : `${arrived} new logs`}
          </button>
        )}
      </p>
      <div className="table" onFocus={() => setFocus(true)} onBlur={() => setFocus(false)}>
        <table>
          <caption>Newest first; times in {TIME_ZONE}</caption>
          <thead>
            <tr>
              <th scope="col">Time</th>
              <th scope="col">log_id</th>
              <th scope="col">Status</th>
              <th scope="col">Category</th>
              <th scope="col">Lab</th>
              <th scope="col">Endpoint</th>
              <th scope="col">Code</th>
              <th scope="col">Stage</th>
            </tr>
          </thead>
          <tbody>
            {rows.map((log) => (
              <LogRow key={log.log_id} log={log} isOpen={log.log_id === openLogId} />
            ))}
          </tbody>
        </table>
      </div>
    </div>
  );
}

function LogRow({ log, isOpen }: { log: LogSummaryDocument; isOpen: boolean }) {
  return (
    <tr className={isOpen ? 'open' : ''}>
      <td>
        <Time at={log.created_at} />
      </td>
      <td>
        <a
          href={addressOfLog(log.log_id)}
          aria-current={isOpen ? 'true' : undefined}
          aria-label={`Open log ${log.log_id}`}
          data-log-id={log.log_id}
        >
          <code>…{log.log_id.slice(-12)}</code>
        </a>
      </td>
      <td>
        <StatusBadge status={log.status} />
        {log.priority === 'STAT' && <span className="stat"> STAT</span>}
        <RetryMark log={log} />
      </td>
      <td>{log.action_category}</td>
      <td>{log.lab_id}</td>
      <td className="end-point" title={log.end_point ?? undefined}>
        {log.direction === 'INBOUND' && 'Call to '}
        {log.end_point ?? '–'}
      </td>
      <td>{log.response_status_code ?? log.error_kind ?? '–'}</td>
      <td>{log.direction === 'INBOUND' ? 'Call into the lab' : STAGE_WORDS[log.stage]}</td>
    </tr>
  );
}
