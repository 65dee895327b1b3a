/** The tables of the resource manager in SQLite, as a list of migrations. */
import type { DatabaseSync } from "node:sqlite";
import { StateUnavailableError } from "../../../state_dir.ts";

/** Step N migrates a database from `user_version` N to N + 1. A released step never changes. */
const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE nodes (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    cores INTEGER NOT NULL,
    memory_bytes INTEGER NOT NULL,
    addresses TEXT NOT NULL, -- JSON array of fabric addresses
    boot_id TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    last_seen_ms INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE leases (
    id TEXT PRIMARY KEY,
    client TEXT NOT NULL,
    workers INTEGER NOT NULL,
    memory_bytes INTEGER NOT NULL,
    issued_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    ended_ms INTEGER,
    end_reason TEXT
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX leases_running ON leases (expires_ms) WHERE ended_ms IS NULL;
  CREATE INDEX leases_ended ON leases (ended_ms) WHERE ended_ms IS NOT NULL;
  CREATE INDEX leases_issued ON leases (issued_ms);

  CREATE TABLE allocations (
    lease TEXT NOT NULL REFERENCES leases (id) ON DELETE CASCADE,
    node TEXT NOT NULL, -- outlives its row in nodes
    workers INTEGER NOT NULL,
    memory_bytes INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('candidate', 'claimed', 'ended')),
    claim_by_ms INTEGER NOT NULL,
    claimed_ms INTEGER,
    end_reason TEXT,
    PRIMARY KEY (lease, node)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX allocations_live ON allocations (node) WHERE state <> 'ended';
  CREATE INDEX allocations_candidate ON allocations (claim_by_ms) WHERE state = 'candidate';

  CREATE TABLE tokens (
    hash TEXT PRIMARY KEY, -- SHA-256 of the token, hex
    role TEXT NOT NULL CHECK (role IN ('operator', 'node', 'client')),
    name TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    UNIQUE (role, name)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE keys (
    id TEXT PRIMARY KEY,
    public_key TEXT NOT NULL,    -- Ed25519, raw, base64url
    private_pkcs8 TEXT NOT NULL, -- PKCS #8, base64url
    created_ms INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  `,
  `
  ALTER TABLE tokens ADD COLUMN quota TEXT NOT NULL DEFAULT '{}'; -- JSON: the limits of a client
  CREATE INDEX leases_of_client ON leases (client) WHERE ended_ms IS NULL;
  `,
  // Live allocations and candidates are kept in memory (node_rows.ts).
  `
  DROP INDEX IF EXISTS allocations_live;
  DROP INDEX IF EXISTS allocations_candidate;
  DROP INDEX IF EXISTS leases_issued; -- used only at a start
  `,
  `
  CREATE TABLE bills (
    lease TEXT NOT NULL, -- outlives its row in leases
    node TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    client TEXT NOT NULL,
    workers INTEGER NOT NULL,
    memory_bytes INTEGER NOT NULL,
    since_ms INTEGER NOT NULL,
    until_ms INTEGER NOT NULL,
    held_ns INTEGER NOT NULL,
    compute_ns INTEGER NOT NULL,
    poll_ns INTEGER NOT NULL,
    PRIMARY KEY (lease, node, epoch)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX bills_of_client ON bills (client, until_ms);
  CREATE INDEX bills_until ON bills (until_ms);
  `,
  `
  ALTER TABLE nodes ADD COLUMN drain_ms INTEGER; -- the grace period of a node that drains
  `,
  `
  ALTER TABLE keys ADD COLUMN signs_from_ms INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE keys ADD COLUMN drop_ms INTEGER; -- null until another key signs
  `,
  `
  DROP INDEX IF EXISTS leases_of_client; -- what clients use is kept in memory (client_rows.ts)
  `,
  // A lease that moved has a new id, and counts as its root.
  `
  ALTER TABLE leases ADD COLUMN root TEXT NOT NULL DEFAULT '';
  ALTER TABLE leases ADD COLUMN root_workers INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE leases ADD COLUMN root_memory_bytes INTEGER NOT NULL DEFAULT 0;
  UPDATE leases SET root = id, root_workers = workers, root_memory_bytes = memory_bytes;
  `,
  // The order in which pages of bills are read.
  `
  CREATE INDEX bills_admitted ON bills (since_ms, lease, node, epoch);
  CREATE INDEX bills_of_client_admitted ON bills (client, since_ms, lease, node, epoch);
  `,
  // The longest term of a quota is in milliseconds, as all durations are.
  `
  UPDATE tokens
    SET quota = json_remove(json_set(quota, '$.termMs', 1000 * json_extract(quota, '$.seconds')), '$.seconds')
    WHERE json_extract(quota, '$.seconds') IS NOT NULL;
  `,
  // Of the candidates of a lease, only as many workers as it has are reserved.
  `
  ALTER TABLE allocations ADD COLUMN reserved_workers INTEGER NOT NULL DEFAULT 0;
  UPDATE allocations SET reserved_workers = workers WHERE state = 'candidate';
  `,
  // The order in which pages of leases are read.
  `
  CREATE INDEX leases_granted ON leases (issued_ms, id) WHERE ended_ms IS NULL;
  CREATE INDEX leases_of_client_granted ON leases (client, issued_ms, id) WHERE ended_ms IS NULL;
  `,
  // Identifies the database and its version (state_mark.ts).
  `
  CREATE TABLE mark (database TEXT NOT NULL, changes INTEGER NOT NULL) STRICT;
  INSERT INTO mark VALUES (lower(hex(randomblob(16))), 0);
  `,
  `
  ALTER TABLE nodes ADD COLUMN sandbox TEXT NOT NULL DEFAULT 'none';
  `,
  // The last events (event_rows.ts), and which nodes are known to be lost.
  `
  CREATE TABLE events (
    seq INTEGER PRIMARY KEY,
    ring TEXT NOT NULL CHECK (ring IN ('lease', 'cluster')),
    body TEXT NOT NULL -- JSON
  ) STRICT;
  ALTER TABLE nodes ADD COLUMN lost_ms INTEGER; -- null while its heartbeats arrive
  `,
  // cores and drain_ms follow from these.
  `
  ALTER TABLE nodes ADD COLUMN max_cores INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE nodes ADD COLUMN limits TEXT NOT NULL DEFAULT '{}'; -- JSON, by the names that set them
  UPDATE nodes SET max_cores = cores;
  UPDATE nodes SET limits = json_object('operator', json_object('cores', 0, 'graceMs', drain_ms))
    WHERE drain_ms IS NOT NULL;
  `,
  // The account of a client, in its token, and in its leases and bills as it was at the grant.
  `
  ALTER TABLE tokens ADD COLUMN account TEXT; -- null if it has none
  ALTER TABLE leases ADD COLUMN account TEXT;
  ALTER TABLE bills ADD COLUMN account TEXT;
  `,
  `
  ALTER TABLE tokens ADD COLUMN class TEXT; -- null: the default class
  `,
  // What all nodes together had to lend.
  `
  CREATE TABLE lent_hours (
    hour_ms INTEGER PRIMARY KEY,
    from_ms INTEGER NOT NULL, -- the first and the last moment that counted
    until_ms INTEGER NOT NULL,
    core_ms INTEGER NOT NULL
  ) STRICT;
  `,
  // Running leases are kept in memory (client_rows.ts).
  `
  DROP INDEX IF EXISTS leases_running;
  `,
];

/** The version of the tables that this program reads and writes. */
export const SCHEMA_VERSION = MIGRATIONS.length;

/**
 * Migrates the database.
 *
 * @param upTo the target version. Tests of a migration start from an older one.
 * @throws {StateUnavailableError} if a newer program wrote it.
 */
export function migrate(db: DatabaseSync, upTo: number = SCHEMA_VERSION): void {
  const row = db.prepare("PRAGMA user_version").get() as { user_version: number };
  const version = row.user_version;
  if (version > SCHEMA_VERSION) {
    throw new StateUnavailableError(
      `Cannot open state: its schema version ${version} is newer than ${SCHEMA_VERSION}`,
    );
  }
  for (const [offset, step] of MIGRATIONS.slice(version, upTo).entries()) {
    db.exec(`BEGIN IMMEDIATE; ${step} PRAGMA user_version = ${version + offset + 1}; COMMIT;`);
  }
}
