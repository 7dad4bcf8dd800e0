import { type FormEvent, useState } from 'react';
import { addressOfBulk } from '../../app/address.ts';
import { useConsole, useConsoleState, useIsOperator } from '../../app/context.ts';
import { leaveOnEscape } from '../../app/keys.ts';
import { Notice } from '../../components/Notice.tsx';
import { ReasonField } from '../../components/ReasonField.tsx';

/** Offers to send again what the list's search finds, all of it and not only the rows that are shown. */
export function PlanBulk() {
  const isOperator = useIsOperator();
  const filter = useConsoleState((state) => state.filter);
  const status = useConsoleState((state) => state.status);
  const [isOpen, setOpen] = useState(false);
  // A search that names nothing would find every log there is.
  if (!isOperator || (filter === '' && status === null)) return null;
  return (
    <>
      <button type="button" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
        Retry these …
      </button>
      {isOpen && <PlanForm onDone={() => setOpen(false)} />}
    </>
  );
}

/** Plans it: nothing is sent before the plan is looked at and started. */
function PlanForm({ onDone }: { onDone: () => void }) {
  const console = useConsole();
  const filter = useConsoleState((state) => state.filter);
  const status = useConsoleState((state) => state.status);
  const includeSuppressed = useConsoleState((state) => state.includeSuppressed);
  const [reason, setReason] = useState('');
  const [integration, setIntegration] = useState('');
  const [body, setBody] = useState<'fresh' | 'stored'>('fresh');
  const [accepts, setAccepts] = useState(false);
  const [canary, setCanary] = useState(true);
  const [rate, setRate] = useState('600');
  const [refusal, setRefusal] = useState<string | null>(null);
  const [isBusy, setBusy] = useState(false);

  async function submit(event: FormEvent): Promise<void> {
    event.preventDefault();
    setBusy(true);
    const asked = await console.ask('retryIntegrations', {
      filter: {
        // As the list itself does it.
        include_suppressed: includeSuppressed || filter !== '',
        ...(filter === '' ? {} : { log_id: filter }),
        ...(status === null ? {} : { status: [status] }),
        ...(integration === '' ? {} : { lab_integration_id: Number(integration) }),
      },
      ...(reason.trim() === '' ? {} : { reason }),
      ...(accepts ? { accept_duplicates: true } : {}),
      body,
      canary,
      rate_per_minute: Number(rate),
    });
    setBusy(false);
    if (!asked.ok) return setRefusal(asked.message);
    onDone();
    window.location.hash = addressOfBulk(asked.output.bulk_retry_id);
  }

  return (
    <form
      className="panel"
      onSubmit={(event) => void submit(event)}
      onKeyDown={leaveOnEscape(onDone)}
    >
      <h3>Send again what this search finds</h3>
      <p className="quiet">
        They are counted first. Nothing is sent before you have seen the plan and started it.
      </p>
      <div className="field">
        <label htmlFor="bulk-integration">
          Only of the integration with this number (empty: of all)
        </label>
        <input
          id="bulk-integration"
          type="number"
          min={1}
          value={integration}
          onChange={(event) => setIntegration(event.target.value)}
        />
      </div>
      <fieldset>
        <legend>Which bodies are to go?</legend>
        <label className="check">
          <input
            type="radio"
            name="bulk-body"
            checked={body === 'fresh'}
            onChange={() => setBody('fresh')}
          />
          Built anew from current data
        </label>
        <label className="check">
          <input
            type="radio"
            name="bulk-body"
            checked={body === 'stored'}
            onChange={() => setBody('stored')}
          />
          As they are stored
        </label>
      </fieldset>
      <label className="check">
        <input
          type="checkbox"
          checked={canary}
          onChange={(event) => setCanary(event.target.checked)}
        />
        Send one of each integration first, the others once that has gone well
      </label>
      <div className="field">
        <label htmlFor="bulk-rate">How many a minute at most</label>
        <input
          id="bulk-rate"
          type="number"
          min={1}
          max={100_000}
          value={rate}
          onChange={(event) => setRate(event.target.value)}
        />
      </div>
      <ReasonField
        label="Why? Needed for those that the receiver may have already."
        value={reason}
        onChange={setReason}
        hasFocus
      />
      <label className="check">
        <input
          type="checkbox"
          checked={accepts}
          onChange={(event) => setAccepts(event.target.checked)}
        />
        Without a reason, send also what was handed on and is not confirmed: the receiver may have
        it twice then
      </label>
      {refusal && <Notice kind="error">{refusal}</Notice>}
      <p className="actions">
        <button type="submit" className="primary" disabled={isBusy}>
          {isBusy ? 'Planning …' : 'Plan it'}
        </button>
        <button type="button" onClick={onDone}>
          Back
        </button>
      </p>
    </form>
  );
}
