/**
 * A client program on one of two machines: `remote_client.ts ROLE`, with RFAAS_MANAGER, RFAAS_TOKEN, RFAAS_FABRIC.
 *
 * `calls` makes 500 calls and passes 1 MiB twice, and checks every byte; `call` does each once. `hold` keeps its lease
 * until it ends. `loop` repeats a call with a deadline until one fails. Then it reports the error, waits until a call
 * succeeds again or the lease has ended, and closes. `hold-loop` does so after SIGUSR1.
 */

import { assertEquals } from "@std/assert";
import { connect, type Lease, LeaseRefusedError, RfaasError } from "../../../mod.ts";

const MIB = 2 ** 20;
const DEADLINE_MS = 5000;
/** How long the loop waits for its lease to resume or to end. */
const AFTERMATH_MS = 90_000;

/** Prints a report in one line: its name, then JSON. */
function report(name: string, value: unknown = {}): void {
  console.log(`${name} ${JSON.stringify(value)}`);
}

/** Tries again if a claim or an executor comes too late: an emulated machine on a busy host may take longer than allowed. */
async function takeLease(tries = 3): Promise<Lease> {
  try {
    return await client.lease({
      functions: new URL("../functions/functions.ts", import.meta.url),
      maxBytes: "1MiB",
      termMs: 30_000,
    });
  } catch (error) {
    const late = error instanceof LeaseRefusedError &&
      (error.reason === "too-late" || error.message.includes("no address reported within"));
    if (!late || tries === 1) throw error;
    return await takeLease(tries - 1);
  }
}

await using client = await connect();
await using lease = await takeLease();
const role = Deno.args[0]!;
if (role.startsWith("hold")) {
  const signal = Promise.withResolvers<void>();
  Deno.addSignalListener("SIGUSR1", signal.resolve);
  report("held", { node: lease.nodes[0] });
  await Promise.race([signal.promise, lease.closed]);
  Deno.removeSignalListener("SIGUSR1", signal.resolve);
}
if (role.startsWith("call")) {
  const [calls, rounds] = role === "calls" ? [500, 2] : [1, 1];
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
    const wrong = large.findIndex((byte, i) => byte !== result[i]);
    assertEquals(wrong, -1, `the first wrong byte of round ${round}`);
  }
  report("done", { calls, node: lease.nodes[0] });
} else if (role.endsWith("loop")) {
  const argument = new Uint8Array(64).fill(5);
  const call = () => lease.invoke("echo", argument, { deadlineMs: DEADLINE_MS });
  for (let i = 0; i < 100; i++) await call();
  report("looping");
  let begunMs = performance.now();
  try {
    for (;;) {
      begunMs = performance.now();
      await call();
    }
  } catch (error) {
    if (!(error instanceof RfaasError)) throw error;
    const tookMs = Math.round(performance.now() - begunMs);
    report("failed", { name: error.name, message: error.message, tookMs });
  }
  const ended = lease.closed.then((reason) => ({ ended: reason }));
  const untilMs = performance.now() + AFTERMATH_MS;
  let aftermath: unknown;
  while (aftermath === undefined && performance.now() < untilMs) {
    aftermath = await Promise.race([
      ended,
      call().then(
        () => ({ resumed: true }),
        () => new Promise((resolve) => setTimeout(resolve, 200)),
      ),
    ]) as unknown;
  }
  report("aftermath", aftermath ?? { neither: `within ${AFTERMATH_MS} ms` });
}
