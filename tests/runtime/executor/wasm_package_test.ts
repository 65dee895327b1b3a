/** WebAssembly packages in real executors: what they may do, and what hostile ones try. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  FunctionError,
  LeaseRefusedError,
  LimitExceededError,
  ResultTooLongError,
} from "../../../mod.ts";
import type { Client } from "../../../runtime/client/client.ts";
import { startCluster } from "../../support/cluster/cluster.ts";
import { pattern } from "../../support/pattern.ts";
import { lastingMs } from "../../support/time_factor.ts";
import { callable, ECHO, MEMORY, wat } from "../../support/functions/wat.ts";
import { within } from "../../support/waiting.ts";

const ARGUMENTS = callable(
  "arguments",
  `(i32.store (local.get $out) (local.get $in))
   (i32.store offset=4 (local.get $out) (local.get $len))
   (i32.store offset=8 (local.get $out) (local.get $out)) (i32.const 12)`,
);
/** Grows by the argument's pages until it gets no more; gives the pages it has. */
const GROW = callable(
  "grow",
  `(loop $more
     (br_if $more (i32.ne (memory.grow (i32.load8_u (local.get $in))) (i32.const -1))))
   (i32.store (local.get $out) (memory.size)) (i32.const 4)`,
);

/** Why a lease with this package is refused. */
async function refusal(client: Client, functions: Uint8Array, options = {}): Promise<string> {
  const error = await assertRejects(
    () => within(30_000, "the refusal", client.lease({ functions, ...options })),
    LeaseRefusedError,
  );
  assertEquals(error.reason, "bad-package");
  return error.message;
}

function words(bytes: Uint8Array): number[] {
  return [...new Int32Array(bytes.slice().buffer)];
}

