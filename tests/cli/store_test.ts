import { assertEquals, assertMatch } from "@std/assert";
import { openStore } from "../../manager/resource/store/open_store.ts";
import { rfaas } from "../support/cluster/rfaas_command.ts";
import { nodeRow } from "../support/manager/store_rows.ts";
import { withFolder } from "../support/processes/resource_manager_process.ts";

Deno.test("rfaas store copy prints the digest of each table, and refuses a store that has rows", () =>
  withFolder(async (folder) => {
    const [from, to] = ["one", "two"].map((name) => `sqlite:${folder}/${name}.sqlite`);
    const store = await openStore(folder, { address: from! });
    await store.transact((tx) => tx.putNode(nodeRow("a")));
    await store.close();
    const args = ["store", "copy", "--state", folder, "--from", from!, "--to", to!];
    const { code, stdout } = await rfaas(args);
    assertEquals(code, 0);
    assertMatch(
      stdout,
      /^TABLE +ROWS +SHA-256.*\nnodes +1 +[0-9a-f]{64}\nleases +0 +[0-9a-f]{64}\n/,
    );
    const again = await rfaas(args);
    assertEquals(again.code, 1);
    assertMatch(again.stderr, /Cannot copy store: sqlite:\S+ has rows already/);
  }));
