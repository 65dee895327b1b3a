/**
 * Pings over RDMA: a client and a server that work with rdma-core's `rping` and with each other.
 *
 * In each round the client advertises a range of its memory, and the server reads it and confirms. Then the client
 * advertises another range, and the server writes the same bytes there and confirms. Both check every byte.
 *
 * @example
 * ```sh
 * deno run --allow-ffi examples/rping/rping.ts server 10.0.0.1
 * rping -c -a 10.0.0.1 -C 1000 -V      # on another host
 * ```
 *
 * @module
 */
import { ShutdownSignal } from "../../cli/shutdown_signal.ts";
import { FabricError } from "../../fabric/errors.ts";
import { openVerbs } from "../../fabric/verbs/provider.ts";
import { ping } from "./client.ts";
import { PingError } from "./errors.ts";
import { DEFAULTS, readRpingOptions, type RpingOptions } from "./options.ts";
import { serve } from "./server.ts";

if (import.meta.main) {
  const options = readRpingOptions(Deno.args);
  try {
    await run(options);
  } catch (error) {
    const named = error instanceof PingError || error instanceof FabricError;
    console.error(
      `rping: ${(error as Error).message}${named ? ` (${error.code})` : ""}`,
    );
    Deno.exitCode = 1;
  }
}

async function run({ role, count, size, ...options }: RpingOptions): Promise<void> {
  using shutdown = new ShutdownSignal();
  await using provider = openVerbs();
  const common = { ...options, signal: shutdown.signal, report: console.log };
  if (role === "server") {
    const defaults = DEFAULTS.server;
    const rounds = await serve(provider, { ...common, count, size: size ?? defaults.size });
    console.log(`served ${rounds} rounds, every byte checked`);
  } else {
    const rounds = count ?? DEFAULTS.client.count;
    const bytes = size ?? DEFAULTS.client.size;
    const us = await ping(provider, { ...common, count: rounds, size: bytes });
    console.log(`${rounds} pings of ${bytes} bytes returned intact, ${us.toFixed(1)} us each`);
  }
}
