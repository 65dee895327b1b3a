/** The latency programs of linux-rdma's perftest, the standard yardstick, run beside rfaas. */

import { delay } from "@std/async";

/** The programs. Each prints the time of half a round trip. */
export const PERFTESTS = ["ib_write_lat", "ib_send_lat"] as const;
export type Perftest = typeof PERFTESTS[number];

/** Time limit of one run. */
const RUN_TIMEOUT_MS = 120_000;

/** The programs measure the processor's clock first and print "inf" if it seems uneven. */
const ATTEMPTS = 5;

/** The device and the address of a run. */
export interface PerftestPlace {
  readonly device: string;
  /** The index of the GID to use, as `rfaas devices` shows it. */
  readonly gidIndex: number;
  readonly host: string;
  readonly port: number;
}

/**
 * Runs both ends of a program on this host.
 *
 * @returns The median round trip in microseconds: twice the median (`t_typical`) that the program prints.
 */
export async function perftestRoundTripUs(
  program: Perftest,
  bytes: number,
  rounds: number,
  place: PerftestPlace,
): Promise<number> {
  let output = "";
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const port = place.port + attempt * 1000;
    output = await runBothEnds(program, bytes, rounds, { ...place, port });
    // #bytes #iterations t_min t_max t_typical t_avg …
    const line = output.split("\n").map((row) => row.trim().split(/\s+/).map(Number))
      .find((row) => row[0] === bytes && row.length >= 6);
    const median = line?.[4] ?? NaN;
    if (median > 0 && median < Infinity) return 2 * median;
  }
  throw new Error(`Cannot run ${program}: no result in ${ATTEMPTS} attempts: ${output}`);
}

/** Returns the output of the client. */
async function runBothEnds(
  program: Perftest,
  bytes: number,
  rounds: number,
  { device, gidIndex, host, port }: PerftestPlace,
): Promise<string> {
  const args = ["-d", device, "-x", String(gidIndex), "-p", String(port)];
  args.push("-s", String(bytes), "-n", String(Math.max(5, rounds)), "-F");
  const signal = AbortSignal.timeout(RUN_TIMEOUT_MS);
  const run = (more: string[]) =>
    new Deno.Command(program, {
      args: [...args, ...more],
      signal,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  const server = run([]);
  const ended = server.output();
  await listening(port, signal);
  const { stdout, stderr } = await run([host]).output();
  await ended;
  return new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
}

/** Waits until the server listens on its TCP port. */
async function listening(port: number, signal: AbortSignal): Promise<void> {
  const hex = port.toString(16).toUpperCase().padStart(4, "0");
  for (;;) {
    signal.throwIfAborted();
    for (const table of ["/proc/net/tcp", "/proc/net/tcp6"]) {
      const text = await Deno.readTextFile(table).catch(() => "");
      if (text.split("\n").some((row) => new RegExp(`:${hex} [0-9A-F]+:0000 0A `).test(row))) {
        return;
      }
    }
    await delay(10);
  }
}
