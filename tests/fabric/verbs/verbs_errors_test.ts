/** What can be missing or wrong on a host with an RDMA device: each has a named error, in bounded time. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { openVerbs } from "../../../fabric/verbs/provider.ts";
import { assertRejectsCode } from "../conformance/pair.ts";

const isRoot = Deno.uid() === 0;
const rootOnly = isRoot ? "" : " (needs root)";
/** An address without a host: 192.0.2.0/24 is reserved for documentation (RFC 5737). */
const NO_HOST = "192.0.2.1";

/** Runs a small program under a wrapper command, and returns its output. */
async function run(wrapper: readonly string[], permissions: readonly string[]): Promise<string> {
  const [program, ...args] = [
    ...wrapper,
    Deno.execPath(),
    "run",
    "--quiet",
    "--no-prompt",
    "--no-check",
    ...permissions,
    new URL("../../support/fabric/open_and_listen.ts", import.meta.url).href,
  ];
  const { code, signal, stdout, stderr } = await new Deno.Command(program!, {
    args,
    signal: AbortSignal.timeout(60_000),
  }).output();
  const text = new TextDecoder().decode(stdout);
  assertEquals([code, signal], [0, null], text + new TextDecoder().decode(stderr));
  return text;
}

Deno.test("verbs: `listen()` on an address of another host fails with code address", async () => {
  await using fabric = openVerbs();
  const error = await assertRejectsCode(() => fabric.listen(`verbs://${NO_HOST}:0`), "address");
  assertMatch(error.message, /192\.0\.2\.1: not an address of this host/);
});

Deno.test("verbs: `listen()` on an address without an RDMA device fails with code unavailable", async () => {
  await using fabric = openVerbs();
  const error = await assertRejectsCode(() => fabric.listen("verbs://127.0.0.1:0"), "unavailable");
  assertMatch(error.message, /127\.0\.0\.1: .*no RDMA device/);
});

Deno.test("verbs: `listen()` and `connect()` with an unknown host name fail with code address", async () => {
  await using fabric = openVerbs();
  await assertRejectsCode(() => fabric.listen("verbs://no-such-host.invalid:0"), "address");
  await assertRejectsCode(
    () => fabric.connect("verbs://no-such-host.invalid:1", { arenaBytes: 64 }),
    "address",
  );
});

Deno.test("verbs: `connect()` to a host that does not exist fails within its timeout", async () => {
  await using fabric = openVerbs();
  const startMs = performance.now();
  const error = await fabric.connect(`verbs://${NO_HOST}:7471`, { arenaBytes: 64, timeoutMs: 1000 })
    .then(() => undefined, (error) => error);
  assertMatch(error.message, /^Cannot connect to verbs:\/\/192\.0\.2\.1:7471: /);
  assert(performance.now() - startMs < 3000);
});

Deno.test("verbs: queues longer than the device allows fail with code range", async () => {
  await using fabric = openVerbs();
  using listener = await fabric.listen();
  await assertRejectsCode(
    () =>
      fabric.connect(listener.address, { arenaBytes: 64, sendDepth: 32768, receiveDepth: 32768 }),
    "range",
  );
});

Deno.test({
  name:
    `verbs: a limit of locked memory that is too low has a named error with the remedy${rootOnly}`,
  ignore: !isRoot,
  fn: async () => {
    // Root has no limit; root without this capability has one.
    const wrapper = ["setpriv", "--bounding-set=-ipc_lock", "prlimit", "--memlock=65536:65536"];
    const text = await run(wrapper, ["--allow-all"]);
    assertMatch(text, /unavailable: .*register \d+ bytes.*may lock 65536 bytes.*ulimit -l/);
  },
});

Deno.test({
  name: `verbs: a device without permission has a named error with the remedy${rootOnly}`,
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

Deno.test("verbs: without --allow-ffi the error names the permission", async () => {
  assertMatch(await run([], ["--allow-sys", "--allow-read"]), /NotCapable.*ffi/);
});
