import { assert, assertEquals, assertRejects } from "@std/assert";
import { LimitExceededError } from "../../../mod.ts";
import { startLease } from "../../support/cluster/cluster_lease.ts";
import { within } from "../../support/waiting.ts";

const source = `
const kept = [];
export function hoard() { for (;;) kept.push({ a: [kept.length, {}], b: String(kept.length) }); }
export function echo(input, output) { output.set(input); return input.length; }
`;

Deno.test("a function that fills the JavaScript heap fails with LimitExceededError, and the lease goes on", async () => {
  const functions = new TextEncoder().encode(source);
  await using held = await startLease({ functions, memory: "64MiB" });
  const { lease } = held;
  const events = lease.status();
  const error = await within(
    30_000,
    "the end of the executor",
    assertRejects(() => lease.invoke("hoard", new Uint8Array()), LimitExceededError, "memory"),
  );
  assert(error instanceof LimitExceededError && error.cause instanceof Error);
  await within(
    10_000,
    "recovery",
    (async () => {
      for await (const event of events) if (event.type === "recovered") return;
    })(),
  );
  assertEquals(await lease.invoke("echo", Uint8Array.of(5)), Uint8Array.of(5));
});
