/** `deno bench -A bench/deno/codec_bench.ts`: a call with each codec, in a real executor, beside raw bytes. */

import { LocalManagers } from "../../cli/children/local_managers.ts";
import { connect } from "../../mod.ts";
import { codecCases, COUNTS } from "../suites/codec_cases.ts";

// Nothing closes the managers and the client: the managers end with this process, when their standard input ends.
const managers = await LocalManagers.start({ logLevel: "error" });
const client = await connect(managers);
const functions = new URL("../codec_functions.ts", import.meta.url);
const lease = await client.lease<typeof import("../codec_functions.ts")>({
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
