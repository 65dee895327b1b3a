import { assertEquals, assertThrows } from "@std/assert";
import { DeadlineExceededError, ExecutorLostError } from "../../../mod.ts";
import { startLease } from "../../support/cluster/cluster_lease.ts";
import { within } from "../../support/waiting.ts";

Deno.test("a prepared call does not send what was written to memory that it lost by a deadline", async () => {
  await using held = await startLease({ depth: 2, maxBytes: 64 });
  using call = held.lease.prepare("later", { bytes: 1, resultBytes: 1 });
  const old = call.input;
  old[0] = 200;
  // The watchdog grants an asynchronous call some time after its deadline.
  assertThrows(() => call.invokeSync(1, { deadlineMs: 1 }), DeadlineExceededError);
  old[0] = 1;
  assertThrows(() => call.invokeSync(), TypeError, "rewrite input");
  assertThrows(() => call.start(), TypeError, "rewrite input");
});

Deno.test("a prepared call does not send what was written to memory that it lost with its executor", async () => {
  await using held = await startLease({ depth: 2, maxBytes: 64 });
  const { lease } = held;
  using call = lease.prepare("echo", { bytes: 1, resultBytes: 1 });
  call.input[0] = 7;
  assertEquals(call.invokeSync(), 1);
  assertEquals(call.output[0], 7);
  const events = lease.status();
  await lease.invoke("spin", new Uint8Array(), { deadlineMs: 300 }).catch(() => {});
  await within(
    10_000,
    "recovery",
    (async () => {
      for await (const event of events) if (event.type === "recovered") return;
    })(),
  );
  const error = assertThrows(() => call.invokeSync(), ExecutorLostError, "rewrite input");
  assertEquals(error.outcome, "not-run");
  call.input[0] = 9;
  assertEquals(call.invokeSync(), 1);
  assertEquals(call.output[0], 9);
});
