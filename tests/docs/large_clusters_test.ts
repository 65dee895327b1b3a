/** The tables of docs/operations/large-clusters.md. */
import { assertEquals } from "@std/assert";
import { largeCluster } from "../../bench/simulation/large_cluster.ts";
import { tableRows } from "../support/docs/table_rows.ts";

Deno.test("the tables of the large cluster are what the simulation prints", async () => {
  const page = await Deno.readTextFile(
    new URL("../../docs/operations/large-clusters.md", import.meta.url),
  );
  assertEquals(tableRows(page), tableRows(largeCluster(1)));
});
