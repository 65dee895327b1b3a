/**
 * A client program on one of two machines: `remote_client.ts ROLE`, with RFAAS_MANAGER, RFAAS_TOKEN, RFAAS_FABRIC.
 *
 * `calls` makes 10,000 calls and passes 1 MiB twenty times, every byte checked; `call` does each once. `loop` calls without end, each with a
 * deadline, until one fails; then it tells how, waits until a call goes well again or the lease is over, and closes.
 */

import { assert, assertEquals } from "@std/assert";
import { connect, RfaasError } from "../../../mod.ts";

const MIB = 2 ** 20;
const DEADLINE_MS = 5000;
/** How long the loop waits for its lease to come back or to end. */
const AFTERMATH_MS = 90_000;

/** One line a fact: a word, then JSON. */
function tell(word: string, facts: unknown = {}): void {
  console.log(`${word} ${JSON.stringify(facts)}`);
}

await using client = await connect();
await using lease = await client.lease({
  functions: new URL("../../support/functions.ts", import.meta.url),
  maxBytes: "1MiB",
  seconds: 30,
});
const role = Deno.args[0];
if (role !== "loop") {
  const [calls, rounds] = role === "calls" ? [10_000, 20] : [1, 1];
  using call = lease.prepare("echo", { bytes: 64, resultBytes: 64 });
  for (let i = 0; i < calls; i++) {
    call.input.fill(i & 0xff);
    const length = call.invokeSync(64);
    if (length !== 64 || call.output.some((byte) => byte !== (i & 0xff))) {
      throw new Error(`call ${i}: ${length} bytes, ${call.output}`);
    }
  }
  const large = new Uint8Array(MIB);
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < MIB; i++) large[i] = (i * 31 + (i >>> 8) + round) & 0xff;
    const result = await lease.invoke("echo", large);
    assertEquals(result.length, MIB);
    for (let i = 0; i < MIB; i++) assert(result[i] === large[i], `byte ${i} of round ${round}`);
  }
  tell("done", { calls, node: lease.nodes[0] });
} else {
  const argument = new Uint8Array(64).fill(5);
  const call = () => lease.invoke("echo", argument, { deadlineMs: DEADLINE_MS });
  for (let i = 0; i < 100; i++) await call();
  tell("looping");
  let begunMs = performance.now();
  try {
    for (;;) {
      begunMs = performance.now();
      await call();
    }
  } catch (error) {
    if (!(error instanceof RfaasError)) throw error;
    const tookMs = Math.round(performance.now() - begunMs);
    tell("failed", { name: error.name, message: error.message, tookMs });
  }
  const ended = lease.closed.then((reason) => ({ ended: reason }));
  const untilMs = performance.now() + AFTERMATH_MS;
  let aftermath: unknown;
  while (aftermath === undefined && performance.now() < untilMs) {
    aftermath = await Promise.race([
      ended,
      call().then(() => ({ resumed: true }), () => new Promise((go) => setTimeout(go, 200))),
    ]) as unknown;
  }
  tell("aftermath", aftermath ?? { neither: `within ${AFTERMATH_MS} ms` });
}
