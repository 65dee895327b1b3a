import { assert, assertEquals, assertRejects } from "@std/assert";
import { LimitExceeded } from "../../../mod.ts";
import { startLease, within } from "../../support/cluster_lease.ts";

const source = `
const kept = [];
export function hoard() { for (;;) kept.push({ a: [kept.length, {}], b: String(kept.length) }); }
export function echo(input, output) { output.set(input); return input.length; }
`;

Deno.test("LimitExceeded: a function that fills the JavaScript heap; the lease goes on", async () => {
  const functions = new TextEncoder().encode(source);
  await using held = await startLease({ functions, memory: "64MiB" });
  const { lease } = held;
  const events = lease.status();
  const error = await within(
    30_000,
    "the end of the executor",
    assertRejects(() => lease.invoke("hoard", new Uint8Array()), LimitExceeded, "memory"),
  );
  assert(error instanceof LimitExceeded && error.cause instanceof Error);
  await within(
    10_000,
    "recovery",
    (async () => {
      for await (const event of events) if (event.type === "recovered") return;
    })(),
  );
  assertEquals(await lease.invoke("echo", Uint8Array.of(5)), Uint8Array.of(5));
});
