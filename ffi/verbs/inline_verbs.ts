/**
 * The verbs that verbs.h defines as `static inline`: no library exports them.
 *
 * They jump through a table of functions in the context, which is the first member of every verbs object. A stub of our
 * own does the same in two instructions. Deno's FFI calls it in 4 ns; a call through `UnsafeFnPointer` takes 600 ns and
 * more.
 */

import { type Arch, sharedObject } from "../elf.ts";
import type { Libc } from "../libc.ts";
import { openSharedObject } from "../shared_object.ts";
import type { CMemory } from "./c_memory.ts";
import { type Context, type NonNull, POINTER } from "./handles.ts";
import { CONTEXT } from "./layout.ts";
import { VerbsUnavailableError } from "./verbs_unavailable.ts";

/** One line per parameter, with its C type. The table is in the context of the first one. */
const SYMBOLS = {
  post_send: {
    parameters: [
      POINTER.qp, // struct ibv_qp *
      POINTER.sendRequest, // struct ibv_send_wr *
      POINTER.refused, // struct ibv_send_wr **bad_wr
    ],
    result: "i32", // an error number, 0 for success
  },
  post_recv: {
    parameters: [
      POINTER.qp, // struct ibv_qp *
      POINTER.receiveRequest, // struct ibv_recv_wr *
      POINTER.refused, // struct ibv_recv_wr **bad_wr
    ],
    result: "i32", // an error number, 0 for success
  },
  poll_cq: {
    parameters: [
      POINTER.cq, // struct ibv_cq *
      "i32", // int num_entries
      POINTER.completions, // struct ibv_wc *
    ],
    result: "i32", // the number of completions, negative when the queue has failed
  },
  req_notify_cq: {
    parameters: [
      POINTER.cq, // struct ibv_cq *
      "i32", // int solicited_only
    ],
    result: "i32", // an error number, 0 for success
  },
  alloc_mw: {
    parameters: [
      POINTER.pd, // struct ibv_pd *
      "i32", // enum ibv_mw_type
    ],
    result: POINTER.mw, // struct ibv_mw *, null and errno
  },
  /** Windows of type 1; those of type 2 are bound by post_send. */
  bind_mw: {
    parameters: [
      POINTER.qp, // struct ibv_qp *
      POINTER.mw, // struct ibv_mw *
      POINTER.windowBind, // struct ibv_mw_bind *
    ],
    result: "i32", // an error number, 0 for success
  },
  dealloc_mw: {
    parameters: [
      POINTER.mw, // struct ibv_mw *
    ],
    result: "i32", // an error number, 0 for success
  },
} as const satisfies Deno.ForeignLibraryInterface;

type InlineName = keyof typeof SYMBOLS;
/** The names of the inline verbs. */
export const INLINE_NAMES = Object.keys(SYMBOLS) as InlineName[];

/** The machine code that jumps to the function at byte `offset` of the first argument's first member. */
export function jumpThroughContext(arch: Arch, offset: number): Uint8Array {
  const code = new DataView(new ArrayBuffer(arch === "x86_64" ? 9 : 12));
  if (arch === "x86_64") {
    code.setUint32(0, 0x488b07ff); // mov rax, [rdi]; jmp …
    code.setUint8(4, 0xa0); // … [rax + offset]
    code.setUint32(5, offset, true);
  } else {
    code.setUint32(0, 0xf9400010, true); // ldr x16, [x0]
    code.setUint32(4, 0xf9400210 | ((offset / 8) << 10), true); // ldr x16, [x16, #offset]
    code.setUint32(8, 0xd61f0200, true); // br x16
  }
  return new Uint8Array(code.buffer);
}

/** The loaded inline verbs. */
export interface InlineVerbs {
  /** The verbs, by name. */
  readonly symbols: NonNull<Deno.DynamicLibrary<typeof SYMBOLS>["symbols"]>;
  /** Unloads the stubs; they must not be called afterwards. */
  close(): void;
}

/**
 * Loads the stubs for this processor. Call {@linkcode checkContext} on a context before its objects are used.
 *
 * @throws {Error} as {@linkcode openSharedObject}.
 */
export function openInlineVerbs(libc: Libc): InlineVerbs {
  const arch = Deno.build.arch as Arch;
  const code = INLINE_NAMES.map((name) => [name, jumpThroughContext(arch, CONTEXT[name])]);
  const object = sharedObject(Object.fromEntries(code), arch);
  return openSharedObject(libc, "rfaas-verbs", object, SYMBOLS);
}

/** Memory windows are a capability that a device may lack. */
const OPTIONAL: readonly InlineName[] = ["alloc_mw", "bind_mw", "dealloc_mw"];

/**
 * Checks that a context has the layout that the stubs need. A jump to a null pointer would end the process.
 *
 * @returns whether there are memory windows; without them their three verbs must not be called.
 * @throws {VerbsUnavailableError} code `symbol` when the layout differs, or the driver lacks a verb.
 */
export function checkContext(memory: CMemory, context: Context): { memoryWindows: boolean } {
  const view = new DataView(memory.bytesAt(context, CONTEXT.bytes).buffer);
  const abi = view.getBigUint64(CONTEXT.abi_compat, true);
  if (abi !== 0xffffffffffffffffn) {
    throw new VerbsUnavailableError(
      "symbol",
      `Cannot use the RDMA device: its context has ABI mark 0x${abi.toString(16)}, not all ones; ` +
        "this libibverbs has another layout: install rdma-core 17 or newer",
    );
  }
  const isNull = (name: InlineName) => view.getBigUint64(CONTEXT[name], true) === 0n;
  const missing = INLINE_NAMES.filter((name) => !OPTIONAL.includes(name) && isNull(name));
  if (missing.length > 0) {
    throw new VerbsUnavailableError(
      "symbol",
      `Cannot use the RDMA device: its driver has no ${missing.join(", ")}; ` +
        "install ibverbs-providers in the version of libibverbs1",
    );
  }
  return { memoryWindows: !OPTIONAL.some(isNull) };
}
