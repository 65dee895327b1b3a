/**
 * A client process that makes many calls in a loop. It runs with --trace-gc and --expose-gc, forces a collection right
 * before and right after the loop, and prints the memory in use at both times as JSON.
 *
 * Arguments: manager, token, calls, and `allocate` to allocate once per call, which the test must detect.
 */

import { connect } from "../../../runtime/client/client.ts";
import { functionsPackage } from "../functions/functions_package.ts";

const [manager, token, calls, allocate] = Deno.args as [string, string, string, string?];
const gc = (globalThis as unknown as { gc(): void }).gc;

await using client = await connect({ manager, token });
await using lease = await client.lease({ functions: await functionsPackage(), hotMs: Infinity });
const call = lease.prepare("echo", { bytes: 64, resultBytes: 64 });
const kept: { n: number }[] = Array.from({ length: 16 }, () => ({ n: 0 }));

function loop(count: number, allocating: boolean): number {
  let bytes = 0;
  for (let i = 0; i < count; i++) {
    bytes += call.invokeSync(64);
    if (allocating) kept[i & 15] = { n: i };
  }
  return bytes;
}

loop(20_000, false); // until the code is compiled and optimized
await new Promise((resolve) => setTimeout(resolve, 50));
gc();
const before = Deno.memoryUsage();
const bytes = loop(Number(calls), allocate === "allocate");
gc();
const after = Deno.memoryUsage();
call.close();
console.log(JSON.stringify({ bytes, before, after, kept: kept.length }));
