/** The command line of rping. */

import { parseArgs } from "@std/cli";
import {
  integerOption,
  printHelp,
  readArguments,
  refuseUnknown,
  UsageError,
} from "../../cli/program_arguments.ts";
import { MAX_PRIVATE_DATA_BYTES } from "../../fabric/fabric.ts";
import { LEAST_PING_BYTES, MOST_PING_BYTES } from "./ping_data.ts";

/** The port of rdma-core's rping. */
const PORT = 7174;
const COUNT = 10;
/** The default of rdma-core's rping. */
const SIZE_BYTES = 64;
const TIMEOUT_S = 10;
const MAX_TIMEOUT_S = 3600;

const HELP = `
Usage: rping server|client <address> [options]

Ping over RDMA, in the protocol of rdma-core's rping. The server serves one client.

Arguments:
  <address>            HOST[:PORT], of this host for a server, of the server for a client

Options:
  --count <number>     Rounds (default: ${COUNT}; for a server as many as the client makes)
  --size <bytes>       Bytes of a ping (default: ${SIZE_BYTES}; for a server up to ${MOST_PING_BYTES})
  --timeout <seconds>  Timeout for each step of the peer (default: ${TIMEOUT_S})
  --text <text>        Private data for the peer
  --verbose            Print each ping
  -h, --help           Show help

Example:
  server$ rping.ts server 10.0.0.1
  client$ rping.ts client 10.0.0.1 --count 1000
`;

export interface RpingOptions {
  readonly role: "server" | "client";
  /** `verbs://HOST:PORT` */
  readonly address: string;
  readonly count: number | undefined;
  readonly size: number | undefined;
  readonly timeoutMs: number;
  /** Private data for the peer. */
  readonly text: string;
  readonly verbose: boolean;
}

/** The defaults of each role. */
export const DEFAULTS = {
  client: { count: COUNT, size: SIZE_BYTES },
  server: { count: undefined, size: MOST_PING_BYTES },
} as const;

/** Reads the arguments. Ends the process after the help, or if they are wrong. */
export function readRpingOptions(args: readonly string[]): RpingOptions {
  return readArguments("rping", () => {
    const { help, verbose, count, size, timeout, text, _: [role, address, ...rest] } = parseArgs(
      args,
      {
        boolean: ["help", "verbose"],
        string: ["count", "size", "timeout", "text"],
        alias: { help: "h" },
        unknown: refuseUnknown,
      },
    );
    if (help) printHelp(HELP);
    if (role !== "server" && role !== "client") {
      throw new UsageError(`the first argument is server or client, not '${role ?? ""}'`);
    }
    if (address === undefined || rest.length > 0) {
      throw new UsageError(`a ${role} has one address`);
    }
    const seconds = integerOption("timeout", timeout ?? String(TIMEOUT_S), 1, MAX_TIMEOUT_S);
    return {
      role,
      address: toAddress(String(address)),
      count: count === undefined ? undefined : integerOption("count", count, 1),
      size: size === undefined
        ? undefined
        : integerOption("size", size, LEAST_PING_BYTES, MOST_PING_BYTES),
      timeoutMs: seconds * 1000,
      text: toPrivateText(text ?? ""),
      verbose,
    };
  });
}

function toAddress(text: string): string {
  const match = /^(\[[0-9A-Fa-f:.]+\]|[^:[\]/]+)(?::(\d+))?$/.exec(text);
  if (!match) {
    throw new UsageError(`an address is HOST, HOST:PORT, [IPV6] or [IPV6]:PORT, not '${text}'`);
  }
  return `verbs://${match[1]}:${match[2] ?? PORT}`;
}

function toPrivateText(text: string): string {
  const bytes = new TextEncoder().encode(text).length;
  if (bytes > MAX_PRIVATE_DATA_BYTES) {
    throw new UsageError(
      `option '--text' expects at most ${MAX_PRIVATE_DATA_BYTES} bytes, not ${bytes}`,
    );
  }
  return text;
}
