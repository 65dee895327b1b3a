import { assertEquals } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import {
  migrate,
  SCHEMA_VERSION,
} from "../../../../manager/resource/store/sqlite/sqlite_schema.ts";
import { ManagerClient } from "../../../../runtime/http/manager_client.ts";
import { TestManager } from "../../../support/manager/test_manager.ts";

/** Inserts rows with the statements of version 1. */
function fill(db: DatabaseSync, hash: string, nowMs: number): void {
  const lease = "a".repeat(32);
  const node = "b".repeat(32);
  db.exec(`
    INSERT INTO nodes VALUES ('${node}', 'old', 4, 1000, '["shm:a"]', 'boot', 7, ${nowMs});
    INSERT INTO leases VALUES ('${lease}', 'ada', 1, 10, ${nowMs}, ${nowMs + 600_000}, NULL, NULL);
    INSERT INTO allocations VALUES
      ('${lease}', '${node}', 1, 10, 'claimed', ${nowMs}, ${nowMs}, NULL);
    INSERT INTO tokens VALUES ('${hash}', 'client', 'ada', ${nowMs});`);
}

Deno.test("the nodes, leases and tokens of any older version are kept", async () => {
  const token = "rfaas_client_of-long-ago";
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(token));
  const hash = new Uint8Array(digest).toHex();
  for (let version = 1; version < SCHEMA_VERSION; version++) {
    const dir = await Deno.makeTempDir({ prefix: "rfaas-test-" });
    await Deno.mkdir(`${dir}/state`);
    const db = new DatabaseSync(`${dir}/state/state.sqlite`);
    migrate(db, 1);
    fill(db, hash, Date.now());
    migrate(db, version);
    if (version >= 2) {
      db.exec(
        `UPDATE tokens SET quota = '{"workers":2,"${
          version < 10 ? 'seconds":7' : 'termMs":7000'
        }}'`,
      );
    }
    if (version >= 4) {
      db.exec(`INSERT INTO bills (lease, node, epoch, client, workers, memory_bytes, since_ms,
        until_ms, held_ns, compute_ns, poll_ns)
        VALUES ('${"a".repeat(32)}', '${"b".repeat(32)}', 7, 'ada', 1, 10, 1, 2, 3, 0, 0)`);
    }
    db.close();
    await using test = await TestManager.start({}, dir);
    const { nodes: [node] } = await test.operator.nodes();
    const { tokens } = await test.operator.tokens();
    using ada = new ManagerClient({ url: test.url, token });
    const { leases: [lease] } = await ada.leases();
    const quota = tokens.find(({ name, role }) => name === "ada" && role === "client")?.quota;
    assertEquals(
      quota,
      version >= 2 ? { workers: 2, termMs: 7000 } : {},
      `from version ${version}`,
    );
    assertEquals(
      [node?.name, node?.epoch, node?.freeCores, tokens.length, lease?.lease, lease?.workers],
      ["old", 7, 3, 4, "a".repeat(32), 1],
      `from version ${version}`,
    );
    const { bills } = await ada.bills();
    assertEquals(
      bills.map(({ client, heldNs, account }) => [client, heldNs, account]),
      version >= 4 ? [["ada", "3", undefined]] : [],
      `from version ${version}`,
    );
    await ada.releaseLease(lease!.lease);
    assertEquals(await test.freeCores(), { old: 4 });
  }
});
