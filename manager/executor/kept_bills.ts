/** Last totals that could not be told before the node's manager ended: they lie in its state folder until its next start. */

import { type BillReport, billReportSchema } from "../../runtime/http/bill_api.ts";
import * as v from "../../runtime/valibot.ts";
import { getLogger } from "../log.ts";

const FILE = "bills.json";

/** Writes them, or takes the file away when there are none. */
export async function keepBills(stateDir: string, bills: readonly BillReport[]): Promise<void> {
  const path = `${stateDir}/${FILE}`;
  if (bills.length === 0) return await removeIfThere(path);
  await Deno.mkdir(stateDir, { recursive: true, mode: 0o700 });
  // Beside and renamed: a crash leaves no half of it.
  await Deno.writeTextFile(`${path}.new`, JSON.stringify(bills), { mode: 0o600 });
  await Deno.rename(`${path}.new`, path);
}

/** Those that the last one kept. What can't be read is told to the log: a node must start all the same. */
export async function keptBills(stateDir: string): Promise<BillReport[]> {
  try {
    const text = await Deno.readTextFile(`${stateDir}/${FILE}`);
    return v.parse(v.array(billReportSchema), JSON.parse(text));
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) {
      getLogger(["rfaas", "executor-manager"]).warn("kept bills can't be read: {error}", {
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
