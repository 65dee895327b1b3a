/** `rfaas bill`: what leases have used, and what that costs. */

import { type Command, Option } from "commander";
import type { Bill, BillList } from "../../runtime/http/bill_api.ts";
import { ManagerClient } from "../../runtime/http/manager_client.ts";
import { amountsOf, costOf, gibSeconds, secondsText, sumOf } from "../bill_amounts.ts";
import {
  AMOUNT_HEADS,
  cellsOf,
  csvText,
  NO_ACCOUNT,
  type SumKey,
  sumsCsv,
  sumsJson,
  sumsTable,
} from "../bill_sums.ts";
import { jsonText } from "../json_text.ts";
import { addManagerOptions, findManager, type ManagerOptions } from "../options/manager_options.ts";
import { readTime } from "../options/time_argument.ts";
import { type CommonOptions, newCommand } from "./new_command.ts";
import { sacctText } from "../sacct_text.ts";
import { table } from "../table.ts";

interface Options extends CommonOptions, ManagerOptions {
  client?: string;
  since?: number;
  by?: SumKey;
  json?: true;
  csv?: true;
  format?: "sacct";
}

export function billCommand(): Command {
  return addManagerOptions(
    newCommand(
      "bill",
      "Show what leases have used, and the cost by the prices in the resource manager's configuration. " +
        "A client token shows its own leases, an operator token all.",
      `$ rfaas bill
    $ rfaas bill --by account
    $ rfaas bill --client ada --since 2026-11-01 --csv > november.csv`,
    ).summary("Show what leases have used, and the cost."),
    "client or operator",
  )
    .option("--client <name>", "Only the bills of this client")
    .option(
      "--since <time>",
      "Only bills that changed since then, such as 2026-11-01T12:00Z",
      readTime,
    )
    .addOption(
      new Option("--by <name>", "Print the sum of each client or account in place of the bills")
        .choices(["client", "account"]),
    )
    .addOption(new Option("--json", "Print one line of JSON, durations in nanoseconds"))
    .addOption(new Option("--csv", "Print CSV, durations in seconds").conflicts("json"))
    .addOption(
      new Option("--format <name>", "Print a line for each lease, in the columns of Slurm's sacct")
        .choices(["sacct"]).conflicts(["json", "csv", "by"]),
    )
    .action(printBills);
}

async function printBills(options: Options): Promise<void> {
  using manager = new ManagerClient(await findManager(options));
  const { client, since: sinceMs } = options;
  const ofClient = client === undefined ? {} : { client };
  if (options.format === "sacct") {
    // Before the bills: those of a lease that ends meanwhile may not be the last ones.
    const { leases } = await manager.leases();
    const { bills } = await manager.allBills(ofClient);
    return console.log(sacctText(bills, new Set(leases.map(({ lease }) => lease)), sinceMs));
  }
  const list = await manager.allBills({
    ...ofClient,
    ...(sinceMs === undefined ? {} : { sinceMs }),
  });
  const { by } = options;
  if (options.json) {
    return console.log(jsonText(by === undefined ? list : sumsJson(by, list)));
  }
  if (options.csv) return console.log(by === undefined ? csvOf(list) : sumsCsv(by, list));
  if (list.bills.length === 0) return console.log("No bills");
  console.log(by === undefined ? tableOf(list) : sumsTable(by, list));
}

function tableOf({ bills, prices }: BillList): string {
  const amounts = bills.map(amountsOf);
  const total = sumOf(amounts);
  const row = (head: string[], of: typeof total) => [...head, ...cellsOf(of, prices)];
  return table(
    ["LEASE", "CLIENT", "ACCOUNT", "SINCE", ...AMOUNT_HEADS],
    [
      ...bills.map((bill, i) => {
        const { lease, client, account = NO_ACCOUNT } = bill;
        return row([lease, client, account, sinceOf(bill)], amounts[i]!);
      }),
      row(["total", "", "", ""], total),
    ],
  );
}

const CSV_COLUMNS = [
  "client",
  "lease",
  "node",
  "epoch",
  "workers",
  "memory_bytes",
  "since",
  "held_s",
  "core_s",
  "gib_s",
  "compute_s",
  "poll_s",
  "cost",
  "account",
] as const;

function csvOf({ bills, prices }: BillList): string {
  const rows = bills.map((bill): Record<typeof CSV_COLUMNS[number], string | number> => {
    const amounts = amountsOf(bill);
    return {
      client: bill.client,
      lease: bill.lease,
      node: bill.node,
      epoch: bill.epoch,
      workers: bill.workers,
      memory_bytes: bill.memoryBytes,
      since: sinceOf(bill),
      held_s: secondsText(BigInt(bill.heldNs)),
      core_s: secondsText(amounts.coreNs),
      gib_s: gibSeconds(amounts),
      compute_s: secondsText(amounts.computeNs),
      poll_s: secondsText(amounts.pollNs),
      cost: costOf(amounts, prices),
      account: bill.account ?? "",
    };
  });
  return csvText(rows, CSV_COLUMNS);
}

function sinceOf(bill: Bill): string {
  return new Date(bill.sinceMs).toISOString();
}