Deno.test("WebAssembly packages", async (t) => {
  await using cluster = await startCluster();
  const client = await cluster.connect();

  await t.step("functions are called by name, from bytes and from a file", async () => {
    const kernel = await wat(`
      ${MEMORY} ${ECHO} ${ARGUMENTS}
      (func (export "other") (param i32) (result i32) (local.get 0))
      (func (export "wrongTypes") (param i32 i64 i32) (result i32) (i32.const 0))
      (global (export "version") i32 (i32.const 1))`);
    await using lease = await client.lease({ functions: kernel });
    assertEquals(lease.functions, ["arguments", "echo"]);
    for (const length of [0, 1, 64, 65_537, 2 ** 20, 64]) {
      assertEquals(await lease.invoke("echo", pattern(length)), pattern(length));
    }
    const [input, length, output] = words(await lease.invoke("arguments", pattern(5)));
    assertEquals([input! % 64, length, output! % 64], [0, 5, 0]);
    assert(output! - input! >= 2 ** 20, "the areas overlap");

    const path = await Deno.makeTempFile({ suffix: ".wasm" });
    try {
      await Deno.writeFile(path, kernel);
      await using fromFile = await client.lease({ functions: path });
      assertEquals(await fromFile.invoke("echo", pattern(9)), pattern(9));
    } finally {
      await Deno.remove(path);
    }
  });

  await t.step("state stays in the instance, of which each worker has one", async () => {
    const functions = await wat(`${MEMORY} (global $calls (mut i32) (i32.const 0))
      ${
      callable(
        "count",
        `(global.set $calls (i32.add (global.get $calls) (i32.const 1)))
         (i32.store (local.get $out) (global.get $calls)) (i32.const 4)`,
      )
    }`);
    await using lease = await client.lease({ functions, workers: 2 });
    using first = lease.prepare("count", { bytes: 0, worker: 0 });
    using second = lease.prepare("count", { bytes: 0, worker: 1 });
    const seen = [first, first, first, second].map((call) => {
      call.invokeSync(0);
      return words(call.output.slice(0, 4))[0];
    });
    assertEquals(seen, [1, 2, 3, 1]);
  });

  await t.step("the areas are allocated by the module's own malloc if it has one", async () => {
    const functions = await wat(`
      (memory (export "memory") 64)
      (func (export "malloc") (param i32) (result i32) (i32.const 70001))
      ${ARGUMENTS} ${ECHO}`);
    await using lease = await client.lease({ functions, maxBytes: 1000 });
    assertEquals(words(await lease.invoke("arguments", pattern(3))), [70_016, 3, 71_040]);
    assertEquals(await lease.invoke("echo", pattern(1000)), pattern(1000));
  });

  await t.step("_initialize and the start function run before the first call", async () => {
    const functions = await wat(`
      ${MEMORY} (global $g (mut i32) (i32.const 0))
      (func $start (global.set $g (i32.const 3))) (start $start)
      (func (export "_initialize") (global.set $g (i32.mul (global.get $g) (i32.const 7))))
      ${callable("get", "(i32.store (local.get $out) (global.get $g)) (i32.const 4)")}`);
    await using lease = await client.lease({ functions });
    assertEquals(words(await lease.invoke("get", pattern(0))), [21]);
  });

  await t.step(
    "a trap, an invalid length and a full memory are named, and the lease goes on",
    async () => {
      const functions = await wat(`
      ${MEMORY} ${ECHO} ${GROW}
      ${callable("trap", "unreachable")}
      ${callable("outside", "(i32.load (i32.const -8))")}
      ${callable("deep", "(call 4 (local.get $in) (local.get $len) (local.get $out))")}
      ${callable("negative", "(i32.const -5)")}
      ${callable("huge", "(i32.const 0x7fffffff)")}
      ${callable("long", "(i32.const 65)")}`);
      const memory = 64 * 2 ** 20;
      await using lease = await client.lease({ functions, memory, maxBytes: 64, workers: 2 });
      const none = new Uint8Array();
      const thrown = async (name: string, remoteName: string, message: string) => {
        const error = await assertRejects(() => lease.invoke(name, none), FunctionError, message);
        assertEquals(error.remoteName, remoteName);
        assert(!error.remoteStack.includes("worker.js"), error.remoteStack);
      };
      await thrown("trap", "RuntimeError", "unreachable");
      await thrown("outside", "RuntimeError", "out of bounds");
      await thrown("deep", "RangeError", "call stack");
      await thrown("negative", "TypeError", "-5");
      await assertRejects(() => lease.invoke("huge", none), ResultTooLongError, "2147483647");
      await assertRejects(() => lease.invoke("long", none), ResultTooLongError, "65");
      // Memory grows up to half of the lease's, since there are two workers, and the views follow it.
      using grow = lease.prepare("grow", { worker: 0 });
      using echo = lease.prepare("echo", { worker: 0 });
      for (const pages of [7, 1]) {
        grow.input[0] = pages;
        grow.invokeSync(1);
      }
      assertEquals(words(grow.output.slice(0, 4)), [memory / 2 / 65_536]);
      echo.input.set(pattern(64));
      assertEquals(echo.output.slice(0, echo.invokeSync(64)), pattern(64));
    },
  );

  await t.step("tables are on the heap, which the lease's memory bounds", async () => {
    const large = await wat(`${MEMORY} ${ECHO} (table 2097152 funcref)`);
    await using largest = await client.lease({ functions: large, memory: "64MiB" });
    assertEquals(await largest.invoke("echo", pattern(5)), pattern(5));
    const tables = Array.from({ length: 3 }, (_, i) => `(table $t${i} 1 funcref)`);
    const grown = tables.map((_, i) =>
      `(drop (table.grow $t${i} (ref.null func) (i32.const 9000000)))`
    );
    const functions = await wat(
      `${MEMORY} ${ECHO} ${tables.join("")}
       ${callable("bomb", `${grown.join("")} (i32.const 0)`)}`,
    );
    await using lease = await client.lease({ functions, memory: "64MiB", idempotent: ["echo"] });
    const error = await assertRejects(() => lease.invoke("bomb", pattern(0)), LimitExceededError);
    assertEquals(error.limit, "memory");
    assertEquals(await lease.invoke("echo", pattern(5)), pattern(5));
  });

  await t.step(
    "a lease with `wasi` grants the time, random bytes and an exit, and nothing else",
    async () => {
      const wasi = (name: string, type: string) =>
        `(import "wasi_snapshot_preview1" "${name}" (func $${name} ${type}))`;
      const functions = await wat(`
      ${wasi("random_get", "(param i32 i32) (result i32)")}
      ${wasi("clock_time_get", "(param i32 i64 i32) (result i32)")}
      ${wasi("path_open", "(param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)")}
      ${wasi("fd_write", "(param i32 i32 i32 i32) (result i32)")}
      ${wasi("proc_exit", "(param i32)")}
      ${MEMORY}
      ${
        callable(
          "sample",
          `(drop (call $clock_time_get (i32.const 0) (i64.const 1) (local.get $out)))
         (drop (call $random_get (i32.add (local.get $out) (i32.const 8)) (i32.const 8)))
         (i32.const 16)`,
        )
      }
      ${
        callable(
          "open",
          `(i32.store (local.get $out) (call $path_open (i32.const 3) (i32.const 0) (i32.const 0)
           (i32.const 1) (i32.const 0) (i64.const 0) (i64.const 0) (i32.const 0) (local.get $out)))
         (i32.const 4)`,
        )
      }
      ${
        callable(
          "print",
          `(i32.store (local.get $in) (local.get $in)) (i32.store offset=4 (local.get $in) (i32.const 7))
         (i32.store offset=4 (local.get $out)
           (call $fd_write (i32.const 1) (local.get $in) (i32.const 1) (local.get $out)))
         (i32.const 8)`,
        )
      }
      ${callable("exit", "(call $proc_exit (i32.const 3)) (i32.const 0)")}`);
      assert((await refusal(client, functions)).includes("the lease option `wasi` grants"));
      await using lease = await client.lease({ functions, wasi: true });
      const reply = (await lease.invoke("sample", pattern(0))).slice();
      const ms = Number(new DataView(reply.buffer).getBigUint64(0, true) / 1_000_000n);
      assert(Math.abs(ms - Date.now()) < 60_000, `${ms}`);
      assert(reply.subarray(8, 16).some((byte) => byte !== 0), "no random bytes");
      assertEquals(words(await lease.invoke("open", pattern(0))), [52]); // ENOTSUP
      assertEquals(words(await lease.invoke("print", pattern(8))), [7, 0]);
      await assertRejects(() => lease.invoke("exit", pattern(0)), FunctionError, "status 3");
    },
  );

  await t.step("a module that cannot be served is refused with the reason", async () => {
    const importing = `(import "wasi_snapshot_preview1" "fd_write"
      (func (param i32 i32 i32 i32) (result i32)))`;
    const cases: [string, string, object?][] = [
      [
        `${importing} ${MEMORY} ${ECHO}`,
        "imports wasi_snapshot_preview1.fd_write (function) are not granted",
      ],
      [`(import "env" "memory" (memory 1)) ${ECHO}`, "no memory of its own"],
      [`(memory 1) ${ECHO}`, 'does not export its memory as "memory"'],
      [`(memory (export "memory") 1) (memory 1) ${ECHO}`, "2 memories"],
      [`(memory (export "memory") 1 1 shared) ${ECHO}`, "shared"],
      [`(memory (export "memory") 65536) ${ECHO}`, "begins with 4294967296 bytes"],
      [`(memory (export "memory") 1 1) ${ECHO}`, "two areas of"],
      [`${MEMORY} ${ECHO}`, "two areas of", { memory: "64MiB", maxBytes: "40MiB" }],
      [
        `${MEMORY} ${ECHO} (table 2097153 funcref)`,
        "its tables begin with 2097153 elements, which take 50331672 bytes; a worker of the lease may have 50331648",
        { memory: "64MiB" },
      ],
      [
        `${MEMORY} ${ECHO} (table 1 5000000 funcref) (table 5000000 externref) (table 4000000 7000000 funcref)`,
        "its tables begin with 9000001 elements, which take 136000024 bytes",
        { memory: "128MiB", workers: 2 },
      ],
      [MEMORY, "exports no function (inPtr"],
      [`${MEMORY} ${ECHO} (func $f unreachable) (start $f)`, "unreachable"],
    ];
    for (const [fields, message, options] of cases) {
      const refused = await refusal(client, await wat(fields), options);
      assert(refused.includes(message), `${fields}: ${refused}`);
    }
    const sound = await wat(`${MEMORY} ${ECHO}`);
    for (const cut of [8, 9, 20, 40, sound.length - 1]) await refusal(client, sound.slice(0, cut));
    const component = sound.slice();
    component[4] = 0x0d;
    assert((await refusal(client, component)).includes("component"));
    const path = await Deno.makeTempFile({ suffix: ".wasm" });
    await Deno.writeTextFile(path, "not WebAssembly");
    await assertRejects(
      () => client.lease({ functions: path }),
      LeaseRefusedError,
      "expected a module (.ts, .js), WebAssembly or a shared library",
    );
    await Deno.remove(path);
    await assertRejects(
      () => client.lease({ functions: path }),
      LeaseRefusedError,
      "there is no such file",
    );
  });

  await t.step(
    "a start function that never returns is given up, and its cores are free again",
    async () => {
      const functions = await wat(`${MEMORY} ${ECHO} (func $f (loop $l (br $l))) (start $f)`);
      const hasty = await cluster.connect({ attachMs: lastingMs(1500) });
      assert((await refusal(hasty, functions, { workers: 4 })).includes("took more than"));
      const sound = await wat(`${MEMORY} ${ECHO}`);
      await using lease = await client.lease({ functions: sound, workers: 4, waitMs: 10000 });
      assertEquals(await lease.invoke("echo", pattern(5)), pattern(5));
    },
  );
});
