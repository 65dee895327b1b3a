import { assertEquals, assertThrows } from "@std/assert";
import { DeadlineExceeded, ExecutorLost } from "../../../mod.ts";
import { startLease, within } from "../../support/cluster_lease.ts";

Deno.test("PreparedCall sends nothing that was written to memory it has no more: a deadline", async () => {
  await using held = await startLease({ depth: 2, maxBytes: 64 });
  using call = held.lease.prepare("later", { bytes: 1, resultBytes: 1 });
  const old = call.input;
  old[0] = 200;
  // The worker's watchdog leaves a call that is asynchronous and only late some time.
  assertThrows(() => call.invokeSync(1, { deadlineMs: 1 }), DeadlineExceeded);
  old[0] = 1;
  assertThrows(() => call.invokeSync(), TypeError, "write to input again");
  assertThrows(() => call.start(), TypeError, "write to input again");
});

Deno.test("PreparedCall sends nothing that was written to memory it has no more: a lost executor", async () => {
  await using held = await startLease({ depth: 2, maxBytes: 64 });
  const { lease } = held;
  using call = lease.prepare("echo", { bytes: 1, resultBytes: 1 });
  call.input[0] = 7;
  assertEquals(call.invokeSync(), 1);
  assertEquals(call.output[0], 7);
  const events = lease.status();
  await lease.invoke("spin", new Uint8Array(), { deadlineMs: 1 }).catch(() => {});
  await within(
    10_000,
    "recovery",
    (async () => {
      for await (const event of events) if (event.type === "recovered") return;
    })(),
  );
  const error = assertThrows(() => call.invokeSync(), ExecutorLost, "write to input again");
  assertEquals(error.outcome, "not-run");
  call.input[0] = 9;
  assertEquals(call.invokeSync(), 1);
  assertEquals(call.output[0], 9);
});
