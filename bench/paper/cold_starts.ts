/** Cold starts by their steps, in each sandbox of this host, and the same from the node's pool. */

import { needProgram } from "../peers/installed.ts";
import { toRow } from "../rows.ts";
import { PHASES, SANDBOXES, type Start, takeStarts } from "../suites/cold_suite.ts";
import type { Bench } from "../suites/suite.ts";
import { partPath } from "./row_paths.ts";

export const COLD_STARTS = "paper cold starts";
const LEASES = { full: 12, quick: 2 };
const POOL_MAX = 4;
export async function measureColdStarts(bench: Bench): Promise<void> {
  const leases = bench.quick ? LEASES.quick : LEASES.full;
  for (const [sandbox, program] of SANDBOXES) {
    await bench.attempt(`${COLD_STARTS} in ${sandbox}`, async () => {
      if (program !== undefined) await needProgram(program);
      for (const [kind, poolMax] of [["cold", 0], ["pooled", POOL_MAX]] as const) {
        const starts = await takeStarts(bench, { sandbox, poolMax, leases });
        addRows(bench, sandbox, kind, starts.filter(({ startup }) => startup.start === kind));
      }
    });
  }
}

/** A row for each step that takes time, and one for all together. */
function addRows(bench: Bench, sandbox: string, kind: string, starts: readonly Start[]): void {
  const group = `${sandbox === "none" ? "no sandbox" : sandbox}, ${kind}`;
  const add = (part: string, us: readonly number[]) => {
    if (us.some((value) => value > 0)) {
      bench.add(toRow(COLD_STARTS, partPath({ group, part }), 0, us));
    }
  };
  for (const phase of PHASES) {
    add(phase.slice(0, -"Ms".length), starts.map(({ startup }) => 1000 * startup[phase]));
  }
  add("first call", starts.map(({ firstCallMs }) => 1000 * firstCallMs));
  add("all", starts.map(({ us }) => us));
}
