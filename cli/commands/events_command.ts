/** `rfaas events`: what happened to leases, nodes, tokens and keys. */

import { type Command, InvalidArgumentError, Option } from "commander";
import type { EventPageQuery } from "../../runtime/http/event_api.ts";
import { ManagerClient } from "../../runtime/http/manager_client.ts";
import { MAX_PAGE_ENTRIES } from "../../runtime/http/page_api.ts";
import { eventPages } from "../events/event_pages.ts";
import { eventText, missedText } from "../events/event_text.ts";
import { printLine } from "../events/print_line.ts";
import { jsonText } from "../json_text.ts";
import { addManagerOptions, findManager, type ManagerOptions } from "../options/manager_options.ts";
import { integerFrom } from "../options/number_argument.ts";
import { tryParseTime } from "../options/time_argument.ts";
import { ShutdownSignal } from "../shutdown_signal.ts";
import { visibleText } from "../visible_text.ts";
import { type CommonOptions, newCommand } from "./new_command.ts";

/** When something happened: a time, or how long before now. */
type Since = { readonly ms: number } | { readonly agoMs: number };

interface Options extends CommonOptions, ManagerOptions {
  follow?: true;
  lease?: string;
  node?: string;
  client?: string;
  since?: Since;
  newest?: number;
  json?: true;
}

export function eventsCommand(): Command {
  return addManagerOptions(
    newCommand(
      "events",
      "Show what happened to leases, nodes, tokens and keys, oldest first, with the reason and the actor. A client token " +
        "shows what happened to its own leases, an operator token everything.",
      `$ rfaas events --newest 20 --follow
    $ rfaas events --since 10m --node n1 --json`,
    ).summary(
      "Show what happened to leases, nodes, tokens and keys, with the reason and the actor.",
    ),
    "client or operator",
  )
    .option("-f, --follow", "Go on with what happens, until Ctrl-C")
    .option("--lease <id>", "Only events of this lease, and of leases that replaced it")
    .option("--node <name>", "Only events of this node, by its name or its id")
    .option("--client <name>", "Only events of leases of this client")
    .option("--since <time>", "Only events since then, such as 10m or 2026-11-01T12:00Z", readSince)
    .addOption(
      new Option("--newest <count>", `Only the last ones, ${MAX_PAGE_ENTRIES} at most`)
        .argParser(newestCount),
    )
    .option("--json", "Print one line of JSON for each event")
    .action(printEvents);
}

async function printEvents(options: Options): Promise<void> {
  using manager = new ManagerClient(await findManager(options));
  using shutdown = new ShutdownSignal();
  const { json = false, follow = false } = options;
  const print = (value: unknown) => printLine(jsonText(value));
  const pages = eventPages({
    manager,
    query: await queryOf(options, manager, shutdown.signal),
    follow,
    signal: shutdown.signal,
    onState: (failure) =>
      console.error(
        failure === undefined ? "Connected again" : visibleText(`${failure.message}; trying again`),
      ),
    onReset: () => console.error("The state is an older one: its events follow"),
  });
  let count = 0;
  for await (const { events, missed } of pages) {
    if (missed > 0) {
      if (json) print({ missed });
      else console.error(missedText(missed));
    }
    for (const event of events) {
      if (json) print(event);
      else printLine(eventText(event));
    }
    count += events.length;
  }
  if (count === 0 && !json && !follow) console.log("No events");
}

async function queryOf(
  { lease, node, client, since, newest }: Options,
  manager: ManagerClient,
  signal: AbortSignal,
): Promise<EventPageQuery> {
  const sinceMs = since === undefined ? undefined : "ms" in since
    ? since.ms
    // The clock of this host may differ from that of the resource manager.
    : Math.max(0, (await manager.events({ newest: 1 }, signal)).nowMs - since.agoMs);
  return {
    ...(lease === undefined ? {} : { lease }),
    ...(node === undefined ? {} : { node }),
    ...(client === undefined ? {} : { client }),
    ...(sinceMs === undefined ? {} : { sinceMs }),
    ...(newest === undefined ? {} : { newest }),
  };
}

const UNITS_MS: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

function readSince(text: string): Since {
  const [, count, unit] = /^([0-9]{1,9})([smhd])$/.exec(text) ?? [];
  if (unit !== undefined) return { agoMs: Number(count) * UNITS_MS[unit]! };
  const ms = tryParseTime(text);
  if (ms !== undefined) return { ms };
  throw new InvalidArgumentError(
    "Expected a duration such as 10m, or a time such as 2026-11-01T12:00Z",
  );
}

function newestCount(text: string): number {
  const count = integerFrom(1)(text);
  if (count <= MAX_PAGE_ENTRIES) return count;
  throw new InvalidArgumentError(`Expected at most ${MAX_PAGE_ENTRIES}`);
}
