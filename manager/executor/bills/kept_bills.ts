/** Keeps final totals that were not reported before the executor manager ended, in its state folder until its next start. */

import { type BillReport, billReportSchema } from "../../../runtime/http/bill_api.ts";
import * as v from "../../../runtime/valibot.ts";
import { getLogger } from "../../log.ts";

const FILE = "bills.json";

/** Writes the bills, or removes the file when there are none. */
export async function keepBills(stateDir: string, bills: readonly BillReport[]): Promise<void> {
  const path = `${stateDir}/${FILE}`;
  if (bills.length === 0) return await removeIfThere(path);
  await Deno.mkdir(stateDir, { recursive: true, mode: 0o700 });
  // Written beside and renamed: a crash leaves the whole old file or the whole new one.
  await Deno.writeTextFile(`${path}.new`, JSON.stringify(bills), { mode: 0o600 });
  await Deno.rename(`${path}.new`, path);
}

/** Returns the bills that the last start kept. A file that cannot be read is logged and ignored: the node has to start. */
export async function keptBills(stateDir: string): Promise<BillReport[]> {
  try {
    const text = await Deno.readTextFile(`${stateDir}/${FILE}`);
    return v.parse(v.array(billReportSchema), JSON.parse(text));
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) {
      getLogger(["rfaas", "executor-manager", "bills"]).warn("cannot read kept bills: {error}", {
        error: (error as Error).message,
      });
    }
    return [];
  }
}

async function removeIfThere(path: string): Promise<void> {
  try {
    await Deno.remove(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
