/** `deno bench -A bench/codec_bench.ts`: a call with each codec, in a real executor, beside raw bytes. */

import { LocalManagers } from "../cli/local_managers.ts";
import { connect } from "../mod.ts";
import { codecCases, COUNTS } from "./codec_cases.ts";

// Both end with this process, at once: their standard input does. What they can't tell each other then is no matter.
const managers = await LocalManagers.start({ logLevel: "error" });
const client = await connect(managers);
const functions = new URL("./codec_functions.ts", import.meta.url);
const lease = await client.lease<typeof import("./codec_functions.ts")>({
  functions,
  hotMs: 1000,
  maxBytes: "4MiB",
});
const call = lease.call as unknown as Record<string, (value: unknown) => Promise<unknown>>;
const prepared = lease.call.arrayInPlace.prepare();

for (const count of COUNTS) {
  const group = `${count} doubles`;
  for (const { name, value } of codecCases(count)) {
    const run = call[name]!;
    Deno.bench(
      `${name}, ${group}`,
      { group, baseline: name === "raw" },
      async () => void await run(value),
    );
  }
  Deno.bench(`prepared array, in place, ${group}`, { group }, () => {
    prepared.invokeSync(count);
  });
}
