/** The filter's program, run as the kernel runs it, and its numbers, compared with the kernel's headers. */

import { assertEquals } from "@std/assert";
import {
  type Architecture,
  seccompFilter,
  type SeccompOptions,
} from "../../../../manager/executor/sandbox/seccomp_filter.ts";
import {
  CLONE,
  DENIED,
  LAST_CALL,
  SOCKET,
  UNKNOWN,
} from "../../../../manager/executor/sandbox/syscalls.ts";

const ALLOW = 0x7fff0000;
const EPERM = 0x50001;
const ENOSYS = 0x50026;
const KILL = 0x80000000;
const ARCH = { x86_64: 0xc000003e, aarch64: 0xc00000b7 };
const NOTHING = { net: false, rdma: false };

/** Runs the program on one call, and returns its verdict. */
function judge(program: Uint8Array, number: number, arch: number, first = 0): number {
  const view = new DataView(program.buffer);
  let loaded = 0;
  for (let at = 0; at < program.length; at += 8) {
    const code = view.getUint16(at, true);
    const k = view.getUint32(at + 4, true);
    const jump = (holds: boolean) => at += 8 * view.getUint8(at + (holds ? 2 : 3));
    if (code === 0x20) loaded = k === 0 ? number : k === 4 ? arch : k === 16 ? first : NaN;
    else if (code === 0x15) jump(loaded === k);
    else if (code === 0x25) jump(loaded > k);
    else if (code === 0x45) jump((loaded & k) !== 0);
    else if (code === 0x06) return k;
    else throw new Error(`Cannot run filter: unknown instruction ${code} at ${at}`);
  }
  throw new Error("Cannot run filter: it has no RETURN at its end");
}

for (const arch of ["x86_64", "aarch64"] as const) {
  const at = arch === "x86_64" ? 1 : 2;
  const run = (number: number, first = 0, options: SeccompOptions = NOTHING) =>
    judge(seccompFilter(arch, options), number, ARCH[arch], first);

  Deno.test(`${arch}: each call in the table is refused, and each other call up to the last reviewed one is allowed`, () => {
    const refused = new Map<number, number>();
    for (const row of DENIED) if (row[at] !== undefined) refused.set(row[at], EPERM);
    for (const row of UNKNOWN) if (row[at] !== undefined) refused.set(row[at], ENOSYS);
    refused.set(CLONE[at]!, EPERM); // without a flag
    refused.set(SOCKET[at]!, EPERM);
    for (let number = 0; number <= LAST_CALL; number++) {
      assertEquals(run(number), refused.get(number) ?? ALLOW, `${number}`);
    }
    for (const number of [LAST_CALL + 1, 1000, 2 ** 30, 2 ** 30 + 101, 2 ** 32 - 1]) {
      assertEquals(run(number), ENOSYS, `${number}`);
    }
  });

  Deno.test(`${arch}: threads are allowed, processes and namespaces are not, and sockets only as leased`, () => {
    assertEquals(run(CLONE[at]!, 0x3d0f00), ALLOW, "pthread_create");
    assertEquals(run(CLONE[at]!, 0x1200011), EPERM, "fork");
    assertEquals(run(CLONE[at]!, 0x10000000), EPERM, "a user namespace");
    const sockets = (options: SeccompOptions) =>
      [1, 2, 10, 16, 17, 40].filter((family) => run(SOCKET[at]!, family, options) === ALLOW);
    assertEquals(sockets(NOTHING), [1]);
    assertEquals(sockets({ net: false, rdma: true }), [1, 16]);
    assertEquals(sockets({ net: true, rdma: false }), [1, 2, 10, 16]);
  });

  Deno.test(`${arch}: a call in another processor's mode kills the process`, () => {
    for (const other of [0x40000003, ARCH[arch === "x86_64" ? "aarch64" : "x86_64"]]) {
      assertEquals(judge(seccompFilter(arch, NOTHING), 0, other), KILL);
    }
  });
}

const HEADERS: Record<Architecture, string> = {
  x86_64: "/usr/include/x86_64-linux-gnu/asm/unistd_64.h",
  aarch64: "/usr/include/asm-generic/unistd.h",
};

for (const [arch, header] of Object.entries(HEADERS)) {
  const text = await Deno.readTextFile(header).catch(() => undefined);
  Deno.test({
    name: `${arch}: the numbers in the table are those of the kernel's headers${
      text === undefined ? " (needs the kernel's headers)" : ""
    }`,
    ignore: text === undefined,
    fn: () => {
      const at = arch === "x86_64" ? 1 : 2;
      const numbers = new Map(
        [...text!.matchAll(/#define __NR(?:3264)?_(\w+)\s+(\d+)/g)].map((
          [, name, number],
        ) => [name!, Number(number)]),
      );
      for (const row of [...DENIED, ...UNKNOWN, CLONE, SOCKET]) {
        assertEquals(numbers.get(row[0]), row[at], row[0]);
      }
    },
  });
}
