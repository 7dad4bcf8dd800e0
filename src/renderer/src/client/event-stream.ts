import type { PushName } from '../../../shared/contract/pushes.ts';
import type { PushListener } from './client.ts';

const STREAM = '/api/v1/stream';

/** Every push, so that a new one cannot be forgotten. */
const NAMES: Record<PushName, true> = {
  UpdateRetryIntegrationStatus: true,
  LogsChanged: true,
  BreakerChanged: true,
  BulkRetryProgress: true,
  HealthChanged: true,
  Reset: true,
};

/** Pauses before the stream is opened anew (ms), where the browser does not do so by itself. */
const PAUSES = [1_000, 2_000, 5_000, 10_000, 30_000] as const;
/** After so many failures in a row one is no longer said to be just reconnecting. */
const OFFLINE_AFTER = 3;

/**
 * Pushes over server-sent events. A browser comes back by itself where a connection breaks, and tells
 * what it heard last; where it is refused it gives up, and the stream is opened anew after a pause.
 *
 * @returns the function that ends it
 */
export function openEventStream(listener: PushListener): () => void {
  let source: EventSource | null = null;
  let timer: number | undefined;
  let failures = 0;
  let lastId = '';

  function open(): void {
    const query = lastId === '' ? '' : `?last_event_id=${encodeURIComponent(lastId)}`;
    const opened = new EventSource(STREAM + query);
    source = opened;
    opened.addEventListener('open', () => {
      failures = 0;
      listener.onLine('live');
    });
    opened.addEventListener('error', () => {
      failures += 1;
      listener.onLine(failures < OFFLINE_AFTER ? 'reconnecting' : 'offline');
      if (opened.readyState === EventSource.CLOSED) timer = window.setTimeout(open, pauseOf());
    });
    for (const name of Object.keys(NAMES) as PushName[]) {
      opened.addEventListener(name, (event: MessageEvent<string>) => {
        lastId = event.lastEventId;
        // The server encodes every push by the same contract.
        listener.onPush({ event: name, data: JSON.parse(event.data) });
      });
    }
  }

  /** Spread, so that not all consoles come back at one moment. */
  function pauseOf(): number {
    const pause = PAUSES[Math.min(failures, PAUSES.length) - 1] ?? PAUSES[0];
    return pause * (0.8 + 0.4 * Math.random());
  }

  open();
  return () => {
    window.clearTimeout(timer);
    source?.close();
  };
}
