/** The table and the picture of docs/operations/slurm.md. */
import { assertEquals } from "@std/assert";
import { slurmDay, slurmMonth } from "../../bench/simulation/slurm_month.ts";
import { tableRows } from "../support/docs/table_rows.ts";

const docs = new URL("../../docs/", import.meta.url);

Deno.test("the table of the simulated month is what the simulation prints", async () => {
  const page = await Deno.readTextFile(new URL("operations/slurm.md", docs));
  const section = page.split("## A month of a cluster\n")[1]!.split("\n## ")[0]!;
  assertEquals(tableRows(section), tableRows(slurmMonth(1)));
});

Deno.test("the picture of the simulated day is what the simulation draws", async () => {
  const picture = await Deno.readTextFile(new URL("pictures/slurm-day.svg", docs));
  const numbers = (svg: string) => svg.match(/[\d.]+/g); // its white space is that of `deno fmt`
  assertEquals(numbers(picture), numbers(slurmDay(1)));
});
