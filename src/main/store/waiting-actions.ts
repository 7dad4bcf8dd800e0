import type { Database } from 'better-sqlite3';
import type { HeldAction, PendingWaitingAction } from '../../shared/model/held.ts';

/**
 * The notes of what is being done to what waits for an integration. They are made in the transaction
 * that switches the rule off or on: from that commit on nothing of it is claimed until it is done.
 */
export function createWaitingActions(db: Database) {
  const note = `ON CONFLICT (lab_integration_id) DO UPDATE SET
     waiting_action = excluded.waiting_action, waiting_actor = excluded.waiting_actor`;
  const open = (state: string) =>
    `EXISTS (SELECT 1 FROM task WHERE lab_integration_id = @id AND state = '${state}')`;
  const disabled = db.prepare<[{ id: number; actor: string }]>(
    `INSERT INTO integration_state (lab_integration_id, waiting_action, waiting_actor)
     SELECT @id, 'HOLD', @actor WHERE ${open('READY')} OR ${open('WAITING')} OR ${open('SCHEDULED')}
       OR EXISTS (SELECT 1 FROM integration_state
         WHERE lab_integration_id = @id AND waiting_action IS NOT NULL)
     ${note}`,
  );
  const enabled = db.prepare<[{ id: number; action: HeldAction; actor: string }]>(
    `INSERT INTO integration_state (lab_integration_id, waiting_action, waiting_actor)
     SELECT @id, @action, @actor WHERE EXISTS (
       SELECT 1 FROM task t CROSS JOIN log l ON l.log_seq = t.log_seq
       WHERE t.lab_integration_id = @id AND t.state = 'HELD'
         AND l.held_reason IN ('INTEGRATION_DISABLED', 'BEHIND_HELD'))
     ${note}`,
  );
  const isBeingHeld = db
    .prepare<[number], number>(
      `SELECT 1 FROM integration_state WHERE lab_integration_id = ? AND waiting_action = 'HOLD'`,
    )
    .pluck();

  return {
    /** What is open is to be held; noted only where there is any. */
    disabled: (id: number, actor: string) => void disabled.run({ id, actor }),
    /** What becomes of what was held; noted only where there is any. */
    enabled: (id: number, action: HeldAction, actor: string) =>
      void enabled.run({ id, action, actor }),
    isBeingHeld: (id: number) => isBeingHeld.get(id) === 1,
  };
}

/** What is under way, for whoever carries it on. */
export function createWaitingActionQueries(db: Database) {
  const pending = db.prepare<
    [],
    { lab_integration_id: number; waiting_action: PendingWaitingAction['action']; actor: string }
  >(
    `SELECT lab_integration_id, waiting_action, coalesce(waiting_actor, '') AS actor
     FROM integration_state WHERE waiting_action IS NOT NULL ORDER BY lab_integration_id`,
  );
  return {
    waitingActions(): PendingWaitingAction[] {
      return pending.all().map((row) => ({
        labIntegrationId: row.lab_integration_id,
        action: row.waiting_action,
        actor: row.actor,
      }));
    },
  };
}
