import type { Migration } from './migration.ts';

/**
 * Calls into the lab, batches, outside workers' leases, notes on objects.
 *
 * A log of a call that named no lab or no category holds 0 and '' there (`log.lab_id` and its like
 * are NOT NULL, and rebuilding the largest table for that would stop a lab for minutes); the store
 * tells them as null.
 *
 * The task table is rebuilt once more, since SQLite cannot widen a CHECK: `RECEIVING` is a task of
 * a batch that is not complete yet. It is in no index that a claim reads.
 */
export const callsAndBatches: Migration = {
  version: 3,
  name: 'calls and batches',
  sql: `
-- What a third party sent and was answered: the other half of an INBOUND log.
CREATE TABLE inbound_call (
  log_seq           INTEGER PRIMARY KEY REFERENCES log,
  request_headers   TEXT NOT NULL,
  request_body      ANY,
  -- More was sent than is kept, or than had come when the caller went away.
  request_body_cut  INTEGER NOT NULL,
  response_headers  TEXT,
  response_body     ANY,
  response_body_cut INTEGER NOT NULL,
  -- The access key's name; null where no known key was shown.
  token_owner       TEXT
) STRICT;

-- Calls belong to no integration, and most logs of an event route are calls.
DROP INDEX log_by_integration;
CREATE INDEX log_by_integration ON log (lab_integration_id, created_at)
  WHERE lab_integration_id IS NOT NULL;
-- Few among many deliveries, in a lab that has just come by capture, or refused ones among many taken.
CREATE INDEX log_of_calls ON log (status, created_at) WHERE direction = 'INBOUND';
-- A call may fire ten thousand deliveries; they are listed by time.
DROP INDEX log_by_trigger;
CREATE INDEX log_by_trigger ON log (triggered_by, created_at) WHERE triggered_by IS NOT NULL;

-- Batches ---------------------------------------------------------------------------------------

-- RECEIVING: its records are arriving, nothing of it exists but them. BUILDING: all have arrived and
-- become events, logs and tasks, chunk by chunk; from here on it is finished whatever happens.
-- RELEASING: the caller's answer stands, its tasks become ready, chunk by chunk. OPEN: all are.
-- CANCELLING: what has not been sent is being taken out. DROPPED: it never arrived whole.
CREATE TABLE batch (
  batch_seq        INTEGER PRIMARY KEY,
  batch_id         TEXT NOT NULL UNIQUE,
  state            TEXT NOT NULL CHECK (state IN
    ('RECEIVING', 'BUILDING', 'RELEASING', 'OPEN', 'CANCELLING', 'CANCELLED', 'DROPPED')),
  route            TEXT NOT NULL,
  -- What is common to its records (JSON); null until its body has arrived.
  envelope         TEXT,
  lab_id           INTEGER,
  action_category  TEXT,
  access_key_id    INTEGER,
  -- The log_id of the call that brought it.
  triggered_by     TEXT,
  idempotency_scope TEXT,
  idempotency_key  TEXT,
  body_hash        TEXT,
  records          INTEGER NOT NULL DEFAULT 0,
  accepted         INTEGER NOT NULL DEFAULT 0,
  rejected         INTEGER NOT NULL DEFAULT 0,
  -- Records from here on are not built yet.
  built            INTEGER NOT NULL DEFAULT 0,
  received_at      INTEGER NOT NULL,
  opened_at        INTEGER,
  -- Set while records still arrive or are built too: nothing of it is released then.
  cancelled_at     INTEGER,
  cancelled_by     TEXT,
  cancel_reason    TEXT,
  -- It stands as a restored backup had it, and it was not open yet: what is released of it is held.
  is_restored      INTEGER NOT NULL DEFAULT 0
) STRICT;
-- What a start has to go on with.
CREATE INDEX batch_unfinished ON batch (batch_seq)
  WHERE state IN ('RECEIVING', 'BUILDING', 'RELEASING', 'CANCELLING');
-- A key names one batch; one that was dropped gives it free.
CREATE UNIQUE INDEX batch_by_idempotency ON batch (idempotency_scope, idempotency_key)
  WHERE idempotency_key IS NOT NULL AND state <> 'DROPPED';

-- Records that have arrived and are nothing else yet, many to a row (one JSON text a line), since ten
-- thousand rows that live for a second would cost as much as what they become.
CREATE TABLE batch_record (
  batch_seq INTEGER NOT NULL REFERENCES batch,
  -- Of the first record.
  position  INTEGER NOT NULL,
  records   INTEGER NOT NULL,
  lines     TEXT NOT NULL,
  PRIMARY KEY (batch_seq, position)
) STRICT;

CREATE TABLE batch_rejection (
  batch_seq INTEGER NOT NULL REFERENCES batch,
  position  INTEGER NOT NULL,
  field     TEXT NOT NULL,
  reason    TEXT NOT NULL,
  PRIMARY KEY (batch_seq, position)
) STRICT, WITHOUT ROWID;

-- Progress counts by these alone; a page of a batch's logs goes by time.
-- The call that brought it names it too.
CREATE INDEX log_of_batch ON log (batch_id, status, retry_state)
  WHERE batch_id IS NOT NULL AND direction = 'OUTBOUND';

CREATE TABLE task_3 (
  task_id            INTEGER PRIMARY KEY,
  log_seq            INTEGER NOT NULL UNIQUE REFERENCES log,
  lab_integration_id INTEGER NOT NULL REFERENCES lab_integration,
  state              TEXT NOT NULL CHECK (state IN
    ('RECEIVING', 'READY', 'WAITING', 'CLAIMED', 'REPORTING', 'SCHEDULED', 'HELD')),
  -- 0 is STAT, 1 routine: the ready index is read in this order.
  priority           INTEGER NOT NULL,
  ordering_key       TEXT,
  deliver_by         INTEGER,
  due_at             INTEGER NOT NULL,
  kind               TEXT NOT NULL,
  attempt            INTEGER NOT NULL,
  revision           INTEGER NOT NULL,
  -- The engine, or "lease:" with an outside worker's token and name.
  claimed_by         TEXT,
  lease_until        INTEGER,
  -- Set durably before a suspect is handled, so that its second crash is told from chance.
  begun_at           INTEGER,
  stamped_at         INTEGER,
  crashes            INTEGER NOT NULL DEFAULT 0,
  -- The outcome (JSON) while the callback route has not taken it yet.
  report             TEXT,
  batch_seq          INTEGER REFERENCES batch
) STRICT;
INSERT INTO task_3
  SELECT task_id, log_seq, lab_integration_id, state, priority, ordering_key, deliver_by, due_at,
    kind, attempt, revision, claimed_by, lease_until, begun_at, stamped_at, crashes, report, NULL
  FROM task;
DROP TABLE task;
ALTER TABLE task_3 RENAME TO task;
CREATE INDEX task_ready ON task (lab_integration_id, priority, task_id) WHERE state = 'READY';
CREATE INDEX task_claimed ON task (lab_integration_id) WHERE state = 'CLAIMED';
CREATE INDEX task_reporting ON task (task_id) WHERE state = 'REPORTING';
CREATE INDEX task_scheduled ON task (due_at) WHERE state = 'SCHEDULED';
CREATE INDEX task_scheduled_of ON task (lab_integration_id) WHERE state = 'SCHEDULED';
CREATE INDEX task_held ON task (lab_integration_id, task_id) WHERE state = 'HELD';
CREATE INDEX task_key_held ON task (lab_integration_id, ordering_key, task_id)
  WHERE state = 'HELD' AND ordering_key IS NOT NULL;
CREATE UNIQUE INDEX task_key_head ON task (lab_integration_id, ordering_key)
  WHERE ordering_key IS NOT NULL AND state IN ('READY', 'CLAIMED', 'REPORTING');
CREATE INDEX task_key_waiting ON task (lab_integration_id, ordering_key, task_id)
  WHERE state = 'WAITING';
-- Those of a key that a batch has not released yet are before whatever is queued after them.
CREATE INDEX task_key_receiving ON task (lab_integration_id, ordering_key, task_id)
  WHERE state = 'RECEIVING' AND ordering_key IS NOT NULL;
CREATE INDEX task_by_deadline ON task (deliver_by) WHERE deliver_by IS NOT NULL;
CREATE INDEX task_to_lift ON task (deliver_by) WHERE deliver_by IS NOT NULL AND priority = 1;
CREATE INDEX task_of_batch ON task (batch_seq, task_id) WHERE batch_seq IS NOT NULL;

-- Outside workers -------------------------------------------------------------------------------

-- Repeated from the settings because the claim itself enforces it.
ALTER TABLE lab_integration ADD COLUMN executor TEXT NOT NULL DEFAULT 'local';
UPDATE lab_integration SET executor = coalesce(json_extract(settings, '$.executor'), 'local');

-- Which outside worker's lease has started an attempt: "lease:TOKEN NAME".
ALTER TABLE attempt ADD COLUMN lease TEXT;

-- Older integrations' notes about an object, where they name no log.
CREATE TABLE object_note (
  object_note_id INTEGER PRIMARY KEY,
  lab_id INTEGER NOT NULL REFERENCES lab,
  kind   TEXT NOT NULL,
  id     TEXT NOT NULL,
  at     INTEGER NOT NULL,
  actor  TEXT NOT NULL,
  note   TEXT NOT NULL,
  -- What was told, in the sender's words (JSON).
  detail TEXT NOT NULL
) STRICT;
CREATE INDEX object_note_of ON object_note (id, kind, lab_id, at);

-- Appointments ----------------------------------------------------------------------------------

-- What appointments are listed by; null for other kinds of object. due_at is when one takes place,
-- the end of all times where nobody has told.
ALTER TABLE domain_object ADD COLUMN status TEXT;
ALTER TABLE domain_object ADD COLUMN due_at INTEGER;
-- Compressed documents (a blob) cannot be read here; theirs follow with their next change.
UPDATE domain_object SET
  status = CASE WHEN typeof(document) = 'text'
    AND json_extract(document, '$.status') IN ('CONFIRMED', 'CANCELLED')
    THEN json_extract(document, '$.status') ELSE 'BOOKED' END,
  due_at = coalesce(CASE WHEN typeof(document) = 'text'
    THEN CAST(round(unixepoch(json_extract(document, '$.scheduled_at'), 'subsec') * 1000) AS INTEGER)
    END, 8640000000000000)
  WHERE kind = 'appointment';
CREATE INDEX appointment_by_time ON domain_object (lab_id, due_at) WHERE kind = 'appointment';
CREATE INDEX appointment_by_status ON domain_object (lab_id, status, due_at)
  WHERE kind = 'appointment';

-- A lab may have made one of these codes its own; it keeps its number then.
INSERT OR IGNORE INTO action_category
  (action_category_list_id, code, name, is_built_in, is_active) VALUES
  (13, 'APPOINTMENT_CREATED',   'Appointment created',   1, 1),
  (14, 'APPOINTMENT_UPDATED',   'Appointment updated',   1, 1),
  (15, 'APPOINTMENT_CANCELLED', 'Appointment cancelled', 1, 1);
`,
};
