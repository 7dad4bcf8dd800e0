import type { Migration } from './migration.ts';

/**
 * Order, pressure, holds, sessions and resolutions.
 *
 * The task table is rebuilt, since SQLite cannot widen a CHECK: `WAITING` is a task behind another of
 * its ordering key. That one task of a key at most is ready or under way is held by a unique index,
 * so that no claim, however it is written, can break the order.
 */
export const orderAndPeople: Migration = {
  version: 2,
  name: 'order and people',
  sql: `
-- What the claim and the settlement themselves enforce is repeated from the rule's settings.
ALTER TABLE lab_integration ADD COLUMN rate_per_minute INTEGER;
ALTER TABLE lab_integration ADD COLUMN on_refused TEXT NOT NULL DEFAULT 'skip';
ALTER TABLE lab_integration ADD COLUMN on_unknown TEXT NOT NULL DEFAULT 'hold';
ALTER TABLE lab_integration ADD COLUMN is_retry_enabled INTEGER NOT NULL DEFAULT 1;
UPDATE lab_integration SET
  rate_per_minute = json_extract(settings, '$.ratePerMinute'),
  on_refused = coalesce(json_extract(settings, '$.onRefused'), 'skip'),
  on_unknown = coalesce(json_extract(settings, '$.onUnknown'), 'hold'),
  is_retry_enabled = coalesce(json_extract(settings, '$.isRetryEnabled'), 1);
CREATE INDEX lab_integration_limited ON lab_integration (lab_integration_id)
  WHERE rate_per_minute IS NOT NULL;

-- Why a version was made, where that was told (a rollback, 410 Gone).
ALTER TABLE lab_integration_version ADD COLUMN reason TEXT;

-- How an integration fares; a row exists from the first time that there is something to remember.
CREATE TABLE integration_state (
  lab_integration_id INTEGER PRIMARY KEY REFERENCES lab_integration,
  -- Token bucket of rate_per_minute.
  tokens       REAL,
  refilled_at  INTEGER,
  -- Circuit breaker: consecutive failures; open since, why, and when the next probe may go.
  failures     INTEGER NOT NULL DEFAULT 0,
  opened_at    INTEGER,
  open_reason  TEXT,
  probe_at     INTEGER,
  -- What is being done in chunks to what waits (HOLD, RELEASE, REBUILD, DROP), so that a restart
  -- goes on with it; nothing is claimed meanwhile.
  waiting_action TEXT CHECK (waiting_action IN ('HOLD', 'RELEASE', 'REBUILD', 'DROP')),
  waiting_actor  TEXT
) STRICT;

-- An ordering key whose head was refused or is in doubt: its followers wait.
CREATE TABLE key_hold (
  lab_integration_id INTEGER NOT NULL REFERENCES lab_integration,
  ordering_key TEXT NOT NULL,
  head_log_seq INTEGER NOT NULL REFERENCES log,
  reason       TEXT NOT NULL CHECK (reason IN ('HEAD_REFUSED', 'HEAD_UNKNOWN')),
  held_at      INTEGER NOT NULL,
  -- When the followers are released by themselves; null: only by a person.
  release_at   INTEGER,
  PRIMARY KEY (lab_integration_id, ordering_key)
) STRICT, WITHOUT ROWID;
CREATE INDEX key_hold_by_release ON key_hold (release_at) WHERE release_at IS NOT NULL;
CREATE INDEX key_hold_by_head ON key_hold (head_log_seq);

CREATE TABLE task_2 (
  task_id            INTEGER PRIMARY KEY,
  log_seq            INTEGER NOT NULL UNIQUE REFERENCES log,
  lab_integration_id INTEGER NOT NULL REFERENCES lab_integration,
  state              TEXT NOT NULL
    CHECK (state IN ('READY', 'WAITING', 'CLAIMED', 'REPORTING', 'SCHEDULED', 'HELD')),
  -- 0 is STAT, 1 routine: the ready index is read in this order.
  priority           INTEGER NOT NULL,
  ordering_key       TEXT,
  deliver_by         INTEGER,
  due_at             INTEGER NOT NULL,
  kind               TEXT NOT NULL,
  attempt            INTEGER NOT NULL,
  revision           INTEGER NOT NULL,
  claimed_by         TEXT,
  lease_until        INTEGER,
  -- Set durably before a suspect is handled, so that its second crash is told from chance.
  begun_at           INTEGER,
  stamped_at         INTEGER,
  crashes            INTEGER NOT NULL DEFAULT 0,
  -- The outcome (JSON) while the callback route has not taken it yet.
  report             TEXT
) STRICT;
-- Before now a rule's ordering key was stored but never evaluated; only callers' keys are there.
-- All but a key's first task wait from here on.
INSERT INTO task_2
  SELECT t.task_id, t.log_seq, t.lab_integration_id,
    CASE WHEN t.state = 'READY' AND t.ordering_key IS NOT NULL AND EXISTS (
      SELECT 1 FROM task o WHERE o.lab_integration_id = t.lab_integration_id
        AND o.ordering_key = t.ordering_key AND o.task_id <> t.task_id
        AND (o.state IN ('CLAIMED', 'REPORTING') OR (o.state = 'READY' AND o.task_id < t.task_id)))
      THEN 'WAITING' ELSE t.state END,
    t.priority,
    -- Those already under way side by side keep no key: they cannot be put in order any more.
    CASE WHEN t.state IN ('CLAIMED', 'REPORTING') AND EXISTS (
      SELECT 1 FROM task o WHERE o.lab_integration_id = t.lab_integration_id
        AND o.ordering_key = t.ordering_key AND o.task_id < t.task_id
        AND o.state IN ('CLAIMED', 'REPORTING'))
      THEN NULL ELSE t.ordering_key END,
    l.deliver_by, t.due_at, t.kind, t.attempt, t.revision, t.claimed_by, t.lease_until, t.begun_at,
    t.stamped_at, t.crashes, t.report
  FROM task t JOIN log l ON l.log_seq = t.log_seq;
DROP TABLE task;
ALTER TABLE task_2 RENAME TO task;
CREATE INDEX task_ready ON task (lab_integration_id, priority, task_id) WHERE state = 'READY';
CREATE INDEX task_claimed ON task (lab_integration_id) WHERE state = 'CLAIMED';
CREATE INDEX task_reporting ON task (task_id) WHERE state = 'REPORTING';
CREATE INDEX task_scheduled ON task (due_at) WHERE state = 'SCHEDULED';
-- Whose scheduled tasks are held when their rule is switched off.
CREATE INDEX task_scheduled_of ON task (lab_integration_id) WHERE state = 'SCHEDULED';
CREATE INDEX task_held ON task (lab_integration_id, task_id) WHERE state = 'HELD';
-- What is held goes before those of its key that were queued after it.
CREATE INDEX task_key_held ON task (lab_integration_id, ordering_key, task_id)
  WHERE state = 'HELD' AND ordering_key IS NOT NULL;
CREATE UNIQUE INDEX task_key_head ON task (lab_integration_id, ordering_key)
  WHERE ordering_key IS NOT NULL AND state IN ('READY', 'CLAIMED', 'REPORTING');
CREATE INDEX task_key_waiting ON task (lab_integration_id, ordering_key, task_id)
  WHERE state = 'WAITING';
CREATE INDEX task_by_deadline ON task (deliver_by) WHERE deliver_by IS NOT NULL;
CREATE INDEX task_to_lift ON task (deliver_by) WHERE deliver_by IS NOT NULL AND priority = 1;

-- Where the domain objects of a rebuilt body came from: SOURCE or LOCAL.
ALTER TABLE revision ADD COLUMN objects_from TEXT;

-- An operator's word on a log that no signal settles: delivered or not_delivered.
ALTER TABLE log ADD COLUMN resolution TEXT;
ALTER TABLE log ADD COLUMN resolved_at INTEGER;

-- The lab's own information system (JSON): base address, credentials' id, path templates.
ALTER TABLE lab ADD COLUMN domain_source TEXT;

-- Browser sessions; the cookie's value is kept as a hash.
CREATE TABLE session (
  session_id    INTEGER PRIMARY KEY,
  access_key_id INTEGER NOT NULL REFERENCES access_key,
  hash          TEXT NOT NULL UNIQUE,
  address       TEXT,
  created_at    INTEGER NOT NULL,
  last_used_at  INTEGER NOT NULL,
  expires_at    INTEGER NOT NULL,
  revoked_at    INTEGER
) STRICT;
CREATE INDEX session_of_key ON session (access_key_id);
`,
};
