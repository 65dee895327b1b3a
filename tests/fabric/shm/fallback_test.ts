/** The file that replaces memfd on kernels without it. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { openLibc } from "../../../ffi/libc.ts";
import { createSharedMemory } from "../../../ffi/shared_memory.ts";
import { Access, SIGNALED } from "../../../fabric/fabric.ts";
import { Status } from "../../../fabric/status.ts";
import { openShm } from "../../../fabric/shm/provider.ts";
import { countDescriptors, countMappings, eventually } from "../../support/descriptors.ts";
import { connectPair, expectNext } from "../conformance/pair.ts";
import { pattern } from "../../support/pattern.ts";

const openFile = () => openShm({ forceFile: true });

Deno.test("shm: the file fallback carries messages and writes, and leaves no file", async () => {
  const folder = `/dev/shm/rfaas-${Deno.uid()}`;
  Deno.mkdirSync(folder, { recursive: true, mode: 0o700 });
  const names = () => [...Deno.readDirSync(folder)].map(({ name }) => name);
  const before = new Set(names()); // files of other processes
  /** Waits, since files of concurrent test runs have names there for microseconds. */
  const unnamed = () =>
    eventually(() => names().every((name) => before.has(name)), () => `the folder has ${names()}`);
  {
    await using pair = await connectPair(openFile);
    const { a, b } = pair;
    await unnamed();
    const region = b.register(0, 4096, Access.LOCAL_WRITE | Access.REMOTE_WRITE);
    b.postReceive(1, 4096, 64);
    new Uint8Array(a.buffer(0, 64)).set(pattern(64));
    a.write(1, 0, 64, region.address, region.rkey, SIGNALED);
    a.send(2, 0, 64, 0);
    await expectNext(a, { id: 1, status: Status.SUCCESS });
    await expectNext(b, { id: 1, status: Status.SUCCESS, byteLength: 64 });
    assertEquals(new Uint8Array(b.buffer(0, 64)), pattern(64));
    assertEquals(new Uint8Array(b.buffer(4096, 64)), pattern(64));
    assertEquals(Deno.statSync(folder).mode! & 0o777, 0o700);
  }
  await unnamed();
});

Deno.test("shm: an end with the file fallback connects to an end with memfd", async () => {
  await using provider = openShm();
  await using other = openFile();
  using listener = await provider.listen();
  const connecting = other.connect(listener.address, { arenaBytes: 64 });
  using b = await (await listener.accept())!.accept({ arenaBytes: 64 });
  using a = await connecting;
  assertEquals([a.state, b.state], ["connected", "connected"]);
});

Deno.test("shm: the file fallback leaves no descriptor and no mapping", async () => {
  await (await connectPair(openFile))[Symbol.asyncDispose]();
  const [descriptors, mappings] = [countDescriptors(), countMappings()];
  for (let i = 0; i < 10; i++) await (await connectPair(openFile))[Symbol.asyncDispose]();
  assertEquals([countDescriptors(), countMappings()], [descriptors, mappings]);
});

/** Expects that a folder made by `prepare` is refused and left unchanged. */
function refusesFolder(prepare: (folder: string, parent: string) => void): void {
  const parent = Deno.makeTempDirSync();
  const libc = openLibc();
  try {
    const folder = `${parent}/rfaas`;
    prepare(folder, parent);
    const descriptors = countDescriptors();
    assertThrows(() => createSharedMemory(libc, "rfaas-test", 4096, { folder, force: true }));
    assertEquals(countDescriptors(), descriptors);
    const held = Deno.statSync(folder);
    if (held.isDirectory) assertEquals([...Deno.readDirSync(folder)], []);
  } finally {
    libc.close();
    Deno.removeSync(parent, { recursive: true });
  }
}

Deno.test("`createSharedMemory()` refuses a symbolic link in place of its folder", () => {
  refusesFolder((folder, parent) => {
    Deno.mkdirSync(`${parent}/elsewhere`, { mode: 0o700 });
    Deno.symlinkSync(`${parent}/elsewhere`, folder);
  });
});

Deno.test("`createSharedMemory()` refuses a folder that other users may enter", () => {
  refusesFolder((folder) => {
    Deno.mkdirSync(folder);
    Deno.chmodSync(folder, 0o750);
  });
});

Deno.test("`createSharedMemory()` refuses a file in place of its folder", () => {
  refusesFolder((folder) => Deno.writeTextFileSync(folder, ""));
});

Deno.test({
  name: "`createSharedMemory()` refuses a folder of another user (needs root)",
  ignore: Deno.uid() !== 0,
  fn: () => {
    refusesFolder((folder) => {
      Deno.mkdirSync(folder, { mode: 0o700 });
      Deno.chownSync(folder, 65534, 65534);
    });
  },
});

Deno.test("`createSharedMemory()` allocates its file in full, or fails", () => {
  const libc = openLibc();
  const folder = Deno.makeTempDirSync({ dir: "/dev/shm" });
  const descriptors = countDescriptors();
  try {
    const fd = createSharedMemory(libc, "x", 8192, { folder, force: true });
    libc.c.close(fd);
    const error = assertThrows(() =>
      createSharedMemory(libc, "x", 2 ** 50, { folder, force: true })
    ) as Error;
    assert(error.message.startsWith("Cannot allocate"), error.message);
    assertEquals(countDescriptors(), descriptors);
    assertEquals([...Deno.readDirSync(folder)], []);
  } finally {
    libc.close();
    Deno.removeSync(folder, { recursive: true });
  }
});
