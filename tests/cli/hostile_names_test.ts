/** A resource manager with hostile texts: no command passes on a character that a terminal acts on. */

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import type { Command } from "commander";
import { createProgram } from "../../cli/program.ts";
import { runCli } from "../../cli/run_cli.ts";
import { visibleText } from "../../cli/visible_text.ts";
import { HOSTILE, HOSTILE_CHANGE } from "../support/manager/shown_feed.ts";

const ID = "0".repeat(32);
/** Those that JSON leaves as they are: DEL, a control of C1, a line separator, and one that changes the direction. */
const TEXTS = [...HOSTILE, "\x7f\x9b31mred\u2028line\u202e"];
/** Commands that show texts of any form, so that they succeed. The lists of the others are refused for such names. */
const ANY_TEXT = ["events", "events --json", "top --once", "top --json"];
const COMMANDS = [
  ...ANY_TEXT,
  "nodes",
  "nodes --json",
  "leases",
  "leases --json",
  "queue",
  "queue --json",
  "bill",
  "bill --csv",
  "bill --json",
  "bill --by account",
  "report --since 2026-11-01",
  "report --since 2026-11-01 --json",
  "token create --role client --name ada",
  "token create --role client --name ada --json",
  "token list",
  "token list --json",
  "keys list",
  "keys list --json",
  "keys rotate",
  "keys rotate --json",
  "managers",
  "managers --json",
  "drain here",
  "lend here",
];

/** What the lists have, with this text in the place of each name, reason and address. */
function listOf(path: string, text: string): unknown {
  const nowMs = 1_800_000_000_000;
  const capacity = { cores: 1, freeCores: 1, memoryBytes: 1, freeMemoryBytes: 1 };
  const node = { node: ID, name: text, epoch: 1, addresses: [text], sandbox: text, ...capacity };
  const size = { workers: 1, memoryBytes: 1 };
  const used = { heldNs: "1", computeNs: "1", pollNs: "1" };
  const times = { issuedMs: 1, expiresMs: nowMs, createdMs: 1, sinceMs: 1, untilMs: 1 };
  const event = {
    seq: 1,
    atMs: nowMs,
    event: text,
    role: text,
    by: text,
    code: text,
    message: text,
  };
  const named = { name: text, client: text, role: "client", quota: {}, ...times };
  const lists: Record<string, unknown> = {
    nodes: { nodes: [{ ...node, state: "up", lastSeenMs: nowMs, limits: [] }] },
    leases: { leases: [{ lease: ID, ...named, ...size, nodes: [{ ...node, state: "claimed" }] }] },
    queue: {
      waiting: [{ place: 1, ...named, ...size, reason: { code: "full", message: text } }],
      more: 0,
    },
    bills: { prices: {}, bills: [{ lease: ID, node: ID, epoch: 1, ...named, ...size, ...used }] },
    tokens: { tokens: [named] },
    keys: { keys: [{ id: text, state: text, ...times }] },
    events: { events: [{ ...event, node: text, client: text, lease: text }], last: "1", missed: 1 },
    health: { version: text, leader: text },
  };
  const [, , name = ""] = path.split("/");
  return { nowMs, ...Object(lists[name]) };
}

/** One node that is fit for a list. */
const NODES = {
  nowMs: 1_800_000_000_000,
  nodes: [{
    ...{ node: ID, name: "n1", state: "draining", epoch: 1, addresses: [], sandbox: "none" },
    ...{ cores: 1, freeCores: 0, maxCores: 1, memoryBytes: 1, freeMemoryBytes: 1 },
    ...{ lastSeenMs: 1, limits: [], drainedBy: ["operator"], revision: 1, isSettled: true },
  }],
};

/** A stream whose usage is known after its second change, with this text in the place of the names of a lease. */
function feedOf(text: string): Response {
  const { nowMs, leases, nodes, waiting } = HOSTILE_CHANGE;
  const change = {
    ...HOSTILE_CHANGE,
    leases: [{ ...leases[0], client: text }],
    nodes: [{ ...nodes[0], name: text }],
    waiting: [{ ...waiting[0], client: text, reason: text }],
  };
  const later = { ...change, nowMs: nowMs + 60_000 };
  return new Response([change, later].map((each) => `data: ${JSON.stringify(each)}\n\n`).join(""));
}

