import { useSyncExternalStore } from 'react';

function onChange(listener: () => void): () => void {
  document.addEventListener('visibilitychange', listener);
  return () => document.removeEventListener('visibilitychange', listener);
}

/** Whether anybody can see the page: a hidden one rests, and holds no connection. */
export function useIsVisible(): boolean {
  return useSyncExternalStore(onChange, () => !document.hidden);
}
