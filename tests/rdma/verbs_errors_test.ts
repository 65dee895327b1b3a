/** What can be missing or wrong on a host with an RDMA device: a named error each, in bounded time. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { openVerbs } from "../../fabric/verbs/provider.ts";
import { assertRejectsCode } from "../fabric/conformance/pair.ts";

const isRoot = Deno.uid() === 0;
const rootOnly = isRoot ? "" : " (left out: it needs root)";
/** 192.0.2.0/24 belongs to nobody (RFC 5737). */
const NOBODY = "192.0.2.1";

/** Runs a small program with the given wrapper before it; what it printed. */
async function run(wrapper: readonly string[], permissions: readonly string[]): Promise<string> {
  const [program, ...args] = [
    ...wrapper,
    Deno.execPath(),
    "run",
    "--quiet",
    "--no-prompt",
    "--no-check",
    ...permissions,
    new URL("open_and_listen.ts", import.meta.url).href,
  ];
  const { code, signal, stdout, stderr } = await new Deno.Command(program!, {
    args,
    signal: AbortSignal.timeout(60_000),
  }).output();
  const text = new TextDecoder().decode(stdout);
  assertEquals([code, signal], [0, null], text + new TextDecoder().decode(stderr));
  return text;
}

Deno.test("verbs: listen() on an address of another host fails with code address", async () => {
  await using fabric = openVerbs();
  const error = await assertRejectsCode(() => fabric.listen(`verbs://${NOBODY}:0`), "address");
  assertMatch(error.message, /192\.0\.2\.1: address not of this host/);
});

Deno.test("verbs: listen() on an address without an RDMA device fails with code unavailable", async () => {
  await using fabric = openVerbs();
  const error = await assertRejectsCode(() => fabric.listen("verbs://127.0.0.1:0"), "unavailable");
  assertMatch(error.message, /127\.0\.0\.1: .*no RDMA device/);
});

Deno.test("verbs: listen() and connect() with a name that nobody has fail with code address", async () => {
  await using fabric = openVerbs();
  await assertRejectsCode(() => fabric.listen("verbs://no-such-host.invalid:0"), "address");
  await assertRejectsCode(
    () => fabric.connect("verbs://no-such-host.invalid:1", { arenaBytes: 64 }),
    "address",
  );
});

Deno.test("verbs: connect() to a host that is not there fails within its time", async () => {
  await using fabric = openVerbs();
  const startMs = performance.now();
  const error = await fabric.connect(`verbs://${NOBODY}:7471`, { arenaBytes: 64, timeoutMs: 1000 })
    .then(() => undefined, (error) => error);
  assertMatch(error.message, /^Cannot connect to verbs:\/\/192\.0\.2\.1:7471: /);
  assert(performance.now() - startMs < 3000);
});

Deno.test("verbs: queues longer than the device's fail with code range", async () => {
  await using fabric = openVerbs();
  using listener = await fabric.listen();
  await assertRejectsCode(
    () =>
      fabric.connect(listener.address, { arenaBytes: 64, sendDepth: 32768, receiveDepth: 32768 }),
    "range",
  );
});

Deno.test({
  name: `verbs: too little memory that may be locked is named, with what to do${rootOnly}`,
  ignore: !isRoot,
  fn: async () => {
    // Root may lock what it likes; root without that capability may not.
    const wrapper = ["setpriv", "--bounding-set=-ipc_lock", "prlimit", "--memlock=65536:65536"];
    const text = await run(wrapper, ["--allow-all"]);
    assertMatch(text, /unavailable: .*register \d+ bytes.*may lock 65536 bytes.*ulimit -l/);
  },
});

Deno.test({
  name: `verbs: a device that may not be opened is named, with what to do${rootOnly}`,
  ignore: !isRoot,
  fn: async () => {
    const folder = await Deno.makeTempDir();
    await Deno.writeTextFile(`${folder}/closed`, "", { mode: 0o000 });
    const script = `mount --bind ${folder}/closed /dev/infiniband/rdma_cm && shift 0 && exec "$@"`;
    const wrapper = ["unshare", "--mount", "sh", "-c", script, "sh"];
    const caps = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"];
    const text = await run([...wrapper, ...caps], ["--allow-all"]);
    assertMatch(text, /unavailable: .*(permi|device).*infiniband/i);
    await Deno.remove(folder, { recursive: true });
  },
});

Deno.test("verbs: without --allow-ffi the permission is named", async () => {
  assertMatch(await run([], ["--allow-sys", "--allow-read"]), /NotCapable.*ffi/);
});
