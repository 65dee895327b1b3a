/** `openVerbs()` on a host that lacks something: each cause has a named error with the remedy. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { type Arch, sharedObject } from "../../../ffi/elf.ts";
import { errnoError } from "../../../ffi/errno.ts";
import type { Libc } from "../../../ffi/libc.ts";
import { LIBIBVERBS, LIBIBVERBS_SYMBOLS } from "../../../ffi/verbs/libibverbs.ts";
import { LIBRDMACM, LIBRDMACM_SYMBOLS } from "../../../ffi/verbs/librdmacm.ts";
import { explainRegistrationFailure, memoryLockLimit } from "../../../ffi/verbs/memory_lock.ts";
import { deviceError } from "../../../ffi/verbs/open_verbs.ts";
import { VerbsUnavailableError } from "../../../ffi/verbs/verbs_unavailable.ts";

const arch = Deno.build.arch as Arch;
/** Functions that return a constant. */
const ZERO = arch === "x86_64"
  ? Uint8Array.of(0x31, 0xc0, 0xc3) // xor eax, eax; ret
  : Uint8Array.of(0, 0, 0x80, 0xd2, 0xc0, 3, 0x5f, 0xd6); // mov x0, 0; ret
const ONE = arch === "x86_64"
  ? Uint8Array.of(0xb8, 1, 0, 0, 0, 0xc3) // mov eax, 1; ret
  : Uint8Array.of(0x20, 0, 0x80, 0xd2, 0xc0, 3, 0x5f, 0xd6); // mov x0, 1; ret

/** Libraries whose functions do nothing, in place of the host's. */
function emptyLibraries(): Record<string, Record<string, Uint8Array>> {
  const empty = (symbols: object) =>
    Object.fromEntries(Object.keys(symbols).map((name) => [name, ZERO]));
  return {
    [LIBIBVERBS]: empty(LIBIBVERBS_SYMBOLS),
    [LIBRDMACM]: { ...empty(LIBRDMACM_SYMBOLS), rdma_create_event_channel: ONE },
  };
}

/** The output of a process that finds these libraries before the host's. Bytes become a library file unchanged. */
async function openWith(
  libraries: Record<string, Record<string, Uint8Array> | Uint8Array>,
  ...args: string[]
): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "rfaas-libraries-" });
  try {
    for (const [name, content] of Object.entries(libraries)) {
      const bytes = content instanceof Uint8Array ? content : sharedObject(content, arch);
      await Deno.writeFile(`${folder}/${name}`, bytes);
    }
    const program = new URL("../../support/fabric/process_open_verbs.ts", import.meta.url).pathname;
    const { code: status, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--allow-all", program, ...args],
      env: { LD_LIBRARY_PATH: folder, NO_COLOR: "1" },
    }).output();
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    assertEquals([status, text(stderr)], [0, ""]);
    const [first, second, ...others] = text(stdout).trimEnd().split("\n");
    // The message contains errno, which an empty function does not set.
    const code = (line = "") => line.split(":")[0];
    assertEquals([code(second), others], [code(first), []], "both outcomes are equal");
    return first!;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("`openVerbs()` opens complete libraries, and closes them", async () => {
  assertEquals(await openWith(emptyLibraries()), "opened");
});

for (const name of [LIBIBVERBS, LIBRDMACM]) {
  Deno.test(`\`openVerbs()\` reports how to install ${name} when it cannot be loaded`, async () => {
    const text = await openWith({ ...emptyLibraries(), [name]: new Uint8Array(4096).fill(1) });
    assertStringIncludes(text, `library: Cannot load ${name}: `);
    assertStringIncludes(text, "apt-get install libibverbs1 librdmacm1 ibverbs-providers");
  });
}

Deno.test("`openVerbs()` reports what a library that is too old lacks", async () => {
  const libraries = emptyLibraries();
  delete libraries[LIBRDMACM]!.rdma_set_option;
  const text = await openWith(libraries);
  assertStringIncludes(
    text,
    `symbol: Cannot use ${LIBRDMACM}: it is too old and has no rdma_set_option`,
  );
});

Deno.test("`openVerbs()` reports how to add a device to a host without one", async () => {
  const libraries = emptyLibraries();
  libraries[LIBRDMACM]!.rdma_create_event_channel = ZERO;
  const text = await openWith(libraries);
  assertStringIncludes(text, "device: Cannot find an RDMA device: ");
  assertStringIncludes(text, "modprobe rdma_rxe");
});

Deno.test("`openVerbs()` reports that --allow-ffi is missing", async () => {
  const text = await openWith({}, "--revoke");
  assertEquals(text, `permission: Cannot load ${LIBIBVERBS}: not permitted; run with --allow-ffi`);
});

Deno.test("`openVerbs()` opens this host's libraries, or reports what it lacks", async () => {
  const text = await openWith({});
  const devices = await readFolder("/sys/class/infiniband");
  const load = (name: string) => {
    try {
      Deno.dlopen(name, {}).close();
      return true;
    } catch {
      return false;
    }
  };
  if (!load(LIBIBVERBS) || !load(LIBRDMACM)) assertStringIncludes(text, "library: Cannot load ");
  else if (devices.length === 0) {
    assertStringIncludes(text, "device: Cannot find an RDMA device: no such device (ENODEV)");
  } else assert(/^(opened$|permission: |device: )/.test(text), text);
});

async function readFolder(path: string): Promise<string[]> {
  const entries = await Array.fromAsync(Deno.readDir(path)).catch(() => []);
  return entries.map(({ name }) => name);
}

Deno.test("`deviceError()` distinguishes a device without permission from a missing device", () => {
  const libc = (errno: number) => ({
    errno: () => errno,
    fail: (what: string) => errnoError(what, errno),
  } as unknown as Libc);
  const denied = deviceError(libc(13), "open rxe0");
  assertEquals(denied.code, "permission");
  assertStringIncludes(denied.message, "Cannot open rxe0: permission denied (EACCES)");
  assertStringIncludes(denied.message, "/dev/infiniband/uverbs*");
  assertEquals([deviceError(libc(1), "x").code, deviceError(libc(19), "x").code], [
    "permission",
    "device",
  ]);
});

Deno.test("`memoryLockLimit()` is the kernel's limit", async () => {
  const limits = await Deno.readTextFile("/proc/self/limits");
  const soft = /^Max locked memory\s+(\S+)/m.exec(limits)![1]!;
  assertEquals(memoryLockLimit(), soft === "unlimited" ? Infinity : Number(soft));
});

Deno.test("`explainRegistrationFailure()` reports the limit if it is the cause", () => {
  const limited = explainRegistrationFailure(12, 1e6, 65536);
  assert(limited instanceof VerbsUnavailableError && limited.code === "memlock");
  assertStringIncludes(limited.message, "Cannot register 1000000 bytes of memory");
  assertStringIncludes(limited.message, "may lock 65536 bytes; ulimit -l unlimited");
  for (const [errno, limit] of [[12, Infinity], [14, 65536]] as const) {
    const other = explainRegistrationFailure(errno, 1e6, limit);
    assert(!(other instanceof VerbsUnavailableError), other.message);
  }
});
