/** Shared libraries in real executors: the interface of rFaaS, and hostile functions. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { ExecutorLostError, LeaseRefusedError, ResultTooLongError } from "../../../mod.ts";
import type { Arch } from "../../../ffi/elf.ts";
import { sharedObject } from "../../../ffi/elf.ts";
import type { Client } from "../../../runtime/client/client.ts";
import type { Lease } from "../../../runtime/client/lease.ts";
import { startCluster } from "../../support/cluster/cluster.ts";
import { pattern } from "../../support/pattern.ts";
import { testFabric } from "../../support/cluster/test_fabric.ts";
import { compile, compilerNeeded, rfaasFunction } from "../../support/functions/compiler.ts";
import { need, tryRecipe } from "../../support/sandboxes.ts";
import { within } from "../../support/waiting.ts";

const C = `
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
static uint32_t calls;
static char *kept;
static uint32_t number(void *out, uint32_t value) { memcpy(out, &value, 4); return 4; }
uint32_t echo(void *in, uint32_t size, void *out) { memcpy(out, in, size); return size; }
uint32_t count(void *in, uint32_t size, void *out) { return number(out, ++calls); }
uint32_t aligned(void *in, uint32_t size, void *out) {
  return number(out, ((uintptr_t) in | (uintptr_t) out) % 64);
}
uint32_t keep(void *in, uint32_t size, void *out) { kept = in; return 0; }
uint32_t peek(void *in, uint32_t size, void *out) { return number(out, *kept); }
uint32_t long_result(void *in, uint32_t size, void *out) { return 65; }
uint32_t huge_result(void *in, uint32_t size, void *out) { return 0xffffffff; }
uint32_t null_write(void *in, uint32_t size, void *out) { *(volatile char *) 0 = 1; return 0; }
uint32_t give_up(void *in, uint32_t size, void *out) { __builtin_trap(); }
uint32_t leave(void *in, uint32_t size, void *out) { exit(0); }
uint32_t spin(void *in, uint32_t size, void *out) { for (volatile int i = 0;; i++); }
`;

/** Stores around the caches, which no fence follows. */
const STREAM = `
#include <emmintrin.h>
#include <stdint.h>
uint32_t stream(void *in, uint32_t size, void *out) {
  __m128i value = _mm_set1_epi32(*(int32_t *) in);
  for (uint32_t at = 0; at < size; at += 16) {
    _mm_stream_si128((__m128i *) ((char *) out + at), value);
  }
  return size;
}
`;

const CPP = `
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>
struct Tally { std::vector<std::string> seen; };
static Tally *tally;
__attribute__((constructor)) static void begin() { tally = new Tally(); }
extern "C" uint32_t remember(void *in, uint32_t size, void *out) {
  tally->seen.emplace_back(static_cast<char *>(in), size);
  std::string all;
  for (auto &each : tally->seen) all += each;
  try {
    if (all.size() > 4) throw std::length_error("full");
  } catch (const std::exception &error) {
    all = error.what();
  }
  return all.copy(static_cast<char *>(out), all.size());
}
`;

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const bytes = (text: string) => new TextEncoder().encode(text);
const number = (bytes: Uint8Array) => new DataView(bytes.slice().buffer).getUint32(0, true);
const none = new Uint8Array();

async function refused(client: Client, functions: Uint8Array, reason: string, message: string) {
  const error = await assertRejects(
    () => within(30_000, "the refusal", client.lease({ functions })),
    LeaseRefusedError,
    message,
  );
  assertEquals(error.reason, reason);
}

/** Calls a function that ends the executor; returns the reason, once the lease goes on. */
async function loses(lease: Lease, name: string): Promise<string> {
  const events = lease.status();
  const error: ExecutorLostError = await within(
    30_000,
    "the loss",
    assertRejects(() => lease.invoke(name, none), ExecutorLostError),
  );
  assertEquals(error.outcome, "unknown");
  for await (const { type } of events) if (type === "recovered") break;
  assertEquals(await lease.invoke("echo", pattern(9)), pattern(9));
  return `${error.code}: ${(error.cause as Error).message}`;
}

const needed = compilerNeeded || need(await tryRecipe("bubblewrap"));

