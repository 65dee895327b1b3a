/** `rfaas bill`: what leases have had, and what that costs. */

import { type Command, InvalidArgumentError, Option } from "commander";
import type { Bill, BillList } from "../runtime/http/bill_api.ts";
import { ManagerClient } from "../runtime/http/manager_client.ts";
import { amountsOf, costOf, gibSeconds, seconds, secondsText, sumOf } from "./bill_amounts.ts";
import { addManagerOptions, findManager, type ManagerOptions } from "./manager_options.ts";
import { type CommonOptions, newCommand } from "./new_command.ts";
import { table } from "./table.ts";

interface Options extends CommonOptions, ManagerOptions {
  client?: string;
  since?: number;
  json?: true;
  csv?: true;
}

export function billCommand(): Command {
  return addManagerOptions(
    newCommand(
      "bill",
      "Tell what leases have had of nodes, and what that costs by the prices in the resource " +
        "manager's configuration: your own with a client token, all with an operator's.",
      `$ rfaas bill
    $ rfaas bill --client ada --since 2026-11-01 --csv > november.csv`,
    ),
  )
    .option("--client <name>", "the bills of one client")
    .option("--since <time>", "those that grew since then, such as 2026-11-01T12:00Z", readTime)
    .addOption(new Option("--json", "print one line of JSON, durations in nanoseconds"))
    .addOption(new Option("--csv", "print CSV, durations in seconds").conflicts("json"))
    .action(printBills);
}

async function printBills(options: Options): Promise<void> {
  using manager = new ManagerClient(await findManager(options));
  const { client, since: sinceMs } = options;
  const list = await manager.allBills({
    ...(client === undefined ? {} : { client }),
    ...(sinceMs === undefined ? {} : { sinceMs }),
  });
  if (options.json) return console.log(JSON.stringify(list));
  if (options.csv) return console.log(csvOf(list));
  if (list.bills.length === 0) return console.log("There are no bills");
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

/** Names of clients, ids and numbers only: none of these needs quotes. */
function csvOf({ bills, prices }: BillList): string {
  const lines = bills.map((bill) => {
    const amounts = amountsOf(bill);
    return [
      bill.client,
      bill.lease,
      bill.node,
      bill.epoch,
      bill.workers,
      bill.memoryBytes,
      sinceOf(bill),
      secondsText(BigInt(bill.heldNs)),
      secondsText(amounts.coreNs),
      gibSeconds(amounts),
      secondsText(amounts.computeNs),
      secondsText(amounts.pollNs),
      costOf(amounts, prices),
    ].join(",");
  });
  const head = "client,lease,node,epoch,workers,memory_bytes,since,held_s,core_s,gib_s," +
    "compute_s,poll_s,cost";
  return [head, ...lines].join("\n");
}

function sinceOf(bill: Bill): string {
  return new Date(bill.sinceMs).toISOString();
}

/** A number, so that it stands to the right, with as many digits as matter. */
function rounded(value: number): number {
  return Number(value.toFixed(6));
}

function readTime(text: string): number {
  const ms = Date.parse(text);
  if (!(ms >= 0)) throw new InvalidArgumentError("It is not a time such as 2026-11-01T12:00Z.");
  return ms;
}
