import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { connect } from "../../mod.ts";
import { ManagerClient } from "../../manager.ts";
import { checkLeaseOptions } from "../../runtime/client/lease_options.ts";
import { startCluster } from "../support/cluster/cluster.ts";
import { startLease } from "../support/cluster/cluster_lease.ts";
import { ANY, checkOptions } from "../../runtime/options.ts";

const functions = "f.ts";
const none = new Uint8Array();

Deno.test("`checkOptions()` names an unknown option, and the nearest known one", () => {
  checkOptions("go", { fast: 1 }, { fast: ANY, slow: ANY });
  checkOptions("go", { fast: undefined, of: 1, elsewhere: 2 }, { fast: ANY });
  assertThrows(
    () => checkOptions("go", { fsat: 1 }, { fast: ANY, slow: ANY }),
    TypeError,
    "Cannot go: there is no option fsat, it is named fast",
  );
  assertThrows(() => checkOptions("go", { seconds: 1 }, { fast: ANY }), TypeError, "termMs");
});

/** Options of a lease that are refused, and words of the message; those of the class RangeError are marked. */
const REFUSED: readonly [option: unknown, words: string, range?: "range"][] = [
  [{ funcitons: functions }, "it is named functions"],
  [{ seconds: 5 }, "seconds, it is named termMs"],
  [{ wait: 5 }, "wait, it is named waitMs"],
  [{ functions: undefined }, "expected a path, a URL or the bytes of a function package"],
  [{ functions: "" }, 'a path, a URL or the bytes of a function package as functions, not ""'],
  [{ functions: {} }, "as functions, not an object (Object)"],
  [{ functions: null }, "as functions, not null"],
  [{ workers: 0 }, "expected an integer from 1 to 1024 as workers, not 0", "range"],
  [{ workers: "2" }, 'as workers, not "2"', "range"],
  [{ workers: null }, "as workers, not null", "range"],
  [{ memory: "much" }, 'expected bytes or a text such as "256MiB", from 0', "range"],
  [{ memory: {} }, "as memory, not an object (Object)", "range"],
  [{ termMs: 1 }, "expected an integer from 1000 to 86400000 as termMs, not 1", "range"],
  [{ waitMs: Infinity }, "as waitMs, not Infinity", "range"],
  [{ renew: "no" }, 'expected true or false as renew, not "no"'],
  [{ hotMs: -1 }, "expected milliseconds, 0 or more, as hotMs, not -1", "range"],
  [{ hotMs: NaN }, "as hotMs, not NaN", "range"],
  [{ maxBytes: 0 }, "as maxBytes, not 0", "range"],
  [{ maxBytes: "1025MiB" }, 'from 1 to 1073741824, as maxBytes, not "1025MiB"', "range"],
  [{ depth: 257 }, "expected an integer from 1 to 256 as depth, not 257", "range"],
  [{ wasi: 1 }, "expected true or false as wasi, not 1"],
  [{ idempotent: "bom" }, 'expected true or a list of names as idempotent, not "bom"'],
  [{ idempotent: [1] }, "as idempotent, not an array"],
  [{ onLog: "x" }, 'expected a function as onLog, not "x"'],
  [{ permissions: null }, "as permissions, not null"],
  [{ signal: {} }, "expected an AbortSignal as signal, not an object (Object)"],
];

Deno.test("a lease with an option that is unknown or has an impossible value is refused", async (t) => {
  for (const [options, words, range] of REFUSED) {
    await t.step(words, () => {
      const given = { functions, ...options as object };
      assertThrows(() => checkLeaseOptions(given), range ? RangeError : TypeError, words);
    });
  }
  for (const options of [null, 5, "f.ts"]) {
    assertThrows(() => checkLeaseOptions(options as never), TypeError, "an object of options");
  }
});

Deno.test("a lease accepts each option at its limits, and options that are undefined", () => {
  const names = ["workers", "memory", "termMs", "hotMs", "maxBytes", "depth", "renew", "onLog"];
  const undefinedOptions = Object.fromEntries(names.map((name) => [name, undefined]));
  assertEquals(checkLeaseOptions({ functions, ...undefinedOptions }).depth, 4);
  assertEquals(checkLeaseOptions({ functions, maxBytes: "1GiB" }).maxBytes, 2 ** 30);
  assertEquals(checkLeaseOptions({ functions, hotMs: Infinity }).hotMs, Infinity);
});

Deno.test("`connect()` and calls refuse unknown options and deadlines that are no numbers", async () => {
  for (
    const [options, words] of [
      [{ tokn: "x" }, "it is named token"],
      [{ manager: 5 }, "expected an address as manager, not 5"],
      [{ token: ["x"] }, "expected a text as token, not an array"],
      [{ caCert: 1 }, "expected a text as caCert, not 1"],
      [null, "expected an object of options, not null"],
    ] as const
  ) {
    await assertRejects(() => connect(options as never), TypeError, words);
  }
  await using held = await startLease({ maxBytes: 64 });
  const { lease } = held;
  const call = (options: unknown) => lease.invoke("echo", none, options as never);
  await assertRejects(() => call({ deadline: 5 }), TypeError, "it is named deadlineMs");
  for (const deadlineMs of ["100", null, NaN, -1, {}]) {
    await assertRejects(() => call({ deadlineMs }), RangeError, "deadlineMs");
  }
  await assertRejects(() => call(null), TypeError, "an object of options, not null");
  await assertRejects(() => call({ output: "x" }), TypeError, "expected a Uint8Array as output");
  await assertRejects(() => call({ signal: 1 }), TypeError, "expected an AbortSignal as signal");
  for (const concurrency of [0, 1.5, NaN, "2", null]) {
    await assertRejects(
      async () => void await lease.map("echo", [none], { concurrency } as never),
      RangeError,
      "expected an integer of 1 or more, or Infinity, as concurrency",
    );
  }
  for (const concurrency of [1_000_000, Infinity]) {
    assertEquals(await lease.map("echo", [none, none], { concurrency }), [none, none]);
  }
  assertThrows(() => lease.prepare("echo", { byte: 4 } as never), TypeError, "it is named bytes");
  await assertRejects(
    async () => void await lease.map("echo", [none], { concurency: 2 } as never),
    TypeError,
    "it is named concurrency",
  );
  using prepared = lease.prepare("echo", { bytes: 4, resultBytes: 4 });
  assertThrows(
    () => prepared.invokeSync(4, { deadlineMs: "1" } as never),
    RangeError,
    "deadlineMs",
  );
  assertEquals(await lease.invoke("echo", none, { deadlineMs: 1000 }), none);
});

Deno.test("`connect()` accepts a URL as manager, and a token with a line end", async () => {
  await using cluster = await startCluster({ nodes: 0 });
  const manager = new URL(cluster.managerUrl);
  await using client = await connect({ manager, token: `${cluster.clientToken}\n` });
  assertThrows(
    () => new ManagerClient({ url: cluster.managerUrl, token: "a\nb" }),
    TypeError,
    "characters that no token has",
  );
  await client.close();
});
