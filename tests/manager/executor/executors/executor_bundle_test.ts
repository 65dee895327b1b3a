/** What the executor's code runs before its worker has an address: Deno loads modules of its own for some globals. */

import { assertEquals } from "@std/assert";
import { bundleExecutor } from "../../../../manager/executor/executors/executor_bundle.ts";

/** Globals for which Deno loads modules when they are read, in 3 to 10 ms each. */
const SLOW = [
  "setTimeout",
  "setInterval",
  "setImmediate",
  "clearTimeout",
  "WritableStream",
  "ReadableStream",
  "Response",
  "process",
];

/** Prints which of them the worker has read when it reports its address. */
const PROBE = `
const read = [];
for (const name of ${JSON.stringify(SLOW)}) {
  const { get, value } = Object.getOwnPropertyDescriptor(globalThis, name);
  Object.defineProperty(globalThis, name, {
    configurable: true,
    get: () => (read.push(name), get ? get.call(globalThis) : value),
  });
}
MessagePort.prototype.postMessage = () => {
  console.log(JSON.stringify(read));
  Deno.exit();
};
await import("./worker.js");
const { port1, port2 } = new MessageChannel();
dispatchEvent(new MessageEvent("message", { data: { port: port2 } }));
port1.onmessage = () => {}; // keeps this process until then
`;

Deno.test("the executor's worker has an address before it reads a global that is slow to load", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const bundle = await bundleExecutor(folder);
    await Deno.writeTextFile(`${bundle.folder}/probe.js`, PROBE);
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-config", "--allow-ffi", "--allow-read=.", "probe.js"],
      cwd: bundle.folder,
    }).output();
    assertEquals(new TextDecoder().decode(stdout).trim(), "[]");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