Deno.test(
  { name: `native packages${needed}`, ignore: needed !== "" },
  async (t) => {
    const library = await compile(C);
    await using cluster = await startCluster({ native: true, sandbox: "bubblewrap" });
    const client = await cluster.connect();

    await t.step("functions of a C library are called on the slots themselves", async () => {
      await using lease = await client.lease({ functions: library, workers: 2, maxBytes: "64KiB" });
      assertEquals(lease.functions.slice(0, 3), ["aligned", "count", "echo"]);
      for (const length of [0, 1, 4096, 65_536, 1]) {
        assertEquals(await lease.invoke("echo", pattern(length)), pattern(length));
      }
      const counts = [0, 0, 1].map((worker) => {
        using call = lease.prepare("count", { worker });
        return number(call.output.subarray(0, call.invokeSync(0)));
      });
      assertEquals(counts, [1, 2, 1], "each worker has its own variables");
      using keep = lease.prepare("keep", { worker: 0 });
      using peek = lease.prepare("peek", { worker: 0 });
      using aligned = lease.prepare("aligned", { worker: 0 });
      keep.invokeSync(1);
      keep.input[0] = 77; // the function received the client's memory itself
      if (testFabric() === "shm") {
        assertEquals(number(peek.output.subarray(0, peek.invokeSync(0))), 77);
      }
      assertEquals(number(aligned.output.subarray(0, aligned.invokeSync(0))), 0);
    });

    const isX86 = Deno.build.arch === "x86_64";
    await t.step({
      name: "the client sees the results of non-temporal stores",
      ignore: !isX86,
      fn: async () => {
        await using lease = await client.lease({ functions: await compile(STREAM) });
        for (const size of [16, 64, 4096]) {
          using call = lease.prepare("stream", { bytes: size, resultBytes: size });
          const input = new Int32Array(call.input.buffer, call.input.byteOffset, 1);
          const output = new Int32Array(call.output.buffer, call.output.byteOffset, size / 4);
          for (let i = 1; i <= 2000; i++) {
            input[0] = i;
            call.invokeSync(size);
            assertEquals([output[0], output.at(-1)], [i, i]);
          }
        }
      },
    });

    await t.step("functions of a C++ library, from a file", async () => {
      const path = await Deno.makeTempFile({ suffix: ".so" });
      try {
        await Deno.writeFile(path, await compile(CPP, { language: "c++" }));
        await using lease = await client.lease({ functions: path });
        assertEquals(lease.functions, ["remember"]);
        const replies = [];
        for (const part of ["ab", "cd", "e"]) {
          replies.push(text(await lease.invoke("remember", bytes(part))));
        }
        assertEquals(replies, ["ab", "abcd", "full"]);
      } finally {
        await Deno.remove(path);
      }
    });

    await t.step("a result that is too long is named", async () => {
      await using lease = await client.lease({ functions: library, maxBytes: 64 });
      await assertRejects(() => lease.invoke("long_result", none), ResultTooLongError, "65");
      await assertRejects(
        () => lease.invoke("huge_result", none),
        ResultTooLongError,
        "2147483647",
      );
      assertEquals(await lease.invoke("echo", pattern(9)), pattern(9));
    });

    await t.step("a crash ends the executor, and the lease goes on", async () => {
      await using lease = await client.lease({ functions: library });
      assertEquals(await loses(lease, "null_write"), "crashed: ended by SIGSEGV");
      assertEquals(await loses(lease, "give_up"), "crashed: ended by SIGILL");
      assert((await loses(lease, "leave")).startsWith("crashed: it exited with status 0"));
    });

    await t.step("a loop is ended after its deadline", async () => {
      await using lease = await client.lease({ functions: library });
      const events = lease.status();
      await assertRejects(() => lease.invoke("spin", none, { deadlineMs: 300 }));
      for await (const { type } of events) if (type === "recovered") break;
      assertEquals(await lease.invoke("echo", pattern(9)), pattern(9));
    });

    await t.step("a library that cannot be served is refused with the reason", async () => {
      const arch = Deno.build.arch as Arch;
      const other: Arch = arch === "x86_64" ? "aarch64" : "x86_64";
      const foreign = sharedObject({ f: Uint8Array.of(0xc3) }, other);
      await refused(client, foreign, "bad-package", `this node has ${arch}`);
      await refused(client, sharedObject({}, arch), "bad-package", "exports no function");
      for (const length of [4, 63, 64, 200, library.length >> 1]) {
        await refused(client, library.slice(0, length), "bad-package", "damaged or cut off");
      }
      const unresolved = await compile(
        `int elsewhere(void);\n${rfaasFunction("f", "return elsewhere();")}`,
      );
      await refused(client, unresolved, "bad-package", "undefined symbol: elsewhere");
    });
  },
);

Deno.test("a node cannot accept native packages without a sandbox", async () => {
  await assertRejects(
    () => startCluster({ native: true }),
    TypeError,
    "set executorManager.sandbox",
  );
});

Deno.test("a node that does not accept native packages refuses them with the reason `native`", async () => {
  await using cluster = await startCluster();
  const client = await cluster.connect();
  const library = sharedObject({ f: Uint8Array.of(0xc3) }, Deno.build.arch as Arch);
  await refused(client, library, "native", "this node accepts none");
});
