import type { ReactNode } from 'react';

const KINDS = {
  info: { icon: 'ℹ', role: 'status' },
  warning: { icon: '⚠', role: 'status' },
  error: { icon: '✕', role: 'alert' },
} as const;

/** A message that assistive technology is told of when it appears. */
export function Notice({ kind, children }: { kind: keyof typeof KINDS; children: ReactNode }) {
  const { icon, role } = KINDS[kind];
  return (
    <div className={`notice notice-${kind}`} role={role}>
      <span aria-hidden="true">{icon}</span>
      <div>{children}</div>
    </div>
  );
}
