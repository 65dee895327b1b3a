/** Compares sizes, offsets and numbers with the C headers by a compiler, for both processors. */

import { assert, assertEquals } from "@std/assert";
import type { Arch } from "../../../ffi/elf.ts";
import * as constants from "../../../ffi/verbs/constants.ts";
import * as layout from "../../../ffi/verbs/layout.ts";

const INCLUDES = `#include <stddef.h>
#include <infiniband/verbs.h>
#include <rdma/rdma_cma.h>
`;

/** The structure of each table, and members whose path in verbs.h differs (unions, nested structures). */
const STRUCTS: Record<string, [struct: string, members?: Record<string, string>]> = {
  SGE: ["ibv_sge"],
  SEND_WR: ["ibv_send_wr", {
    rdma_remote_addr: "wr.rdma.remote_addr",
    rdma_rkey: "wr.rdma.rkey",
    atomic_remote_addr: "wr.atomic.remote_addr",
    atomic_compare_add: "wr.atomic.compare_add",
    atomic_swap: "wr.atomic.swap",
    atomic_rkey: "wr.atomic.rkey",
    bind_mw: "bind_mw.mw",
    bind_mw_rkey: "bind_mw.rkey",
    bind_mw_mr: "bind_mw.bind_info.mr",
    bind_mw_addr: "bind_mw.bind_info.addr",
    bind_mw_length: "bind_mw.bind_info.length",
    bind_mw_access_flags: "bind_mw.bind_info.mw_access_flags",
  }],
  RECV_WR: ["ibv_recv_wr"],
  MW_BIND: ["ibv_mw_bind", {
    mr: "bind_info.mr",
    addr: "bind_info.addr",
    length: "bind_info.length",
    access_flags: "bind_info.mw_access_flags",
  }],
  WC: ["ibv_wc"],
  QP_INIT_ATTR: ["ibv_qp_init_attr", capabilities()],
  QP_ATTR: ["ibv_qp_attr", capabilities()],
  DEVICE_ATTR: ["ibv_device_attr"],
  PORT_ATTR: ["ibv_port_attr"],
  GID: ["ibv_gid"],
  DEVICE: ["ibv_device"],
  PD: ["ibv_pd"],
  MR: ["ibv_mr"],
  MW: ["ibv_mw"],
  QP: ["ibv_qp"],
  CQ: ["ibv_cq"],
  COMP_CHANNEL: ["ibv_comp_channel"],
  ASYNC_EVENT: ["ibv_async_event"],
  CONTEXT: ["ibv_context", {
    ...Object.fromEntries(
      ["alloc_mw", "bind_mw", "dealloc_mw", "poll_cq", "req_notify_cq", "post_srq_recv"]
        .concat("post_send", "post_recv").map((name) => [name, `ops.${name}`]),
    ),
  }],
  EVENT_CHANNEL: ["rdma_event_channel"],
  CM_ID: ["rdma_cm_id", { src_addr: "route.addr.src_addr", dst_addr: "route.addr.dst_addr" }],
  CM_EVENT: ["rdma_cm_event", {
    ...Object.fromEntries(
      ["private_data", "private_data_len", "responder_resources", "initiator_depth"]
        .concat("flow_control", "retry_count", "rnr_retry_count", "qp_num")
        .map((name) => [name, `param.conn.${name}`]),
    ),
  }],
  CONN_PARAM: ["rdma_conn_param"],
};

function capabilities(): Record<string, string> {
  const names = ["max_send_wr", "max_recv_wr", "max_send_sge", "max_recv_sge", "max_inline_data"];
  return Object.fromEntries(names.map((name) => [name, `cap.${name}`]));
}

/** The prefix of each name in the headers. */
const PREFIXES: Record<keyof typeof constants, string> = {
  WR: "IBV_WR_",
  SEND: "IBV_SEND_",
  ACCESS: "IBV_ACCESS_",
  WC_STATUS: "IBV_WC_",
  WC_OPCODE: "IBV_WC_",
  WC_FLAGS: "IBV_WC_",
  QPT: "IBV_QPT_",
  QPS: "IBV_QPS_",
  QP_MASK: "IBV_QP_",
  MW_TYPE: "IBV_MW_",
  DEVICE_CAP: "IBV_DEVICE_",
  ATOMIC: "IBV_ATOMIC_",
  MTU: "IBV_MTU_",
  PORT_STATE: "IBV_PORT_",
  LINK_LAYER: "IBV_LINK_LAYER_",
  ASYNC_EVENT_TYPE: "IBV_EVENT_",
  CM_EVENT_TYPE: "RDMA_CM_EVENT_",
  PS: "RDMA_PS_",
  OPTION: "RDMA_OPTION_",
};

