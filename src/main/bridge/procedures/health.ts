import type { Health } from '../../engine/health.ts';
import type { Handlers } from '../handler.ts';

/** Handler of the procedure that shows health with its figures. */
export function healthHandlers(health: Health): Handlers<'getHealth'> {
  return { getHealth: () => health.document('people') };
}
