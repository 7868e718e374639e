// The tables of the SQLite driver: forward-only steps, each run once in a transaction.

/** Step n takes the database from version n to n + 1. Never change one that has been released. */
export const STEPS: readonly string[] = [
  `
  CREATE TABLE instances (
    category TEXT NOT NULL, name TEXT NOT NULL, instance TEXT NOT NULL,
    enabled INTEGER NOT NULL, trusted INTEGER, pinned TEXT,
    config TEXT NOT NULL, config_version INTEGER NOT NULL,
    grants TEXT, asked TEXT, installed_version TEXT,
    PRIMARY KEY (category, name, instance)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE config_history (
    category TEXT NOT NULL, name TEXT NOT NULL, instance TEXT NOT NULL,
    version INTEGER NOT NULL, config TEXT NOT NULL, actor TEXT NOT NULL, at TEXT NOT NULL,
    PRIMARY KEY (category, name, instance, version)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE generations (
    seq INTEGER PRIMARY KEY, category TEXT NOT NULL, name TEXT NOT NULL,
    generation TEXT NOT NULL, version TEXT NOT NULL, at TEXT NOT NULL,
    manifest TEXT NOT NULL, description TEXT NOT NULL, bundle BLOB NOT NULL,
    UNIQUE (category, name, generation)
  ) STRICT;
  CREATE TABLE tokens (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, role TEXT NOT NULL, hash TEXT NOT NULL UNIQUE,
    created_at TEXT NOT NULL, expires_at TEXT
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE audit (
    id INTEGER PRIMARY KEY, at TEXT NOT NULL, actor TEXT NOT NULL, role TEXT NOT NULL,
    action TEXT NOT NULL, subject TEXT NOT NULL, outcome TEXT NOT NULL, details TEXT
  ) STRICT;
  CREATE TABLE operations (
    instance TEXT NOT NULL, key TEXT NOT NULL, call_id TEXT NOT NULL, handler TEXT NOT NULL,
    input_hash TEXT NOT NULL, started_at TEXT NOT NULL, state TEXT NOT NULL, outcome TEXT,
    PRIMARY KEY (instance, key)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE stored (
    instance TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, bytes INTEGER NOT NULL,
    expires_ms INTEGER, PRIMARY KEY (instance, key)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  CREATE TABLE archives (
    category TEXT NOT NULL, name TEXT NOT NULL, sha256 TEXT NOT NULL, at TEXT NOT NULL,
    archive BLOB NOT NULL, PRIMARY KEY (category, name)
  ) STRICT;
  CREATE TABLE marks (name TEXT PRIMARY KEY, text TEXT NOT NULL) STRICT, WITHOUT ROWID;
  `,
  `
  CREATE TABLE deliveries (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL,
    target TEXT NOT NULL, subject TEXT NOT NULL, type TEXT NOT NULL, dedupe TEXT NOT NULL,
    payload TEXT NOT NULL, state TEXT NOT NULL, attempt INTEGER NOT NULL, due_ms INTEGER NOT NULL,
    lease_ms INTEGER, created_ms INTEGER NOT NULL, ended_ms INTEGER, error TEXT,
    UNIQUE (target, kind, dedupe)
  ) STRICT;
  CREATE INDEX deliveries_due ON deliveries (due_ms) WHERE state IN ('waiting', 'running');
  CREATE INDEX deliveries_open ON deliveries (target, subject, seq) WHERE state IN ('waiting', 'running');
  CREATE INDEX deliveries_ended ON deliveries (ended_ms) WHERE state IN ('done', 'dead');
  CREATE TABLE facts (
    instance TEXT NOT NULL, external_id TEXT NOT NULL, seq INTEGER NOT NULL UNIQUE,
    kind TEXT NOT NULL, said_state TEXT NOT NULL, state TEXT NOT NULL,
    amount_minor INTEGER NOT NULL, currency TEXT NOT NULL,
    invoice_id TEXT, fee_minor INTEGER, related_external_id TEXT, refunded_minor INTEGER NOT NULL,
    matched INTEGER, problem TEXT, first_ms INTEGER NOT NULL, changed_ms INTEGER NOT NULL,
    PRIMARY KEY (instance, external_id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX facts_related ON facts (instance, related_external_id);
  CREATE TABLE payment_asks (
    seq INTEGER PRIMARY KEY, invoice_id TEXT NOT NULL, instance TEXT NOT NULL, at_ms INTEGER NOT NULL,
    amount_minor INTEGER NOT NULL, currency TEXT NOT NULL
  ) STRICT;
  CREATE INDEX payment_asks_invoice ON payment_asks (invoice_id, instance, at_ms);
  `,
  `
  CREATE TABLE sightings (
    instance TEXT NOT NULL, kind TEXT NOT NULL, key TEXT NOT NULL, count INTEGER NOT NULL,
    first_ms INTEGER NOT NULL, last_ms INTEGER NOT NULL, details TEXT NOT NULL,
    PRIMARY KEY (instance, kind, key)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE seen (
    instance TEXT NOT NULL, id TEXT NOT NULL, seen_by TEXT NOT NULL, expires_ms INTEGER NOT NULL,
    PRIMARY KEY (instance, id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX seen_expires ON seen (instance, expires_ms);
  `,
  `
  CREATE TABLE calls (
    call_id TEXT PRIMARY KEY, instance TEXT NOT NULL, handler TEXT NOT NULL, actor TEXT NOT NULL,
    state TEXT NOT NULL, started_ms INTEGER NOT NULL, replay_of TEXT, receipt TEXT, error TEXT,
    sealed TEXT
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX calls_place ON calls (started_ms, call_id);
  CREATE INDEX calls_instance ON calls (instance, started_ms, call_id);
  CREATE TABLE effects (
    call_id TEXT NOT NULL, sequence INTEGER NOT NULL, instance TEXT NOT NULL,
    request TEXT NOT NULL, reply TEXT,
    PRIMARY KEY (call_id, sequence)
  ) STRICT, WITHOUT ROWID;
  `,
  // Every write of an instance adds up its bytes: without it that reads all of its values.
  `CREATE INDEX stored_bytes ON stored (instance, expires_ms, bytes);`,
  `
  -- Filled by PostgreSQL only, where hosts share a store; rows are the same in both.
  ALTER TABLE deliveries ADD COLUMN claimed_by TEXT;
  `,
  `
  ALTER TABLE tokens ADD COLUMN scope TEXT;
  ALTER TABLE tokens ADD COLUMN requests_per_minute INTEGER;
  CREATE INDEX audit_strangers ON audit (at) WHERE role = 'none';
  `,
  `
  CREATE TABLE grant_history (
    category TEXT NOT NULL, name TEXT NOT NULL, instance TEXT NOT NULL, sequence INTEGER NOT NULL,
    action TEXT NOT NULL, actor TEXT NOT NULL, at TEXT NOT NULL,
    grants TEXT, added TEXT NOT NULL, removed TEXT NOT NULL,
    PRIMARY KEY (category, name, instance, sequence)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  CREATE TABLE earned (
    instance TEXT NOT NULL, id TEXT NOT NULL, field TEXT NOT NULL, sealed TEXT NOT NULL,
    made_ms INTEGER NOT NULL, expires_ms INTEGER, PRIMARY KEY (instance, id)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  CREATE INDEX deliveries_dead ON deliveries (target, kind, seq) WHERE state = 'dead';
  `,
];
