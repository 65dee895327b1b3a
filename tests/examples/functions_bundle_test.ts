import { assert, assertEquals } from "@std/assert";
import { thumbnail } from "../../examples/demo/functions.ts";

const functions = new URL("../../examples/demo/functions.ts", import.meta.url);
const photo = new URL("../../examples/demo/photos/free.jpg", import.meta.url);

/** Replies to `[name, input]` with the bytes that the function wrote, or with its error. */
const driver = `
const table = { echo, thumbnail, fail, sleep5 };
self.onmessage = async ({ data: [name, input] }) => {
  const output = new Uint8Array(1 << 17);
  try {
    const read = await Deno.permissions.query({ name: "read" });
    const length = await table[name](input, output);
    self.postMessage({ read: read.state, bytes: output.slice(0, length) });
  } catch (error) {
    self.postMessage({ error: error.message });
  }
};
self.postMessage("ready");`;

/** One file, as the runtime makes it of a function package. */
async function bundle(): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["bundle", "--quiet", functions.pathname],
  }).output();
  assert(success, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

Deno.test("`functions.ts` runs bundled to one file, in a worker without permissions", async () => {
  const code = await bundle();
  const imports = code.match(/^\s*import\b.*|\bimport\(.*|\brequire\("node:.*/gm);
  assertEquals(imports, null);

  const url = URL.createObjectURL(new Blob([code, driver], { type: "text/javascript" }));
  const worker = new Worker(url, { type: "module", deno: { permissions: "none" } });
  const answer = () =>
    new Promise<{ read?: string; bytes?: Uint8Array; error?: string }>((resolve, reject) => {
      worker.onmessage = ({ data }) => resolve(data);
      worker.onerror = (event) => {
        event.preventDefault(); // or the whole file fails instead of this test
        reject(new Error(event.message));
      };
    });
  const call = (name: string, input: Uint8Array) => {
    const answered = answer();
    worker.postMessage([name, input]);
    return answered;
  };
  try {
    await answer(); // it is ready
    const picture = await Deno.readFile(photo);
    const there = await call("thumbnail", picture);
    assertEquals(there.error, undefined);
    assertEquals(there.read, "prompt"); // not granted; the executor runs with --no-prompt
    const output = new Uint8Array(1 << 17);
    assertEquals(there.bytes, output.slice(0, thumbnail(picture, output)));

    const bytes = new Uint8Array([1, 2, 3]);
    assertEquals((await call("echo", bytes)).bytes, bytes);
    assertEquals((await call("sleep5", bytes)).bytes, bytes);
    assertEquals(
      (await call("fail", bytes)).error,
      "Cannot do anything: this function always throws",
    );
  } finally {
    worker.terminate();
    URL.revokeObjectURL(url);
  }
});

Deno.test("`spin()` does not return", async () => {
  const code = `import { spin } from ${JSON.stringify(functions.href)};
    console.log("spinning"); spin(new Uint8Array(), new Uint8Array()); console.log("returned");`;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", `data:application/javascript,${encodeURIComponent(code)}`],
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  assertEquals((await reader.read()).value, "spinning\n");
  await new Promise((resolve) => setTimeout(resolve, 100));
  child.kill("SIGKILL");
  assertEquals((await reader.read()).done, true);
  assertEquals((await child.status).signal, "SIGKILL");
});
