/** `rfaas bill`: what leases have used, and what that costs. */

import { stringify } from "@std/csv";
import { type Command, InvalidArgumentError, Option } from "commander";
import type { Bill, BillList } from "../../runtime/http/bill_api.ts";
import { ManagerClient } from "../../runtime/http/manager_client.ts";
import { amountsOf, costOf, gibSeconds, seconds, secondsText, sumOf } from "../bill_amounts.ts";
import { jsonText } from "../json_text.ts";
import { addManagerOptions, findManager, type ManagerOptions } from "../options/manager_options.ts";
import { tryParseTime } from "../options/time_argument.ts";
import { type CommonOptions, newCommand } from "./new_command.ts";
import { sacctText } from "../sacct_text.ts";
import { table } from "../table.ts";

interface Options extends CommonOptions, ManagerOptions {
  client?: string;
  since?: number;
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
    $ rfaas bill --client ada --since 2026-11-01 --csv > november.csv`,
    ),
    "client or operator",
  )
    .option("--client <name>", "Only the bills of this client")
    .option(
      "--since <time>",
      "Only bills that changed since then, such as 2026-11-01T12:00Z",
      readTime,
    )
    .addOption(new Option("--json", "Print one line of JSON, durations in nanoseconds"))
    .addOption(new Option("--csv", "Print CSV, durations in seconds").conflicts("json"))
    .addOption(
      new Option("--format <name>", "Print a line for each lease, in the columns of Slurm's sacct")
        .choices(["sacct"]).conflicts(["json", "csv"]),
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
  if (options.json) return console.log(jsonText(list));
  if (options.csv) return console.log(csvOf(list));
  if (list.bills.length === 0) return console.log("No bills");
  console.log(tableOf(list));
}

function tableOf({ bills, prices }: BillList): string {
  const amounts = bills.map(amountsOf);
  const total = sumOf(amounts);
  const row = (head: string[], of: typeof total) => [
    ...head,
    rounded(seconds(of.coreNs)),
    rounded(gibSeconds(of)),
    rounded(seconds(of.computeNs)),
    rounded(seconds(of.pollNs)),
    rounded(costOf(of, prices)),
  ];
  return table(
    ["LEASE", "CLIENT", "SINCE", "CORE-S", "GIB-S", "COMPUTE-S", "POLL-S", "COST"],
    [
      ...bills.map((bill, i) => row([bill.lease, bill.client, sinceOf(bill)], amounts[i]!)),
      row(["total", "", ""], total),
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
    };
  });
  // LF in place of CRLF, for Unix tools. No cell contains a line break.
  return stringify(rows, { columns: CSV_COLUMNS }).replaceAll("\r\n", "\n").trimEnd();
}

function sinceOf(bill: Bill): string {
  return new Date(bill.sinceMs).toISOString();
}

/** Six digits after the point. A number, so that the table aligns it to the right. */
function rounded(value: number): number {
  return Number(value.toFixed(6));
}

function readTime(text: string): number {
  const ms = tryParseTime(text);
  if (ms === undefined) throw new InvalidArgumentError("Expected a time such as 2026-11-01T12:00Z");
  return ms;
}
