import type { ReactNode } from 'react';
import type { LogDocument } from '../../../../shared/contract/log-document.ts';
import { addressOfLog } from '../../app/address.ts';
import { Time } from '../../components/Time.tsx';
import { HELD_WORDS, retryWords, STAGE_WORDS } from '../../words.ts';

/** What the log is about; facts that it does not have are left out. */
export function Facts({ log }: { log: LogDocument }) {
  const references = log.references
    .filter((reference) => reference.kind !== 'event')
    .map((reference) => `${reference.kind} ${reference.id}`);
  return (
    <dl className="facts">
      <Fact name="Category">{log.action_category}</Fact>
      <Fact name="Lab">{log.lab_id}</Fact>
      <Fact name="Organization">{log.organization_id}</Fact>
      <Fact name="Integration">
        {log.lab_integration_id && `${log.lab_integration_id}, version ${log.config_version}`}
      </Fact>
      <Fact name="About">{references.join(', ')}</Fact>
      <Fact name="Event">{log.event_id && <code>{log.event_id}</code>}</Fact>
      <Fact name="Batch">{log.batch_id && <code>{log.batch_id}</code>}</Fact>
      <Fact name="Fired by">
        {log.triggered_by && (
          <a href={addressOfLog(log.triggered_by)}>
            <code>{log.triggered_by}</code>
          </a>
        )}
      </Fact>
      <Fact name="Called from">{log.ip}</Fact>
      <Fact name="Page of">{log.origin}</Fact>
      <Fact name="Key">
        {log.direction === 'INBOUND' &&
          `${log.token_owner ?? 'none that is known'}${log.token_hint === null ? '' : `, ends in ${log.token_hint}`}`}
      </Fact>
      <Fact name="Stage">{log.direction === 'OUTBOUND' && STAGE_WORDS[log.stage]}</Fact>
      <Fact name="Priority">{log.priority === 'STAT' ? 'STAT' : 'Routine'}</Fact>
      <Fact name="Ordering key">{log.ordering_key}</Fact>
      <Fact name="Retry">{log.retry_state !== 'NONE' && retryWords(log)}</Fact>
      <Fact name="Next retry">{log.next_retry_at && <Time long at={log.next_retry_at} />}</Fact>
      <Fact name="Held because">
        {log.held_note
          ? `The circuit breaker was ${log.held_note}`
          : log.held_reason && HELD_WORDS[log.held_reason]}
      </Fact>
      <Fact name="Waits for">
        {log.waits_for && (
          <a href={addressOfLog(log.waits_for)}>
            <code>{log.waits_for}</code>
          </a>
        )}
      </Fact>
      <Fact name="Closed by hand">
        {log.resolution && (
          <>
            {log.resolution === 'delivered' ? 'as delivered' : 'as not delivered'},{' '}
            {log.resolved_at && <Time long at={log.resolved_at} />}
          </>
        )}
      </Fact>
      <Fact name="Deliver by">{log.deliver_by && <Time long at={log.deliver_by} />}</Fact>
      <Fact name="Created">
        <Time long at={log.created_at} />
      </Fact>
      <Fact name="Updated">
        <Time long at={log.updated_at} />
      </Fact>
    </dl>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  if (children === null || children === false || children === '') return null;
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
