import type { InboundCall } from '../../../shared/model/call.ts';

/** What capture needs of the store. */
export interface CallPort {
  /** Keeps a call as its INBOUND log, as an operation of its own; one that is kept is passed over. */
  keepCall(call: InboundCall): Promise<void>;
}
