import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { openHttp } from "../../../examples/shared/http_way.ts";
import { openThreads } from "../../../examples/shared/thread_way.ts";
import { callNow, type Way, type WayFunctions } from "../../../examples/shared/way.ts";

const CODE = `
let calls = 0;
export function count(input, output) {
  output.set(input);
  output[input.length] = ++calls;
  return input.length + 1;
}
export function fail() {
  throw new RangeError("no such plate");
}`;
const FUNCTIONS: WayFunctions = {
  module: new URL(`data:application/javascript,${encodeURIComponent(CODE)}`),
  maxBytes: 1024,
  memory: 0,
};
const OPENERS: Record<string, (count: number, functions: WayFunctions) => Promise<Way>> = {
  openThreads,
  openHttp,
};

for (const [name, open] of Object.entries(OPENERS)) {
  Deno.test(`\`${name}()\` starts workers with a state of their own`, async () => {
    await using way = await open(2, FUNCTIONS);
    assertEquals(way.workers.length, 2);
    for (const worker of way.workers) {
      using call = worker.prepare("count", { bytes: 8, resultBytes: 16 });
      for (let calls = 1; calls <= 3; calls++) {
        const result = await callNow(call, Uint8Array.of(7, 9));
        assertEquals([...result], [7, 9, calls]);
      }
    }
  });

  Deno.test(`\`${name}()\` passes on what a function throws`, async () => {
    await using way = await open(1, FUNCTIONS);
    using call = way.workers[0]!.prepare("fail", { bytes: 8, resultBytes: 256 });
    await assertRejects(() => callNow(call, new Uint8Array(1)), Error, "no such plate");
    using next = way.workers[0]!.prepare("count", { bytes: 8, resultBytes: 16 });
    assertEquals([...await callNow(next, new Uint8Array())], [1]);
  });
}

Deno.test("`openThreads()` refuses a function that the module does not have", async () => {
  await using way = await openThreads(1, FUNCTIONS);
  const sizes = { bytes: 8, resultBytes: 8 };
  assertThrows(() => way.workers[0]!.prepare("missing", sizes), TypeError, "no such function");
});

Deno.test("`openHttp()` refuses a result that is longer than its buffer", async () => {
  await using way = await openHttp(1, FUNCTIONS);
  using call = way.workers[0]!.prepare("count", { bytes: 8, resultBytes: 1 });
  await assertRejects(() => callNow(call, Uint8Array.of(1)), Error, "has 2 bytes, at most 1 fit");
});

const HOOKED = `
let ready = 0;
export async function init() { await 0; ready = 7; }
export async function state(input, output) { await 0; output[0] = ready; return 1; }
export async function fail() { await 0; throw new RangeError("no such card"); }`;

for (const [name, open] of Object.entries(OPENERS)) {
  Deno.test(`\`${name}()\` runs \`init\` before the first call, and awaits functions`, async () => {
    const module = new URL(`data:application/javascript,${encodeURIComponent(HOOKED)}`);
    await using way = await open(1, { ...FUNCTIONS, module });
    using call = way.workers[0]!.prepare("state", { bytes: 8, resultBytes: 256 });
    for (let calls = 0; calls < 2; calls++) {
      assertEquals([...await callNow(call, new Uint8Array(1))], [7]);
    }
    using failing = way.workers[0]!.prepare("fail", { bytes: 8, resultBytes: 256 });
    await assertRejects(() => callNow(failing, new Uint8Array(1)), Error, "no such card");
  });
}