/** Runs a command in this process. @returns its status and what it printed. */
async function run(args: readonly string[]): Promise<{ status: number; shown: string }> {
  const { log, error } = console;
  const { writeSync } = Deno.stdout;
  let shown = "";
  console.log = console.error = (...texts: unknown[]) => void (shown += `${texts.join(" ")}\n`);
  Deno.stdout.writeSync = (bytes) => {
    shown += new TextDecoder().decode(bytes);
    return bytes.length;
  };
  try {
    return { status: await runCli(createProgram(), args), shown };
  } finally {
    Object.assign(console, { log, error });
    Deno.stdout.writeSync = writeSync;
  }
}

/** The commands below this one that print JSON of a resource manager. */
function jsonCommands(command: Command, path = ""): string[] {
  const flags = command.options.map(({ long }) => long);
  const isOne = flags.includes("--json") && flags.includes("--manager");
  const below = command.commands.flatMap((each) => jsonCommands(each, `${path} ${each.name()}`));
  return [...isOne ? [path.trim()] : [], ...below];
}

Deno.test("the commands of this test are all that print JSON of a resource manager", () => {
  const tested = COMMANDS.filter((each) => each.endsWith(" --json"));
  const names = tested.map((each) => each.replace(/ --.*/, ""));
  const found = jsonCommands(createProgram()).filter((name) => name !== "executor-manager");
  assertEquals(found.sort(), names.sort()); // an executor manager prints what it was started with
});

Deno.test("each command that prints texts of a resource manager shows the characters of a terminal by number", async () => {
  const tokenFile = await Deno.makeTempFile({ prefix: "rfaas-test-" });
  await Deno.writeTextFile(tokenFile, "x");
  let respond: (path: string) => Response = () => new Response();
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    (request) => respond(new URL(request.url).pathname),
  );
  const options = ["--manager", `http://127.0.0.1:${server.addr.port}`];
  try {
    for (const text of TEXTS) {
      const lists = (path: string) =>
        path === "/ui/live" ? feedOf(text) : Response.json(listOf(path, text));
      const refusal = { error: { code: text, message: text } };
      for (const mode of [lists, () => Response.json(refusal, { status: 400 })]) {
        respond = mode;
        for (const command of COMMANDS) {
          const token = command.startsWith("managers") ? [] : ["--token-file", tokenFile];
          const { status, shown } = await run([...command.split(" "), ...options, ...token]);
          assertMatch(shown, /\S/, `${command} printed nothing`);
          assertEquals(shown.match(/[^\n\P{Cc}]|[\p{Cf}\p{Zl}\p{Zp}]/gu), null, command);
          if (mode !== lists || !ANY_TEXT.includes(command)) continue;
          assertEquals(status, 0, `${command}: ${shown}`);
          if (!command.endsWith("--json")) continue;
          const lines = shown.trimEnd().split("\n").map((line) => JSON.parse(line));
          assertStringIncludes(JSON.stringify(lines), JSON.stringify(text), command);
        }
      }
    }
  } finally {
    await Deno.remove(tokenFile);
  }
});

Deno.test("`rfaas slurm lend` shows why a node is not lent without the characters of a terminal", async () => {
  const jobs = await Deno.makeTempDir({ prefix: "rfaas-test-" });
  const tokenFile = `${jobs}/token`;
  await Deno.writeTextFile(tokenFile, "x", { mode: 0o600 });
  let message = "";
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    ({ method }) =>
      method === "GET"
        ? Response.json(NODES)
        : Response.json({ error: { code: "drained", message } }, { status: 409 }),
  );
  try {
    for (message of TEXTS) {
      const { status, shown } = await run([
        ...["slurm", "lend", "--node", "n1", "--job", "1", "--jobs", jobs],
        ...["--manager", `http://127.0.0.1:${server.addr.port}`, "--token-file", tokenFile],
      ]);
      assertEquals([status, shown], [0, `${visibleText(message)}\n`]);
      assertEquals(shown.match(/[^\n\P{Cc}]|[\p{Cf}\p{Zl}\p{Zp}]/gu), null);
    }
  } finally {
    await Deno.remove(jobs, { recursive: true });
  }
});
