import type { KeyboardEvent } from 'react';

/** Esc leaves the question that has the focus, not what it is asked about. */
export function leaveOnEscape(leave: () => void): (event: KeyboardEvent) => void {
  return (event) => {
    if (event.key !== 'Escape') return;
    event.stopPropagation();
    leave();
  };
}
