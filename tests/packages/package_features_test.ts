/** What a package may use, row by row of the table in docs/functions.md, in a worker without any permission. */

import { assertEquals, assertRejects } from "@std/assert";
import { ExecutorLostError } from "../../mod.ts";
import { startLease } from "../support/cluster/cluster_lease.ts";

/** A function `add` of two i32. */
const WASM = Uint8Array.fromHex(
  "0061736d0100000001070160027f7f017f030201000707010361646400000a09010700200020016a0b",
);

const FEATURES: Record<string, [expression: string, outcome: unknown]> = {
  json: [`data.a`, 1],
  text: [`text`, "hi"],
  wasmImport: [`wasm.add(2, 3)`, 5],
  eval: [`new Function("return eval('1 + 1')")()`, 2],
  builtins: [
    `gunzipSync(gzipSync(createHash("sha1").digest("hex"))).toString().slice(0, 4)`,
    "da39",
  ],
  sqlite: [`new DatabaseSync(":memory:").prepare("select 1 as a").get().a`, 1],
  osNames: [`hostname() + homedir()`, "worker/"],
  timer: [`new Promise((resolve) => setTimeout(resolve, 1, "fired"))`, "fired"],
  thread: [
    `new Promise((resolve) => {
       const worker = new Worker("data:text/javascript,postMessage(7)", { type: "module" });
       worker.onmessage = ({ data }) => (worker.terminate(), resolve(data));
     })`,
    7,
  ],
  importData: [`import("data:text/javascript,export const x = 5").then(({ x }) => x)`, 5],
  importPackage: [`import(["npm", "is-odd"].join(":"))`, "TypeError"],
  requireAbsent: [
    `codeOf(() => require("absent"))`,
    "MODULE_NOT_FOUND: Cannot find module 'absent'",
  ],
  requireScoped: [
    `codeOf(() => require("@a/absent"))`,
    "MODULE_NOT_FOUND: Cannot find module '@a/absent'",
  ],
  resolveAbsent: [
    `codeOf(() => require.resolve("./absent.js"))`,
    "MODULE_NOT_FOUND: Cannot find module './absent.js'",
  ],
  requireBuiltin: [`typeof require("node:path").join`, "function"],
  importUrl: [`import(["https", "//example.com/a.js"].join(":"))`, "TypeError"],
  hasFile: [`existsSync("/etc/passwd")`, false],
  readFile: [`Deno.readTextFile("/etc/passwd")`, "NotFound"],
  writeFile: [`Deno.writeTextFile("/tmp/x", "x")`, "NotCapable"],
  environment: [`[process.env.HOME, Deno.env.get("HOME")].map(String)`, ["undefined", "undefined"]],
  mode: [`mode`, "development"],
  modeElsewhere: [`String(process.env[["NODE", "ENV"].join("_")])`, "undefined"],
  output: [`process.stdout.write("dropped")`, true],
  fetch: [`fetch("http://127.0.0.1:9999/")`, "NotCapable"],
  connect: [`Deno.connect({ port: 9999 })`, "NotCapable"],
  listen: [`Deno.listen({ port: 0 })`, "NotCapable"],
  process: [`new Deno.Command(["/bin", "ls"].join("/")).output()`, "NotCapable"],
  library: [`Deno.dlopen("libc.so.6", {})`, "NotCapable"],
  hostFacts: [`Deno.hostname()`, "NotCapable"],
  cache: [`caches.open("a")`, "Error"],
  stores: [`[typeof Deno.openKv, typeof localStorage]`, ["undefined", "undefined"]],
};

Deno.test("a package may use what the table of docs/functions.md lists, and nothing else", async (t) => {
  const folder = await Deno.makeTempDir({ prefix: "rfaas-test-" });
  try {
    await Deno.writeTextFile(`${folder}/data.json`, '{ "a": 1 }');
    await Deno.writeTextFile(`${folder}/text.txt`, "hi");
    await Deno.writeFile(`${folder}/add.wasm`, WASM);
    await Deno.writeTextFile(`${folder}/mode.ts`, "export const mode = process.env.NODE_ENV;");
    const from = (what: string, module: string) => `${"import"} ${what} from "${module}";`;
    await Deno.writeTextFile(
      `${folder}/functions.ts`,
      [
        `${"import"} data from "./data.json" with { type: "json" };`,
        `${"import"} text from "./text.txt" with { type: "text" };`,
        from("* as wasm", "./add.wasm"),
        from("{ mode }", "./mode.ts"),
        from("{ createHash }", "node:crypto"),
        from("{ existsSync }", "node:fs"),
        from("{ homedir, hostname }", "node:os"),
        from("{ createRequire }", "node:module"),
        from("{ DatabaseSync }", "node:sqlite"),
        from("{ gunzipSync, gzipSync }", "node:zlib"),
        from("process", "node:process"),
        `const outcome = (run) => async (_, output) => {
           let found;
           try { found = await run(); } catch (error) { found = error.name; }
           return new TextEncoder().encodeInto(JSON.stringify(found), output).written;
         };
         const require = createRequire(import.meta.url);
         const codeOf = (run) => {
           try { return run(); } catch ({ code, message }) { return code + ": " + message; }
         };
         export const leave = () => process.exit(3);`,
        ...Object.entries(FEATURES).map(([name, [expression]]) =>
          `export const f_${name} = outcome(async () => ${expression});`
        ),
      ].join("\n"),
    );
    await using held = await startLease({ functions: `${folder}/functions.ts` });
    for (const [name, [, outcome]] of Object.entries(FEATURES)) {
      await t.step(name, async () => {
        const reply = await held.lease.invoke(`f_${name}`, new Uint8Array());
        assertEquals(JSON.parse(new TextDecoder().decode(reply)), outcome);
      });
    }
    await t.step("the end of the process ends the executor", async () => {
      await assertRejects(() => held.lease.invoke("leave", new Uint8Array()), ExecutorLostError);
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
