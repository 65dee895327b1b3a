/** Shared memory: its seals, and the check of a peer's descriptors. */

import { assertEquals, assertThrows } from "@std/assert";
import { cString, type Libc, openLibc } from "../../ffi/libc.ts";
import { checkSharedMemory, createSharedMemory } from "../../ffi/shared_memory.ts";

const O_RDWR = 2;
const ADD_SEALS = 1033;
const EPERM = 1;

function withLibc(run: (libc: Libc) => void): void {
  const libc = openLibc();
  try {
    run(libc);
  } finally {
    libc.close();
  }
}

Deno.test("`createSharedMemory()` makes memory that cannot be truncated, grown or unsealed", () => {
  withLibc((libc) => {
    const fd = createSharedMemory(libc, "rfaas-test", 8192, { folder: "" });
    // Another descriptor of the same memory, as another process of the user would open it.
    const other = libc.c.open(cString(`/proc/self/fd/${fd}`), O_RDWR, 0);
    for (const each of [fd, other]) {
      for (const length of [0n, 4096n, 8191n, 8193n, 1n << 40n]) {
        assertEquals([libc.c.ftruncate(each, length), libc.errno()], [-1, EPERM]);
      }
      assertEquals([libc.c.fcntl(each, ADD_SEALS, 8), libc.errno()], [-1, EPERM]);
      checkSharedMemory(libc, each, 8192);
      libc.c.close(each);
    }
  });
});

Deno.test("`checkSharedMemory()` refuses memory of another length", () => {
  withLibc((libc) => {
    const fd = createSharedMemory(libc, "rfaas-test", 8192, { folder: "" });
    for (const length of [0, 4096, 8191, 8193, 2 ** 40]) {
      assertThrows(
        () => checkSharedMemory(libc, fd, length),
        Error,
        `expected ${length} bytes, got 8192`,
      );
    }
    libc.c.close(fd);
  });
});

/** Expects that a descriptor of 4096 bytes made by `open` is refused. */
function refuses(open: (libc: Libc, folder: string) => number, reason: string): void {
  withLibc((libc) => {
    const folder = Deno.makeTempDirSync();
    const fd = open(libc, folder);
    try {
      assertThrows(() => checkSharedMemory(libc, fd, 4096), Error, reason);
    } finally {
      libc.c.close(fd);
      Deno.removeSync(folder, { recursive: true });
    }
  });
}

const memfd = (flags: number, seals: number, mode?: number) => (libc: Libc) => {
  const fd = libc.c.memfd_create(cString("forged"), flags);
  libc.c.ftruncate(fd, 4096n);
  if (seals) libc.c.fcntl(fd, ADD_SEALS, seals);
  if (mode !== undefined) Deno.chmodSync(`/proc/self/fd/${fd}`, mode);
  return fd;
};

Deno.test("`checkSharedMemory()` refuses memory that could be truncated", () => {
  refuses(memfd(2, 0), "not sealed");
  refuses(memfd(2, 2), "not sealed"); // against shrinking only
  refuses(memfd(2, 4), "not sealed"); // against growing only
  refuses(memfd(2, 0, 0o600), "not sealed");
  refuses(memfd(0, 0), "private file");
});

const file = (mode: number, bytes: number, unlink: boolean) => (libc: Libc, folder: string) => {
  const path = `${folder}/memory`;
  Deno.writeFileSync(path, new Uint8Array(bytes), { mode });
  Deno.truncateSync(path, 4096);
  const fd = libc.c.open(cString(path), O_RDWR, 0);
  if (unlink) Deno.removeSync(path);
  return fd;
};

Deno.test("`checkSharedMemory()` refuses a file with a name, with holes, or open to others", () => {
  refuses(file(0o600, 4096, false), "unnamed");
  refuses(file(0o600, 0, true), "allocated");
  refuses(file(0o644, 4096, true), "private file");
});

Deno.test("`checkSharedMemory()` refuses descriptors that are not memory", () => {
  refuses((libc) => libc.c.eventfd(0, 0), "expected 4096 bytes, got");
  refuses((libc) => libc.c.open(cString("/dev/zero"), O_RDWR, 0), "expected 4096 bytes, got");
});
