import { type ChangeEvent, type KeyboardEvent, useEffect, useRef, useState } from 'react';
import { addressOfLog } from '../../app/address.ts';
import { isSearchable, isWholeLogId } from '../../app/log-ids.ts';
import { useConsole, useConsoleState } from '../../app/context.ts';

const TYPING_PAUSE_MS = 250;

/**
 * Finds a log by its id: a whole one opens as soon as it is pasted, six or more characters of its
 * beginning or end narrow the list, Enter opens the first found, Esc clears. `/` comes here.
 */
export function LogIdBox() {
  const console = useConsole();
  const filter = useConsoleState((state) => state.filter);
  const [text, setText] = useState('');
  const input = useRef<HTMLInputElement>(null);
  const trimmed = text.trim();

  useEffect(() => {
    const next = isSearchable(trimmed) ? trimmed : '';
    if (next === filter) return undefined;
    const timer = window.setTimeout(() => void console.setFilter(next), TYPING_PAUSE_MS);
    return () => window.clearTimeout(timer);
  }, [console, filter, trimmed]);

  useEffect(() => {
    const focus = (event: globalThis.KeyboardEvent) => {
      if (event.key !== '/' || event.ctrlKey || event.metaKey || event.altKey || isTyping(event))
        return;
      event.preventDefault();
      input.current?.focus();
      input.current?.select();
    };
    window.addEventListener('keydown', focus);
    return () => window.removeEventListener('keydown', focus);
  }, []);

  function change(event: ChangeEvent<HTMLInputElement>): void {
    const next = event.target.value;
    setText(next);
    if (isWholeLogId(next.trim())) show(next.trim());
  }

  async function press(event: KeyboardEvent): Promise<void> {
    if (event.key === 'Escape') {
      event.stopPropagation();
      setText('');
    } else if (event.key === 'Enter') {
      await openFirst();
    }
  }

  async function openFirst(): Promise<void> {
    if (isWholeLogId(trimmed)) {
      show(trimmed);
      return;
    }
    if (!isSearchable(trimmed)) return;
    if (console.store.getState().filter !== trimmed) await console.setFilter(trimmed);
    else await console.refresh();
    const { logs } = console.store.getState();
    const first = logs.state === 'ready' ? logs.value[0] : undefined;
    if (first) show(first.log_id);
  }

  return (
    <div className="log-id-box">
      <label htmlFor="log-id">
        <code>log_id</code>
      </label>
      <input
        ref={input}
        id="log-id"
        type="search"
        autoComplete="off"
        spellCheck={false}
        placeholder="Whole, or its first or last 6 characters"
        aria-describedby="log-id-hint"
        aria-keyshortcuts="/"
        value={text}
        onChange={change}
        onKeyDown={(event) => void press(event)}
      />
      <p id="log-id-hint" className="quiet">
        {hint(trimmed)}
      </p>
    </div>
  );
}

function hint(text: string): string {
  if (text === '') return 'Press / to come here, Enter to open, Esc to clear or close.';
  if (isWholeLogId(text)) return 'Opens the log with this id.';
  if (isSearchable(text)) return 'Shows logs whose id begins or ends so; Enter opens the first.';
  if (/^[0-9a-f-]*$/i.test(text)) return 'Give at least 6 characters.';
  return 'A log_id has only the digits 0–9, the letters a–f and hyphens.';
}

function show(logId: string): void {
  window.location.hash = addressOfLog(logId.toLowerCase());
}

function isTyping(event: globalThis.KeyboardEvent): boolean {
  const target = event.target;
  return target instanceof HTMLElement && target.matches('input, textarea, select');
}
