/** The kernel's files; the memory and the cores of a process. */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { allowedCores, keepOnCores } from "../../ffi/affinity.ts";
import { ErrnoError } from "../../ffi/errno.ts";
import {
  listKernelFolder,
  makeKernelFolder,
  readKernelFile,
  removeKernelFolder,
  writeKernelFile,
  writeKernelFileAside,
} from "../../ffi/kernel_file.ts";
import { type Libc, openLibc } from "../../ffi/libc.ts";
import { residentBytes } from "../../ffi/resident_memory.ts";

async function withFolder(use: (libc: Libc, folder: string) => Promise<void> | void) {
  const libc = openLibc();
  const folder = await Deno.makeTempDir({ prefix: "rfaas-test-kernel-" });
  try {
    await use(libc, folder);
  } finally {
    libc.close();
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("kernel files are read, written and listed; failures have the kernel's error", () =>
  withFolder(async (libc, folder) => {
    const long = "0123456789ä".repeat(20_000);
    await Deno.writeTextFile(`${folder}/a`, long);
    assertEquals(readKernelFile(libc, `${folder}/a`), long);
    assert(readKernelFile(libc, "/proc/self/status").includes(`\nPid:\t${Deno.pid}\n`));
    writeKernelFile(libc, `${folder}/a`, "short");
    await writeKernelFileAside(libc, `${folder}/a`, "SHO");
    assertEquals((await Deno.readTextFile(`${folder}/a`)).slice(0, 5), "SHOrt");
    makeKernelFolder(libc, `${folder}/b`);
    assertEquals(listKernelFolder(libc, folder).sort(), ["a", "b"]);
    assertEquals([1, 2].map(() => removeKernelFolder(libc, `${folder}/b`)), [true, false]);
    const gone = `${folder}/gone`;
    writeKernelFile(libc, gone, "x", { ifThere: true });
    for (
      const act of [
        () => readKernelFile(libc, gone),
        () => writeKernelFile(libc, gone, "x"),
        () => listKernelFolder(libc, gone),
        () => makeKernelFolder(libc, `${gone}/x`),
      ]
    ) assertThrows(act, ErrnoError, "ENOENT");
    await assertRejects(() => writeKernelFileAside(libc, gone, "x"), ErrnoError, "ENOENT");
  }));

Deno.test("`residentBytes()` counts written memory, and is undefined without a process", () =>
  withFolder((libc) => {
    const before = residentBytes(libc, Deno.pid)!;
    const bytes = new Uint8Array(64 * 2 ** 20).fill(1);
    const grown = residentBytes(libc, Deno.pid)! - before;
    assert(grown > 0.8 * bytes.length && bytes[0] === 1, `${grown}`);
    assertEquals(residentBytes(libc, 2 ** 22 + 1), undefined);
  }));

Deno.test("`keepOnCores()` restricts the calling thread", () =>
  withFolder((libc) => {
    const all = allowedCores(libc);
    try {
      keepOnCores(libc, [all.at(-1)!]);
      assertEquals(allowedCores(libc), [all.at(-1)!]);
      assertThrows(() => keepOnCores(libc, []), ErrnoError, "EINVAL");
    } finally {
      keepOnCores(libc, all);
    }
    assertEquals(allowedCores(libc), all);
  }));
