/**
 * The seccomp filter of an executor, in two forms: a program for the kernel's BPF machine, assembled here so that no
 * compiler is needed (`man 2 seccomp`, linux/filter.h), and an OCI profile for container engines.
 */

import { CLONE, DENIED, LAST_CALL, SOCKET, UNKNOWN } from "./syscalls.ts";

/** A processor for which the table has numbers. */
export type Architecture = "x86_64" | "aarch64";

/** AUDIT_ARCH_* (linux/audit.h). */
const AUDIT_ARCH = { x86_64: 0xc000003e, aarch64: 0xc00000b7 } as const;
const SCMP_ARCH = { x86_64: "SCMP_ARCH_X86_64", aarch64: "SCMP_ARCH_AARCH64" } as const;

const LOAD = 0x20; // BPF_LD | BPF_W | BPF_ABS
const IF_EQUAL = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
const IF_GREATER = 0x25; // BPF_JMP | BPF_JGT | BPF_K
const IF_SET = 0x45; // BPF_JMP | BPF_JSET | BPF_K
const RETURN = 0x06; // BPF_RET | BPF_K

const ALLOW = 0x7fff0000;
const KILL_PROCESS = 0x80000000;
const ERRNO = 0x00050000;
const EPERM = 1;
const ENOSYS = 38;

/** Offsets in struct seccomp_data: the call's number, the processor, and the low half of the first argument. */
const AT_NUMBER = 0;
const AT_ARCH = 4;
const AT_FIRST_ARGUMENT = 16;

const CLONE_THREAD = 0x10000;
const AF_UNIX = 1;
const AF_INET = 2;
const AF_INET6 = 10;
const AF_NETLINK = 16;
/** The OCI profile has one rule for each socket family below this number, and one for all others. */
const FAMILIES = 64;

/** What the filter of an executor depends on. */
export interface SeccompOptions {
  /** Whether the lease may use the network. If not, only Unix sockets are allowed, which the fabric needs. */
  readonly net: boolean;
  /** Whether the node listens on RDMA, whose libraries query the kernel for devices by netlink. */
  readonly rdma: boolean;
}

/** Returns the socket families that are allowed. */
function families({ net, rdma }: SeccompOptions): number[] {
  if (net) return [AF_UNIX, AF_INET, AF_INET6, AF_NETLINK];
  return rdma ? [AF_UNIX, AF_NETLINK] : [AF_UNIX];
}

/** Returns the filter as a BPF program, as `bwrap --seccomp FD` and the kernel read it: 8 bytes an instruction. */
export function seccompFilter(
  arch: Architecture,
  options: SeccompOptions,
): Uint8Array<ArrayBuffer> {
  const at = arch === "x86_64" ? 1 : 2;
  const program: [code: number, ifTrue: number, ifFalse: number, k: number][] = [];
  const add = (code: number, k: number, ifTrue = 0, ifFalse = 0) =>
    program.push([code, ifTrue, ifFalse, k]);
  /** Returns `then` from the filter if the loaded word is `k`. */
  const ifIs = (k: number | readonly [number, number], then: number) => {
    const [code, value] = typeof k === "number" ? [IF_EQUAL, k] : k;
    add(code, value, 0, 1);
    add(RETURN, then);
  };

  add(LOAD, AT_ARCH);
  add(IF_EQUAL, AUDIT_ARCH[arch], 1, 0);
  add(RETURN, KILL_PROCESS); // calls in another processor's mode have other numbers
  add(LOAD, AT_NUMBER);
  ifIs([IF_GREATER, LAST_CALL], ERRNO | ENOSYS); // the x32 calls too: their numbers begin at 2^30
  for (const [rows, errno] of [[DENIED, EPERM], [UNKNOWN, ENOSYS]] as const) {
    for (const row of rows) {
      const number = row[at];
      if (number !== undefined) ifIs(number, ERRNO | errno);
    }
  }
  // Each of the two blocks below is skipped unless the call is the one it checks.
  add(IF_EQUAL, CLONE[at]!, 0, 4);
  add(LOAD, AT_FIRST_ARGUMENT);
  ifIs([IF_SET, CLONE_THREAD], ALLOW);
  add(RETURN, ERRNO | EPERM);
  const allowed = families(options);
  add(IF_EQUAL, SOCKET[at]!, 0, 2 + 2 * allowed.length);
  add(LOAD, AT_FIRST_ARGUMENT);
  for (const family of allowed) ifIs(family, ALLOW);
  add(RETURN, ERRNO | EPERM);
  add(RETURN, ALLOW);

  const bytes = new DataView(new ArrayBuffer(8 * program.length));
  program.forEach(([code, ifTrue, ifFalse, k], i) => {
    bytes.setUint16(8 * i, code, true);
    bytes.setUint8(8 * i + 2, ifTrue);
    bytes.setUint8(8 * i + 3, ifFalse);
    bytes.setUint32(8 * i + 4, k, true);
  });
  return new Uint8Array(bytes.buffer);
}

/** Returns the filter as a profile of the OCI runtime specification, for `--security-opt seccomp=FILE`. */
export function seccompProfile(arch: Architecture, options: SeccompOptions): unknown {
  const names = (rows: typeof DENIED) => rows.map(([name]) => name);
  const refused = (names: string[], errnoRet: number, args: unknown[] = []) => ({
    names,
    action: "SCMP_ACT_ERRNO",
    errnoRet,
    args,
  });
  // One condition a rule: some engines require any, others all conditions on the same argument.
  const allowed = families(options);
  const refusedFamilies = Array.from({ length: FAMILIES }, (_, family) => family)
    .filter((family) => !allowed.includes(family));
  return {
    defaultAction: "SCMP_ACT_ALLOW",
    architectures: [SCMP_ARCH[arch]],
    syscalls: [
      refused(names(DENIED), EPERM),
      refused(names(UNKNOWN), ENOSYS),
      ...refusedFamilies.map((value) =>
        refused([SOCKET[0]], EPERM, [{ index: 0, value, op: "SCMP_CMP_EQ" }])
      ),
      refused([SOCKET[0]], EPERM, [{ index: 0, value: FAMILIES, op: "SCMP_CMP_GE" }]),
      refused([CLONE[0]], EPERM, [
        { index: 0, value: CLONE_THREAD, valueTwo: 0, op: "SCMP_CMP_MASKED_EQ" },
      ]),
    ],
  };
}
