import type { Migration } from './migration.ts';

/**
 * The whole schema of the main way. What later features need of a row's identity (revisions,
 * certainty, retry state, priority, ordering key, owner and lease of claims, configuration
 * versions, audit) is here from the start, since adding it afterwards would mean guessing it for
 * rows already written.
 *
 * Times are epoch milliseconds. Documents are JSON text; long ones are zstd blobs (see bodies.ts),
 * told apart by their SQLite type.
 */
export const mainWay: Migration = {
  version: 1,
  name: 'main way',
  sql: `
CREATE TABLE meta (
  name  TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Configuration ---------------------------------------------------------------------------------

CREATE TABLE organization (
  organization_id INTEGER PRIMARY KEY,
  name            TEXT NOT NULL
) STRICT;

CREATE TABLE lab (
  lab_id          INTEGER PRIMARY KEY,
  name            TEXT NOT NULL,
  organization_id INTEGER REFERENCES organization,
  time_zone       TEXT NOT NULL,
  is_active       INTEGER NOT NULL
) STRICT;

CREATE TABLE action_category (
  action_category_list_id INTEGER PRIMARY KEY,
  code                    TEXT NOT NULL UNIQUE,
  name                    TEXT NOT NULL,
  is_built_in             INTEGER NOT NULL,
  is_active               INTEGER NOT NULL
) STRICT;

CREATE TABLE developer_authentication (
  developer_authentication_id INTEGER PRIMARY KEY,
  lab_id          INTEGER REFERENCES lab,
  organization_id INTEGER REFERENCES organization,
  name            TEXT NOT NULL,
  kind            TEXT NOT NULL,
  public_keys     TEXT NOT NULL,
  sealed_keys     TEXT NOT NULL,
  is_active       INTEGER NOT NULL,
  version         INTEGER NOT NULL,
  updated_at      INTEGER NOT NULL,
  CHECK ((lab_id IS NULL) <> (organization_id IS NULL))
) STRICT;

CREATE TABLE lab_integration (
  lab_integration_id          INTEGER PRIMARY KEY,
  lab_id                      INTEGER REFERENCES lab,
  organization_id             INTEGER REFERENCES organization,
  action_category_list_id     INTEGER NOT NULL REFERENCES action_category,
  developer_authentication_id INTEGER REFERENCES developer_authentication,
  name            TEXT NOT NULL,
  is_active       INTEGER NOT NULL,
  -- Repeated from the settings because the claim itself enforces it.
  max_concurrency INTEGER NOT NULL,
  settings        TEXT NOT NULL,
  version         INTEGER NOT NULL,
  created_at      INTEGER NOT NULL,
  updated_at      INTEGER NOT NULL,
  CHECK ((lab_id IS NULL) <> (organization_id IS NULL))
) STRICT;
CREATE INDEX lab_integration_by_authentication
  ON lab_integration (developer_authentication_id);

CREATE TABLE lab_integration_version (
  lab_integration_id INTEGER NOT NULL REFERENCES lab_integration,
  version            INTEGER NOT NULL,
  settings           TEXT NOT NULL,
  changed_by         TEXT NOT NULL,
  changed_at         INTEGER NOT NULL,
  PRIMARY KEY (lab_integration_id, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE access_key (
  access_key_id INTEGER PRIMARY KEY,
  kind          TEXT NOT NULL,
  name          TEXT NOT NULL,
  role          TEXT,
  lab_ids       TEXT,
  routes        TEXT,
  hash          TEXT NOT NULL UNIQUE,
  hint          TEXT NOT NULL,
  created_at    INTEGER NOT NULL,
  revoked_at    INTEGER
) STRICT;

CREATE TABLE setting (
  name  TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- What happened in the lab ----------------------------------------------------------------------

CREATE TABLE event (
  event_seq               INTEGER PRIMARY KEY,
  lab_id                  INTEGER NOT NULL REFERENCES lab,
  event_id                TEXT NOT NULL,
  action_category_list_id INTEGER NOT NULL REFERENCES action_category,
  document                ANY NOT NULL,
  body_hash               TEXT NOT NULL,
  access_key_id           INTEGER,
  answer_status           INTEGER NOT NULL,
  answer                  TEXT NOT NULL,
  received_at             INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX event_by_id ON event (event_id, lab_id);

CREATE TABLE domain_object (
  object_seq        INTEGER PRIMARY KEY,
  lab_id            INTEGER NOT NULL REFERENCES lab,
  kind              TEXT NOT NULL,
  id                TEXT NOT NULL,
  version           INTEGER NOT NULL,
  source_updated_at INTEGER,
  document          ANY NOT NULL,
  created_at        INTEGER NOT NULL,
  updated_at        INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX domain_object_by_id ON domain_object (id, kind, lab_id);

CREATE TABLE idempotency (
  scope      TEXT NOT NULL,
  key        TEXT NOT NULL,
  body_hash  TEXT NOT NULL,
  status     INTEGER NOT NULL,
  answer     TEXT NOT NULL,
  expires_at INTEGER NOT NULL,
  PRIMARY KEY (scope, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_by_expiry ON idempotency (expires_at);

-- The integration directory ---------------------------------------------------------------------

CREATE TABLE log (
  log_seq                  INTEGER PRIMARY KEY,
  log_id                   TEXT NOT NULL,
  direction                TEXT NOT NULL,
  status                   TEXT NOT NULL,
  certainty                TEXT,
  retry_state              TEXT NOT NULL,
  stage                    TEXT NOT NULL,
  priority                 TEXT NOT NULL,
  deliver_by               INTEGER,
  ordering_key             TEXT,
  lab_id                   INTEGER NOT NULL,
  organization_id          INTEGER,
  lab_integration_id       INTEGER,
  config_version           INTEGER,
  action_category_list_id  INTEGER NOT NULL,
  action_category          TEXT NOT NULL,
  event_id                 TEXT,
  batch_id                 TEXT,
  triggered_by             TEXT,
  transport                TEXT NOT NULL,
  end_point                TEXT,
  request_method           TEXT,
  revision                 INTEGER NOT NULL,
  newest_attempt           INTEGER NOT NULL DEFAULT 0,
  control_id               TEXT,
  response_status_code     INTEGER,
  response_time            INTEGER,
  error_kind               TEXT,
  error_message            TEXT,
  integration_callback_url TEXT,
  is_retry_enabled         INTEGER NOT NULL,
  retry_context            TEXT NOT NULL,
  retry_count              INTEGER NOT NULL DEFAULT 0,
  next_retry_at            INTEGER,
  held_reason              TEXT,
  ip                       TEXT,
  origin                   TEXT,
  token_hint               TEXT,
  activity_date            INTEGER,
  created_at               INTEGER NOT NULL,
  updated_at               INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX log_by_id ON log (log_id);
-- People read the end of an id aloud; six hex digits leave a handful of candidates in a million.
CREATE INDEX log_by_tail ON log (substr(log_id, -6));
CREATE INDEX log_by_time ON log (created_at);
CREATE INDEX log_by_lab ON log (lab_id, created_at);
CREATE INDEX log_by_integration ON log (lab_integration_id, created_at);
CREATE INDEX log_by_event ON log (event_id) WHERE event_id IS NOT NULL;
CREATE INDEX log_by_batch ON log (batch_id, created_at) WHERE batch_id IS NOT NULL;
CREATE INDEX log_by_trigger ON log (triggered_by) WHERE triggered_by IS NOT NULL;
CREATE INDEX log_by_control_id ON log (control_id) WHERE control_id IS NOT NULL;
-- Only what is out of the ordinary is indexed by status: a lab's successes are most of its rows
-- and are found by time.
CREATE INDEX log_not_successful ON log (status, created_at) WHERE status <> 'SUCCESS';
CREATE INDEX log_by_error ON log (error_kind, created_at) WHERE error_kind IS NOT NULL;
CREATE INDEX log_by_refusal_code ON log (response_status_code, created_at)
  WHERE response_status_code >= 300;

-- The event itself is not listed here: log.event_id has its own index.
CREATE TABLE log_reference (
  id      TEXT NOT NULL,
  kind    TEXT NOT NULL,
  log_seq INTEGER NOT NULL REFERENCES log,
  PRIMARY KEY (id, kind, log_seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE revision (
  revision_seq   INTEGER PRIMARY KEY,
  log_seq        INTEGER NOT NULL REFERENCES log,
  number         INTEGER NOT NULL,
  body           ANY NOT NULL,
  content_type   TEXT NOT NULL,
  sha256         TEXT NOT NULL,
  config_version INTEGER NOT NULL,
  reason         TEXT NOT NULL,
  created_at     INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX revision_of_log ON revision (log_seq, number);

CREATE TABLE attempt (
  attempt_seq          INTEGER PRIMARY KEY,
  log_seq              INTEGER NOT NULL REFERENCES log,
  number               INTEGER NOT NULL,
  kind                 TEXT NOT NULL,
  revision             INTEGER NOT NULL,
  config_version       INTEGER NOT NULL,
  status               TEXT,
  certainty            TEXT,
  stage                TEXT,
  error_kind           TEXT,
  error_message        TEXT,
  end_point            TEXT,
  request_method       TEXT,
  request_headers      TEXT,
  response_status_code INTEGER,
  response_headers     TEXT,
  response_body        ANY,
  response_body_cut    INTEGER NOT NULL DEFAULT 0,
  response_time        INTEGER,
  -- The stamp: from this commit on, bytes of this attempt may have left.
  started_at           INTEGER NOT NULL,
  ended_at             INTEGER
) STRICT;
CREATE UNIQUE INDEX attempt_of_log ON attempt (log_seq, number);

CREATE TABLE activity (
  activity_id INTEGER PRIMARY KEY,
  log_seq     INTEGER NOT NULL REFERENCES log,
  at          INTEGER NOT NULL,
  actor       TEXT NOT NULL,
  kind        TEXT NOT NULL,
  note        TEXT NOT NULL,
  detail      TEXT
) STRICT;
CREATE INDEX activity_of_log ON activity (log_seq);

-- The queue -------------------------------------------------------------------------------------

CREATE TABLE task (
  task_id            INTEGER PRIMARY KEY,
  log_seq            INTEGER NOT NULL UNIQUE REFERENCES log,
  lab_integration_id INTEGER NOT NULL REFERENCES lab_integration,
  state              TEXT NOT NULL
    CHECK (state IN ('READY', 'CLAIMED', 'REPORTING', 'SCHEDULED', 'HELD')),
  -- 0 is STAT, 1 routine: the ready index is read in this order.
  priority           INTEGER NOT NULL,
  ordering_key       TEXT,
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
CREATE INDEX task_ready ON task (lab_integration_id, priority, task_id) WHERE state = 'READY';
CREATE INDEX task_claimed ON task (lab_integration_id) WHERE state = 'CLAIMED';
CREATE INDEX task_reporting ON task (task_id) WHERE state = 'REPORTING';
CREATE INDEX task_scheduled ON task (due_at) WHERE state = 'SCHEDULED';

CREATE TABLE failed_task (
  failed_task_id INTEGER PRIMARY KEY,
  log_seq        INTEGER NOT NULL REFERENCES log,
  attempt        INTEGER,
  cause          TEXT NOT NULL,
  error_message  TEXT NOT NULL,
  certainty      TEXT,
  failed_at      INTEGER NOT NULL,
  requeued_at    INTEGER,
  requeue_reason TEXT
) STRICT;
CREATE INDEX failed_task_open ON failed_task (failed_task_id) WHERE requeued_at IS NULL;
CREATE INDEX failed_task_of_log ON failed_task (log_seq);

-- Text search -----------------------------------------------------------------------------------

-- Filled after the commit, in batches, so that no delivery waits for it; text_pending names the
-- logs whose words are not in it yet.
CREATE VIRTUAL TABLE log_text USING fts5(
  payload, response, error,
  content = '', contentless_delete = 1, detail = none, tokenize = 'unicode61'
);
CREATE TABLE text_pending (
  log_seq INTEGER PRIMARY KEY
) STRICT;

-- Audit -----------------------------------------------------------------------------------------

CREATE TABLE audit (
  audit_id      INTEGER PRIMARY KEY,
  at            INTEGER NOT NULL,
  actor         TEXT NOT NULL,
  action        TEXT NOT NULL,
  subject       TEXT NOT NULL,
  reason        TEXT,
  address       TEXT,
  detail        TEXT,
  previous_hash TEXT NOT NULL,
  hash          TEXT NOT NULL
) STRICT;
CREATE TRIGGER audit_is_append_only_update BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit table is append-only'); END;
CREATE TRIGGER audit_is_append_only_delete BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit table is append-only'); END;

-- The guide's categories ------------------------------------------------------------------------

INSERT INTO action_category (action_category_list_id, code, name, is_built_in, is_active) VALUES
  ( 1, 'BILL_GENERATED',           'Bill generated',             1, 1),
  ( 2, 'BILL_UPDATED',             'Bill updated',               1, 1),
  ( 3, 'BILL_CANCELLED',           'Bill cancelled',             1, 1),
  ( 4, 'PAYMENT_RECEIVED',         'Payment received',           1, 1),
  ( 5, 'PATIENT_REGISTERED',       'Patient registered',         1, 1),
  ( 6, 'PATIENT_UPDATED',          'Patient updated',            1, 1),
  ( 7, 'SAMPLE_RECEIVED',          'Sample received',            1, 1),
  ( 8, 'SAMPLE_REJECTED',          'Sample rejected',            1, 1),
  ( 9, 'REPORT_SUBMITTED',         'Report submitted',           1, 1),
  (10, 'REPORT_SIGNED',            'Report signed',              1, 1),
  (11, 'APPOINTMENT_CONFIRMED',    'Appointment confirmed',      1, 1),
  (12, 'HL7_MANUAL_SAMPLE_UPDATE', 'HL7 manual sample update',   1, 1);
-- Own categories count from 1000, so that later built-in ones find room.
`,
};
