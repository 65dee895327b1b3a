import { assertEquals } from "@std/assert";
import { nodeNamed } from "../../cli/node_named.ts";
import type { NodePageQuery } from "../../runtime/http/manager_api.ts";
import { TestManager } from "../support/manager/test_manager.ts";

Deno.test("`nodeNamed()` requests one node, not the list", async () => {
  await using test = await TestManager.start();
  const { node } = await test.register("n1");
  await test.register("n10");
  const queries: NodePageQuery[] = [];
  const manager = {
    nodePage: (query: NodePageQuery = {}) => {
      queries.push(query);
      return test.operator.nodePage(query);
    },
  };
  assertEquals((await nodeNamed(manager, "n1"))?.node, node);
  assertEquals(await nodeNamed(manager, "n"), undefined);
  assertEquals(queries, [{ name: "n1" }, { name: "n" }]);
});

Deno.test("`nodeNamed()` returns no other node if a resource manager does not select", async () => {
  await using test = await TestManager.start();
  await test.register("n1");
  const manager = { nodePage: () => test.operator.nodePage() };
  assertEquals(await nodeNamed(manager, "n2"), undefined);
  assertEquals((await nodeNamed(manager, "n1"))?.name, "n1");
});
