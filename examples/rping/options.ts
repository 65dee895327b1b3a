/** What rping can be asked for. */

import { Command, InvalidArgumentError } from "commander";
import { MAX_PRIVATE_DATA_BYTES } from "../../fabric/fabric.ts";
import { LEAST_PING_BYTES, MOST_PING_BYTES } from "./ping_data.ts";

/** The port of rdma-core's rping. */
const PORT = 7174;
/** Rounds of a client that is told nothing. */
const COUNT = 10;
/** Bytes of a client's ping, as rping has it. */
const SIZE = 64;
const TIMEOUT_S = 10;

export interface RpingOptions {
  readonly role: "server" | "client";
  /** `verbs://HOST:PORT` */
  readonly address: string;
  readonly count: number | undefined;
  readonly size: number | undefined;
  readonly timeoutMs: number;
  readonly say: string;
  readonly verbose: boolean;
}

/** What an option takes when it is not given. */
export const DEFAULTS = {
  client: { count: COUNT, size: SIZE },
  server: { count: undefined, size: MOST_PING_BYTES },
} as const;

/** Reads the arguments; prints help, or what is wrong with them, and ends the process there. */
export function readRpingOptions(args: readonly string[]): RpingOptions {
  let read: RpingOptions | undefined;
  const rping = new Command("rping")
    .description("Pings over RDMA, in the protocol of rdma-core's rping.")
    .helpCommand(false)
    // Whether a terminal has colours is told by the environment, which would take a permission.
    .configureOutput({
      getOutHasColors: () => false,
      getErrHasColors: () => false,
      outputError: (text, write) => write(text.replace(/^error: /, "rping: ")),
    })
    .exitOverride((error) => Deno.exit(error.exitCode === 0 ? 0 : 2))
    .addHelpText(
      "after",
      "\nExample:\n  server$ rping.ts server 10.0.0.1\n  client$ rping.ts client 10.0.0.1 --count 1000",
    );
  for (const role of ["server", "client"] as const) {
    const server = role === "server";
    rping.command(role)
      .description(server ? "waits for one client and serves it" : "pings a server")
      .argument("<address>", `${server ? "of this host" : "of the server"}: HOST[:PORT]`, toAddress)
      .option(
        "--count <n>",
        server ? "how many rounds there must be (default: any number)" : `rounds (${COUNT})`,
        wholeNumber(1, Number.MAX_SAFE_INTEGER),
      )
      .option(
        "--size <bytes>",
        server ? `the longest ping (${MOST_PING_BYTES})` : `bytes of a ping (${SIZE})`,
        wholeNumber(LEAST_PING_BYTES, MOST_PING_BYTES),
      )
      .option("--timeout <seconds>", "for each step of the peer", wholeNumber(1, 3600), TIMEOUT_S)
      .option("--say <text>", "private data for the peer", privateText, "")
      .option("--verbose", "print each ping", false)
      .allowExcessArguments(false)
      .action((address, { timeout, count, size, ...options }) => {
        read = { role, address, count, size, timeoutMs: timeout * 1000, ...options };
      });
  }
  rping.parse(args, { from: "user" });
  return read!;
}

function toAddress(text: string): string {
  const match = /^(\[[0-9A-Fa-f:.]+\]|[^:[\]/]+)(?::(\d+))?$/.exec(text);
  if (!match) throw new InvalidArgumentError("It is not HOST, HOST:PORT, [IPV6] or [IPV6]:PORT.");
  return `verbs://${match[1]}:${match[2] ?? PORT}`;
}

function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < least || value > most) {
      throw new InvalidArgumentError(`It is not a whole number from ${least} to ${most}.`);
    }
    return value;
  };
}

function privateText(text: string): string {
  const bytes = new TextEncoder().encode(text).length;
  if (bytes > MAX_PRIVATE_DATA_BYTES) {
    throw new InvalidArgumentError(`It has ${bytes} bytes, ${MAX_PRIVATE_DATA_BYTES} at most.`);
  }
  return text;
}
