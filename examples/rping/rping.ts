/**
 * Pings over RDMA: a client and a server that talk to rdma-core's `rping`, and to each other.
 *
 * Each round, the client offers a range of its memory, the server reads it and says so; the client offers another, the
 * server writes the same bytes there and says so; both check every byte.
 *
 * @example
 * ```sh
 * deno run --allow-ffi examples/rping/rping.ts server 10.0.0.1
 * rping -c -a 10.0.0.1 -C 1000 -V      # on another host
 * ```
 *
 * @module
 */
import { Ending } from "../../cli/ending.ts";
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
  using ending = new Ending();
  await using provider = openVerbs();
  const told = { ...options, signal: ending.signal, tell: console.log };
  if (role === "server") {
    const defaults = DEFAULTS.server;
    const rounds = await serve(provider, { ...told, count, size: size ?? defaults.size });
    console.log(`served ${rounds} rounds, every byte checked`);
  } else {
    const rounds = count ?? DEFAULTS.client.count;
    const bytes = size ?? DEFAULTS.client.size;
    const us = await ping(provider, { ...told, count: rounds, size: bytes });
    console.log(`${rounds} pings of ${bytes} bytes came back whole, ${us.toFixed(1)} us each`);
  }
}
