import type { Database } from 'better-sqlite3';
import type { OpenReason } from '../../shared/model/breaker.ts';
import type { HeldReason } from '../../shared/model/vocabulary.ts';
import type { LogRow } from './directory.ts';

/**
 * Why a delivery waits for its endpoint or its rule, and until when, is told when its log is read: a breaker that
 * opens or closes would have to write the rows of all that wait.
 */
export function createEndpointWaits(db: Database): (row: LogRow) => LogRow {
  const open = db.prepare<[unknown], { open_reason: OpenReason; probe_at: number }>(
    `SELECT open_reason, probe_at FROM integration_state
     WHERE lab_integration_id = ? AND opened_at IS NOT NULL`,
  );
  const isReady = db.prepare<[number]>(`SELECT 1 FROM task WHERE log_seq = ? AND state = 'READY'`);

  return (row) => {
    const known = row['held_reason'];
    const wasTried =
      known === 'ENDPOINT_DOWN' || known === 'RULE_UNFIT' || known === 'BREAKER_OPEN';
    const isOpen = row['status'] === 'PENDING' || row['retry_state'] === 'SCHEDULED';
    if (!wasTried && (known !== null || !isOpen)) return row;
    const breaker = open.get(row['lab_integration_id']);
    // Closed again: it only waits for its turn.
    if (!breaker) return wasTried ? { ...row, held_reason: null } : row;
    if (isReady.get(row.log_seq) === undefined) return row;
    // What was tried itself never waits for mere failures of others.
    const isOther = wasTried && breaker.open_reason === 'BREAKER';
    const reason = isOther ? known : heldReasonOf(breaker.open_reason);
    return { ...row, held_reason: reason, next_retry_at: breaker.probe_at };
  };
}

function heldReasonOf(reason: OpenReason): HeldReason {
  switch (reason) {
    case 'ENDPOINT_DOWN':
    case 'RULE_UNFIT':
      return reason;
    case 'BREAKER':
      return 'BREAKER_OPEN';
  }
}
