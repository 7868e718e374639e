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
];
