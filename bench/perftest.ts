/** The latency programs of linux-rdma's perftest: the field's own yardstick, run beside ours. */

/** Programs, and what they are called in reports. Each prints half a round trip. */
export const PERFTESTS = ["ib_write_lat", "ib_send_lat"] as const;
export type Perftest = typeof PERFTESTS[number];

/** How long one run may take. */
const RUN_MS = 120_000;

/** The programs measure the processor's clock first, give up on one that seems uneven, and print "inf". */
const ATTEMPTS = 5;

/** Where both ends of a run meet. */
export interface PerftestPlace {
  readonly device: string;
  /** The index of the GID to use, as `devices` shows it. */
  readonly gidIndex: number;
  readonly host: string;
  readonly port: number;
}

/**
 * Runs both ends of a program on this host.
 *
 * @returns the median round trip in microseconds: twice the median (`t_typical`) that it prints.
 */
export async function perftestRoundTripUs(
  program: Perftest,
  bytes: number,
  rounds: number,
  place: PerftestPlace,
): Promise<number> {
  let said = "";
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const port = place.port + attempt * 1000;
    said = await runBothEnds(program, bytes, rounds, { ...place, port });
    // #bytes #iterations t_min t_max t_typical t_avg …
    const line = said.split("\n").map((row) => row.trim().split(/\s+/).map(Number))
      .find((row) => row[0] === bytes && row.length >= 6);
    const median = line?.[4] ?? NaN;
    if (median > 0 && median < Infinity) return 2 * median;
  }
  throw new Error(`Cannot run ${program}, ${ATTEMPTS} times: ${said}`);
}

/** What the client's end printed. */
async function runBothEnds(
  program: Perftest,
  bytes: number,
  rounds: number,
  { device, gidIndex, host, port }: PerftestPlace,
): Promise<string> {
  const args = ["-d", device, "-x", String(gidIndex), "-p", String(port)];
  args.push("-s", String(bytes), "-n", String(Math.max(5, rounds)), "-F");
  const signal = AbortSignal.timeout(RUN_MS);
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

/** Waits until somebody listens on a TCP port of this host, through which both ends find each other. */
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
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
