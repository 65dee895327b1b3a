/** Why a package could not be loaded, as an app receives it. */

import { assert, assertEquals, assertInstanceOf, assertMatch, assertRejects } from "@std/assert";
import {
  type Client,
  ExecutorLostError,
  type LeaseOptions,
  LeaseRefusedError,
  type LimitExceededError,
  NodeLostError,
} from "../../../mod.ts";
import { attachLossError, loadLossError } from "../../../runtime/client/loss.ts";
import { endReason } from "../../../runtime/protocol/end_reason.ts";
import { startCluster } from "../../support/cluster/cluster.ts";
import { packageOf } from "../../support/functions/functions_package.ts";
import { lastingMs, limitMs } from "../../support/time_factor.ts";
import { within } from "../../support/waiting.ts";

Deno.test("a package that does not load fails the lease with the reason", async () => {
  await using cluster = await startCluster({ cores: 8 });
  const attachMs = lastingMs(1500);
  const client = await cluster.connect({ attachMs });
  const patient = await cluster.connect({ attachMs: limitMs(10_000) });
  const refusal = async (source: string, by: Client, options: Partial<LeaseOptions> = {}) => {
    const functions = packageOf(`${source} export const f = () => 0;`);
    const taking = assertRejects(() => by.lease({ functions, ...options }), LeaseRefusedError);
    const error = await within(60_000, `the refusal of ${source}`, taking);
    assertEquals((error as LeaseRefusedError).reason, "bad-package");
    return error as LeaseRefusedError;
  };
  const cannot = "Cannot load the function package: ";
  const slow = `${cannot}the module and its init took more than ${attachMs} ms`;
  const ended = `${cannot}its executor ended: `;
  const sources: [source: string, message: string | RegExp][] = [
    ["await new Promise(() => {});", slow],
    ["for (;;);", slow],
    ["export const init = () => new Promise(() => {});", slow],
    ["export const init = () => { for (;;); };", slow],
    ["self.close(); await new Promise(() => {});", /its worker's thread has ended/],
    ["export const init = () => Deno.exit(3);", /its worker's thread has ended/],
    [
      "setTimeout(() => { throw new TypeError('late') }); await new Promise(() => {});",
      /Uncaught TypeError: late/,
    ],
    [
      "export const init = () => new Promise(() => { Promise.reject(new Error('lost')) });",
      /Uncaught \(in promise\) Error: lost/,
    ],
  ];
  await Promise.all(sources.map(async ([source, message]) => {
    const error = await refusal(source, message === slow ? client : patient);
    if (message === slow) return assertEquals(error.message, slow, source);
    assert(error.message.startsWith(ended), error.message);
    assertMatch(error.message, message as RegExp);
    assertInstanceOf(error.cause, ExecutorLostError);
  }));
  const loadMs = lastingMs(500);
  const bounded = await refusal("for (;;);", patient, { loadMs });
  assertEquals(bounded.message, slow.replace(`${attachMs}`, `${loadMs}`));
  await using slowly = await client.lease({
    functions: packageOf(
      `export const init = () => new Promise((resolve) => setTimeout(resolve, ${attachMs + 200}));
      export const f = () => 0;`,
    ),
    loadMs: limitMs(60_000),
  });
  assertEquals((await slowly.invoke("f", new Uint8Array())).length, 0);
  const hungry =
    "export const init = () => { const all = []; for (;;) all.push(new Uint8Array(1e6).fill(1)); };";
  const error = await refusal(hungry, patient, { memory: "128MiB" });
  assertMatch(error.message, /its executor ended: it exceeded the memory limit, /);
  assertEquals((error.cause as LimitExceededError).limit, "memory", `${error.cause}`);

  await using lease = await client.lease({
    functions: packageOf("export const f = () => 0;"),
    workers: 2,
  });
  assertEquals((await lease.invoke("f", new Uint8Array())).length, 0);
});

Deno.test("`loadLossError()` does not blame the package for what the node did", () => {
  const executor = (code: "killed" | "crashed" | "stopped") =>
    loadLossError("n1", { kind: "executor", reason: endReason(code, "why") });
  assertInstanceOf(executor("killed"), ExecutorLostError);
  assertInstanceOf(executor("stopped"), ExecutorLostError);
  assertInstanceOf(executor("crashed"), LeaseRefusedError);
  assertMatch(loadLossError("n1", undefined).message, /its executor ended: for an unknown reason$/);
});

Deno.test("`attachLossError()` refuses a lease whose functions ended the executor before it attached", () => {
  const error = (kind: "executor" | "node", code: "killed" | "crashed" | "silent") =>
    attachLossError("n1", { kind, reason: endReason(code, "why") });
  for (const code of ["crashed", "silent"] as const) {
    const refused = error("executor", code);
    assertInstanceOf(refused, LeaseRefusedError);
    assertEquals([refused.reason, refused.message.endsWith("its executor ended: why")], [
      "bad-package",
      true,
    ]);
  }
  assertInstanceOf(error("executor", "killed"), ExecutorLostError);
  assertInstanceOf(error("node", "crashed"), NodeLostError);
});
