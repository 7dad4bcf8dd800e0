import type { Migration } from './migration.ts';

/**
 * Retries: the schedule, what a retry was made of, many retries at once.
 *
 * The key_hold table is rebuilt, since SQLite cannot widen a CHECK: `HEAD_RETRYING` holds what is
 * behind a head that is to be tried again, so that the schedule does not turn a key's order round.
 */
export const retries: Migration = {
  version: 4,
  name: 'retries',
  sql: `
-- Steps of its schedule that a log has used up since it was last retried by hand.
ALTER TABLE log ADD COLUMN retry_step INTEGER NOT NULL DEFAULT 0;
-- A person chose its body (an edit, an earlier revision, an earlier mapping): the schedule repeats it.
ALTER TABLE log ADD COLUMN is_body_chosen INTEGER NOT NULL DEFAULT 0;

-- SCHEDULED: when its wait began. One that began in the future was written before the clock was set
-- back, and waits as long as it was to from now on.
ALTER TABLE task ADD COLUMN waits_from INTEGER;
-- SCHEDULED: the partner asked not to be called before (Retry-After).
ALTER TABLE task ADD COLUMN not_before INTEGER;
-- What its next attempt was made of and who wanted it (JSON); the attempt takes it over.
ALTER TABLE task ADD COLUMN retry TEXT;
ALTER TABLE attempt ADD COLUMN retry TEXT;
DROP INDEX task_scheduled;
CREATE INDEX task_scheduled ON task (priority, due_at) WHERE state = 'SCHEDULED';
-- Also of one key alone, which a STAT delivery behind it lifts.
DROP INDEX task_scheduled_of;
CREATE INDEX task_scheduled_of ON task (lab_integration_id, ordering_key) WHERE state = 'SCHEDULED';
CREATE INDEX task_scheduled_from ON task (waits_from) WHERE state = 'SCHEDULED';

-- What is tried again and what was given up: few among many, counted and looked after.
CREATE INDEX log_retrying ON log (retry_state, log_seq)
  WHERE retry_state IN ('SCHEDULED', 'RUNNING', 'EXHAUSTED');

-- Whether a newer one of its key was accepted.
CREATE INDEX log_of_key ON log (lab_integration_id, ordering_key, log_seq)
  WHERE ordering_key IS NOT NULL;

CREATE TABLE key_hold_4 (
  lab_integration_id INTEGER NOT NULL REFERENCES lab_integration,
  ordering_key TEXT NOT NULL,
  head_log_seq INTEGER NOT NULL REFERENCES log,
  reason       TEXT NOT NULL CHECK (reason IN ('HEAD_REFUSED', 'HEAD_UNKNOWN', 'HEAD_RETRYING')),
  held_at      INTEGER NOT NULL,
  -- When the followers are released by themselves; null: only by a person.
  release_at   INTEGER,
  PRIMARY KEY (lab_integration_id, ordering_key)
) STRICT, WITHOUT ROWID;
INSERT INTO key_hold_4
  SELECT lab_integration_id, ordering_key, head_log_seq, reason, held_at, release_at FROM key_hold;
DROP TABLE key_hold;
ALTER TABLE key_hold_4 RENAME TO key_hold;
CREATE INDEX key_hold_by_release ON key_hold (release_at) WHERE release_at IS NOT NULL;
CREATE INDEX key_hold_by_head ON key_hold (head_log_seq);

-- How long the next probe waits from when it was set (a partner's Retry-After makes it longer).
ALTER TABLE integration_state ADD COLUMN probe_wait INTEGER;
-- Who opened the breaker by hand, and why.
ALTER TABLE integration_state ADD COLUMN opened_by TEXT;
ALTER TABLE integration_state ADD COLUMN open_note TEXT;
-- Its breaker has closed then: what is scheduled since before is due, and is being told so in chunks.
ALTER TABLE integration_state ADD COLUMN recovered_at INTEGER;

-- Many retries at once ----------------------------------------------------------------------------

-- PLANNING: its logs are being found. PLANNED: counted, waits for a yes. CANARY: one is sent, the
-- others wait for its verdict. RUNNING, PAUSED. STOPPED: by itself, after failures; goes on when told.
CREATE TABLE bulk_retry (
  bulk_retry_seq  INTEGER PRIMARY KEY,
  bulk_retry_id   TEXT NOT NULL UNIQUE,
  state           TEXT NOT NULL CHECK (state IN
    ('PLANNING', 'PLANNED', 'CANARY', 'RUNNING', 'PAUSED', 'STOPPED', 'DONE', 'CANCELLED')),
  -- What was asked for (JSON): log_ids or a search filter; how it is to be sent.
  selection       TEXT NOT NULL,
  options         TEXT NOT NULL,
  reason          TEXT,
  actor           TEXT NOT NULL,
  -- Where the finding of its logs stands; null before the first and after the last page.
  cursor          TEXT,
  total           INTEGER NOT NULL DEFAULT 0,
  -- Its logs by certainty, integration and refusal (JSON), as they were counted; null while PLANNING.
  plan            TEXT,
  -- Failures by class since it was last set going (JSON): so many of one class stop it.
  failures        TEXT NOT NULL DEFAULT '{}',
  -- Why it stopped or paused (JSON).
  stop            TEXT,
  -- What people did to it (JSON), the oldest first.
  acts            TEXT NOT NULL DEFAULT '[]',
  created_at      INTEGER NOT NULL,
  started_at      INTEGER,
  started_by      TEXT,
  -- Nothing of it is to be sent or waited for any more.
  ended_at        INTEGER,
  -- How its logs stand then (JSON), so that a list need not count them.
  counts          TEXT
) STRICT;
CREATE INDEX bulk_retry_unfinished ON bulk_retry (bulk_retry_seq) WHERE ended_at IS NULL;

-- PLANNED: to be sent. REFUSED: may not be, verdict says why. QUEUED: handed to the queue as the
-- attempt of that number. DONE: that attempt has ended. SKIPPED: it could not be queued any more.
CREATE TABLE bulk_retry_item (
  bulk_retry_seq     INTEGER NOT NULL REFERENCES bulk_retry,
  -- In the order in which the logs were created; the first one's is not 1 (see store/bulk-retries.ts).
  position           INTEGER NOT NULL,
  log_seq            INTEGER NOT NULL REFERENCES log,
  lab_integration_id INTEGER,
  -- What the log was when it was planned.
  certainty          TEXT,
  state              TEXT NOT NULL CHECK (state IN
    ('PLANNED', 'REFUSED', 'QUEUED', 'DONE', 'SKIPPED')),
  -- Why it is refused or was skipped: a code of a closed set.
  verdict            TEXT,
  -- It went first, and the others of its integration waited for what became of it.
  is_canary          INTEGER NOT NULL DEFAULT 0,
  attempt            INTEGER,
  -- How that attempt ended (JSON).
  outcome            TEXT,
  -- Of a failure: its error kind and status code, by which failures are of one class.
  failure_class      TEXT,
  queued_at          INTEGER,
  ended_at           INTEGER,
  PRIMARY KEY (bulk_retry_seq, position)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX bulk_retry_item_of_log ON bulk_retry_item (bulk_retry_seq, log_seq);
-- Pages by state, and all counts, without a look at the rows.
CREATE INDEX bulk_retry_item_by_state
  ON bulk_retry_item (bulk_retry_seq, state, position, failure_class, verdict);
CREATE INDEX bulk_retry_item_to_send
  ON bulk_retry_item (bulk_retry_seq, lab_integration_id, position) WHERE state = 'PLANNED';
CREATE INDEX bulk_retry_item_canary
  ON bulk_retry_item (bulk_retry_seq, position) WHERE is_canary = 1;
`,
};
