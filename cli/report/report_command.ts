/** `rfaas report`: what was leased in a period, and how long drained nodes took. */

import type { Command } from "commander";
import type { ClusterEvent } from "../../runtime/http/event_api.ts";
import type { LentHour } from "../../runtime/http/manager_api.ts";
import { ManagerClient } from "../../runtime/http/manager_client.ts";
import { UnauthorizedError } from "../../runtime/errors.ts";
import { seconds } from "../bill_amounts.ts";
import { NO_ACCOUNT } from "../bill_sums.ts";
import { jsonText } from "../json_text.ts";
import { addManagerOptions, findManager, type ManagerOptions } from "../options/manager_options.ts";
import { readTime } from "../options/time_argument.ts";
import { type DrainRecords, drainsIn } from "./drains.ts";
import { type Leased, leasedIn, type Period } from "./leased.ts";
import { type Lent, lentIn } from "./lent.ts";
import { table } from "../table.ts";
import { type CommonOptions, newCommand } from "../commands/new_command.ts";

interface Options extends CommonOptions, ManagerOptions {
  since: number;
  until?: number;
  json?: true;
}

export function reportCommand(): Command {
  return addManagerOptions(
    newCommand(
      "report",
      "Show what was leased in a period, how much that is of what nodes had to lend, and how long drained nodes took to " +
        "be free. Core-seconds and leases are those of the bills, which are never deleted: of a bill that is in the period in part, this part. Drains are those of " +
        "the last 4,096 events of nodes, tokens and keys; the report shows since when they are kept. A delay is the time " +
        "from the drain until the last lease there ended. A client token shows its own leases alone, an operator token all.",
      `$ rfaas report --since 2026-11-01 --until 2026-12-01`,
    ),
    "client or operator",
  )
    .summary("Show what was leased in a period, and how long drained nodes took to be free.")
    .requiredOption("--since <time>", "Begin of the period, such as 2026-11-01T12:00Z", readTime)
    .option("--until <time>", "End of the period, now if it is left out", readTime)
    .option("--json", "Print one line of JSON, core time in nanoseconds")
    .action(printReport);
}

async function printReport({ since: sinceMs, until, ...options }: Options): Promise<void> {
  using manager = new ManagerClient(await findManager(options));
  // In this order: a lease that ends meanwhile has its last bill, or is taken to run.
  const { leases: running } = await manager.leases();
  const { bills, nowMs } = await manager.allBills({ sinceMs });
  const events = await allEvents(manager);
  const hours = await lentHours(manager, sinceMs);
  const period = { sinceMs, untilMs: Math.min(until ?? nowMs, nowMs) };
  if (period.untilMs <= sinceMs) {
    throw new Error(`Cannot report: the period ends before it begins, at ${timeText(sinceMs)}`);
  }
  const leased = leasedIn(period, bills);
  const drains = drainsIn(period, { events, bills, running });
  const lent = lentIn(period, hours, bills);
  if (!options.json) return console.log(reportText(period, leased, lent, drains));
  console.log(jsonText({
    ...{ nowMs, ...period },
    leased: leased.map((sum) => ({ ...sum, coreNs: `${sum.coreNs}` })),
    lent: lent === undefined
      ? null
      : { ...lent, coreNs: `${lent.coreNs}`, leasedNs: `${lent.leasedNs}` },
    drains: drains ?? null,
  }));
}

/** None with the token of a client: an operator's alone shows them. */
async function lentHours(manager: ManagerClient, sinceMs: number): Promise<readonly LentHour[]> {
  try {
    return (await manager.lentHours(sinceMs)).hours;
  } catch (error) {
    if (error instanceof UnauthorizedError) return [];
    throw error;
  }
}

async function allEvents(manager: ManagerClient): Promise<ClusterEvent[]> {
  const all: ClusterEvent[] = [];
  for (let after: string | undefined = "0"; after !== undefined;) {
    const { events, next } = await manager.events({ after });
    all.push(...events);
    after = next;
  }
  return all;
}

function reportText(
  period: Period,
  leased: readonly Leased[],
  lent: Lent | undefined,
  drains: DrainRecords | undefined,
): string {
  const parts = [
    `From ${timeText(period.sinceMs)} to ${timeText(period.untilMs)}`,
    leased.length === 0 ? "No leases" : leasedTable(leased),
  ];
  if (lent !== undefined) parts.push(lentText(period, lent));
  if (drains === undefined) return parts.join("\n\n");
  parts.push(drains.by.length === 0 ? "No drains of nodes" : drainsTable(drains));
  if (drains.keptSinceMs > period.sinceMs) {
    parts.push(`Drains before ${timeText(drains.keptSinceMs)} are not known`);
  }
  return parts.join("\n\n");
}

function leasedTable(leased: readonly Leased[]): string {
  const row = (account: string, client: string, leases: number, coreNs: bigint) => [
    ...[account, client, leases],
    Number(seconds(coreNs).toFixed(3)),
  ];
  return table(["ACCOUNT", "CLIENT", "LEASES", "CORE-S"], [
    ...leased.map(({ account, client, leases, coreNs }) =>
      row(account ?? NO_ACCOUNT, client, leases, coreNs)
    ),
    row(
      "total",
      "",
      leased.reduce((sum, { leases }) => sum + leases, 0),
      leased.reduce((sum, { coreNs }) => sum + coreNs, 0n),
    ),
  ]);
}

function lentText({ sinceMs }: Period, lent: Lent): string {
  const lentSeconds = seconds(lent.coreNs);
  const percent = lentSeconds === 0 ? 0 : 100 * seconds(lent.leasedNs) / lentSeconds;
  const text = `Nodes had ${lentSeconds.toFixed(3)} core-s to lend, of which ${
    percent.toFixed(1)
  } % were leased`;
  return lent.sinceMs > sinceMs ? `${text}. Both since ${timeText(lent.sinceMs)}` : text;
}

function drainsTable({ by }: DrainRecords): string {
  return table(
    ["DRAINED BY", "DRAINS", "WITHDRAWN", "UNFINISHED", "P50-MS", "P99-MS"],
    by.map(({ by, drains, withdrawn, unfinished, p50Ms, p99Ms }) => [
      ...[by, drains, withdrawn, unfinished],
      ...[p50Ms ?? "-", p99Ms ?? "-"],
    ]),
  );
}

function timeText(ms: number): string {
  return new Date(ms).toISOString();
}
