/** The statements of a group of changes: none runs outside the group's transaction. */

import { assertEquals, assertThrows } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { SqliteStatements } from "../../../../manager/resource/store/sqlite/sqlite_statements.ts";

Deno.test("a statement after one whose transaction could not begin is in a transaction, or fails too", async () => {
  const folder = await Deno.makeTempDir({ prefix: "rfaas-test-" });
  try {
    using db = new DatabaseSync(`${folder}/state.db`, { timeout: 0 });
    using other = new DatabaseSync(`${folder}/state.db`, { timeout: 0 });
    db.exec("CREATE TABLE t (n INTEGER)");
    const statements = new SqliteStatements(db);
    const insert = statements.write("INSERT INTO t VALUES (?)");
    const count = () => db.prepare("SELECT count(*) AS n FROM t").get()!.n;
    other.exec("BEGIN IMMEDIATE");
    statements.open();
    assertThrows(() => insert(1), Error, "locked");
    assertThrows(() => insert(2), Error, "locked");
    other.exec("ROLLBACK");
    insert(3);
    assertEquals(count(), 1);
    statements.rollBack();
    assertEquals(count(), 0);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
