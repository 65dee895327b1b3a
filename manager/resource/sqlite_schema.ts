/** The tables of the resource manager in SQLite, as steps from one version to the next. */
import type { DatabaseSync } from "node:sqlite";
import { StateUnavailable } from "../state_dir.ts";

/** Step N brings a database from `user_version` N to N + 1. A step that was released never changes. */
const migrations: readonly string[] = [
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
  ALTER TABLE tokens ADD COLUMN quota TEXT NOT NULL DEFAULT '{}'; -- JSON: what a client may have
  CREATE INDEX leases_of_client ON leases (client) WHERE ended_ms IS NULL;
  `,
  // Who is live or a candidate is kept in memory now (node_rows.ts).
  `
  DROP INDEX IF EXISTS allocations_live;
  DROP INDEX IF EXISTS allocations_candidate;
  DROP INDEX IF EXISTS leases_issued; -- of use at the start only
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
  ALTER TABLE nodes ADD COLUMN drain_ms INTEGER; -- the notice of a node that is to be drained
  `,
  `
  ALTER TABLE keys ADD COLUMN signs_from_ms INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE keys ADD COLUMN drop_ms INTEGER; -- null until another key signs
  `,
  `
  DROP INDEX IF EXISTS leases_of_client; -- what clients have is kept in memory (client_rows.ts)
  `,
  // A lease that has moved is another one, and counts as the one that it was.
  `
  ALTER TABLE leases ADD COLUMN root TEXT NOT NULL DEFAULT '';
  ALTER TABLE leases ADD COLUMN root_workers INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE leases ADD COLUMN root_memory_bytes INTEGER NOT NULL DEFAULT 0;
  UPDATE leases SET root = id, root_workers = workers, root_memory_bytes = memory_bytes;
  `,
  // The order of bills, in which they are read page by page.
  `
  CREATE INDEX bills_admitted ON bills (since_ms, lease, node, epoch);
  CREATE INDEX bills_of_client_admitted ON bills (client, since_ms, lease, node, epoch);
  `,
];

/** The version of the tables that this program reads and writes. */
export const schemaVersion = migrations.length;

/**
 * Brings the database to a version.
 *
 * @param upTo an older version than the newest is for tests of the way from there.
 * @throws {StateUnavailable} if a newer program wrote it.
 */
export function migrate(db: DatabaseSync, upTo: number = schemaVersion): void {
  const row = db.prepare("PRAGMA user_version").get() as { user_version: number };
  const version = row.user_version;
  if (version > schemaVersion) {
    throw new StateUnavailable(
      `Cannot open state: its schema version ${version} is newer than ${schemaVersion}`,
    );
  }
  for (const [offset, step] of migrations.slice(version, upTo).entries()) {
    db.exec(`BEGIN IMMEDIATE; ${step} PRAGMA user_version = ${version + offset + 1}; COMMIT;`);
  }
}