/** One assertion in C for each size and offset. */
function layoutAssertions(arch: Arch): string[] {
  return Object.entries(layout).flatMap(([name, table]) => {
    if (typeof table === "function") return [];
    const [struct, members = {}] = STRUCTS[name] ?? [];
    assert(struct !== undefined, `layout.ts has ${name}, which is not in STRUCTS`);
    const type = struct === "ibv_gid" ? "union ibv_gid" : `struct ${struct}`;
    const offsets = name === "CONTEXT" ? layout.contextLayout(arch) : table;
    return Object.entries(offsets).map(([member, at]) => {
      const found = member === "bytes"
        ? `sizeof(${type})`
        : `offsetof(${type}, ${members[member] ?? member})`;
      return `_Static_assert(${found} == ${at}, "${name}.${member} is not ${at}");`;
    });
  });
}

/** One assertion in C for each constant. */
function constantAssertions(): string[] {
  return Object.entries(constants).flatMap(([name, table]) =>
    Object.entries(table).map(([key, value]) => {
      const c = `${PREFIXES[name as keyof typeof constants]}${key}`;
      return `_Static_assert(${c} == ${value}, "${name}.${key} is not ${value}");`;
    })
  );
}

/** The compiler's errors for these lines. Nothing runs, so the target may be another processor. */
function compile(compiler: readonly string[], lines: readonly string[]): string {
  const folder = Deno.makeTempDirSync({ prefix: "rfaas-layout-" });
  try {
    Deno.writeTextFileSync(`${folder}/layout.c`, INCLUDES + lines.join("\n") + "\n");
    const [command, ...args] = compiler;
    const { success, stderr } = new Deno.Command(command!, {
      args: [...args, "-fsyntax-only", "-idirafter", "/usr/include", `${folder}/layout.c`],
    }).outputSync();
    return success ? "" : new TextDecoder().decode(stderr) || "failed";
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return `no ${compiler[0]} on this host`;
    throw error;
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

const COMPILERS: Record<Arch, string[][]> = {
  x86_64: [["x86_64-linux-gnu-gcc"], ["clang", "--target=x86_64-linux-gnu"]],
  aarch64: [["aarch64-linux-gnu-gcc"], ["clang", "--target=aarch64-linux-gnu"]],
};
COMPILERS[Deno.build.arch as Arch].unshift(["cc"]);

/** The first compiler for a machine that finds the headers. */
function compilerFor(arch: Arch): string[] | undefined {
  return COMPILERS[arch].find((compiler) => compile(compiler, []) === "");
}

for (const arch of ["x86_64", "aarch64"] as Arch[]) {
  const compiler = compilerFor(arch);
  const needs = compiler === undefined
    ? ` (needs a C compiler for ${arch}, libibverbs-dev and librdmacm-dev)`
    : "";
  Deno.test({
    name: `layout.ts and constants.ts match the headers, on ${arch}${needs}`,
    ignore: compiler === undefined,
    fn: () => {
      const assertions = [...layoutAssertions(arch), ...constantAssertions()];
      assert(assertions.length > 250, `${assertions.length}`);
      assertEquals(compile(compiler!, assertions), "");
      const wrong = '_Static_assert(sizeof(struct ibv_wc) == 47, "WC.bytes is not 47");';
      assert(
        compile(compiler!, [wrong]).includes("WC.bytes is not 47"),
        "a wrong size is not found",
      );
    },
  });
}

Deno.test("`contextLayout()` differs only by the C library's mutex", () => {
  const { abi_compat, bytes, ...same } = layout.contextLayout("x86_64");
  const { abi_compat: atAarch64, bytes: bytesAarch64, ...others } = layout.contextLayout("aarch64");
  assertEquals([abi_compat, bytes, atAarch64, bytesAarch64], [320, 328, 328, 336]);
  assertEquals(same, others);
});
