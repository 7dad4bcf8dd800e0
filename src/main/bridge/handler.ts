import type { Input, Output, ProcedureName } from '../../shared/contract/index.ts';
import type { Role } from '../../shared/model/vocabulary.ts';

/** Who calls a procedure, as the edge has authenticated them. */
export interface Caller {
  /** Null for the desktop's own window, which needs no key. */
  accessKeyId: number | null;
  /** For `changed_by`, notes and audit. */
  name: string;
  role: Role;
  /** Network address; null where the call came over IPC. */
  address: string | null;
}

/**
 * Handlers of procedures: input already validated and the caller's role already checked by the
 * binding (HTTP or IPC), so that both bindings share them.
 */
export type Handlers<N extends ProcedureName> = {
  [K in N]: (input: Input<K>, caller: Caller) => Promise<Output<K>>;
};
