/**
 * The layout of the verbs structures: sizes and offsets of members, in bytes.
 *
 * The names are those of verbs.h and rdma_cma.h (rdma-core 44). On Linux these structures have the same layout on x86-64
 * and aarch64 (both LP64, same alignments), except {@linkcode CONTEXT}, which has a mutex of glibc. The layouts are
 * compiled into every program that uses libibverbs.so.1 and librdmacm.so.1, so they do not change.
 */

import type { Arch } from "../elf.ts";

/** Bytes of pthread_mutex_t on Linux (bits/pthreadtypes-arch.h). */
const MUTEX_BYTES: Record<Arch, number> = { x86_64: 40, aarch64: 48 };

/** struct ibv_sge: a range of local memory. */
export const SGE = { bytes: 16, addr: 0, length: 8, lkey: 12 } as const;

/** struct ibv_send_wr. RDMA, atomics and memory windows have their members in unions. */
export const SEND_WR = {
  bytes: 128,
  wr_id: 0,
  next: 8,
  sg_list: 16,
  num_sge: 24,
  opcode: 28,
  send_flags: 32,
  /** In network byte order. */
  imm_data: 36,
  /** The rkey to invalidate, of LOCAL_INV and SEND_WITH_INV. */
  invalidate_rkey: 36,
  rdma_remote_addr: 40,
  rdma_rkey: 48,
  atomic_remote_addr: 40,
  atomic_compare_add: 48,
  atomic_swap: 56,
  atomic_rkey: 64,
  bind_mw: 80,
  bind_mw_rkey: 88,
  bind_mw_mr: 96,
  bind_mw_addr: 104,
  bind_mw_length: 112,
  bind_mw_access_flags: 120,
} as const;

/** struct ibv_recv_wr. */
export const RECV_WR = { bytes: 32, wr_id: 0, next: 8, sg_list: 16, num_sge: 24 } as const;

/** struct ibv_mw_bind, of a memory window of type 1. */
export const MW_BIND = {
  bytes: 48,
  wr_id: 0,
  send_flags: 8,
  mr: 16,
  addr: 24,
  length: 32,
  access_flags: 40,
} as const;

/** struct ibv_wc: a work completion. */
export const WC = {
  bytes: 48,
  wr_id: 0,
  status: 8,
  opcode: 12,
  vendor_err: 16,
  byte_len: 20,
  /** In network byte order. */
  imm_data: 24,
  qp_num: 28,
  src_qp: 32,
  wc_flags: 36,
} as const;

/** struct ibv_qp_init_attr, with its struct ibv_qp_cap. */
export const QP_INIT_ATTR = {
  bytes: 64,
  qp_context: 0,
  send_cq: 8,
  recv_cq: 16,
  srq: 24,
  max_send_wr: 32,
  max_recv_wr: 36,
  max_send_sge: 40,
  max_recv_sge: 44,
  max_inline_data: 48,
  qp_type: 52,
  sq_sig_all: 56,
} as const;

/** struct ibv_qp_attr. */
export const QP_ATTR = {
  bytes: 144,
  qp_state: 0,
  cur_qp_state: 4,
  path_mtu: 8,
  rq_psn: 20,
  sq_psn: 24,
  dest_qp_num: 28,
  qp_access_flags: 32,
  max_send_wr: 36,
  max_recv_wr: 40,
  max_send_sge: 44,
  max_recv_sge: 48,
  max_inline_data: 52,
  pkey_index: 120,
  max_rd_atomic: 126,
  max_dest_rd_atomic: 127,
  min_rnr_timer: 128,
  port_num: 129,
  timeout: 130,
  retry_cnt: 131,
  rnr_retry: 132,
} as const;

/** struct ibv_device_attr. */
export const DEVICE_ATTR = {
  bytes: 232,
  fw_ver: 0,
  node_guid: 64,
  max_mr_size: 80,
  vendor_id: 96,
  vendor_part_id: 100,
  max_qp: 108,
  max_qp_wr: 112,
  device_cap_flags: 116,
  max_sge: 120,
  max_cq: 128,
  max_cqe: 132,
  max_mr: 136,
  max_qp_rd_atom: 144,
  max_qp_init_rd_atom: 156,
  atomic_cap: 164,
  max_mw: 176,
  phys_port_cnt: 227,
} as const;

/** struct ibv_port_attr. The exported ibv_query_port fills the members up to flags (offset 47). */
export const PORT_ATTR = {
  bytes: 52,
  state: 0,
  max_mtu: 4,
  active_mtu: 8,
  gid_tbl_len: 12,
  max_msg_sz: 20,
  lid: 34,
  active_width: 43,
  active_speed: 44,
  phys_state: 45,
  link_layer: 46,
  flags: 47,
} as const;

/** union ibv_gid. */
export const GID = { bytes: 16 } as const;

/** struct ibv_device; `name` and `dev_name` are texts, the second is the name of its file in /dev/infiniband. */
export const DEVICE = { bytes: 664, name: 24, dev_name: 88 } as const;

/** struct ibv_pd. */
export const PD = { context: 0 } as const;

/** struct ibv_mr. */
export const MR = {
  bytes: 48,
  context: 0,
  pd: 8,
  addr: 16,
  length: 24,
  lkey: 36,
  rkey: 40,
} as const;

/** struct ibv_mw: a memory window. */
export const MW = { bytes: 32, context: 0, pd: 8, rkey: 16, type: 24 } as const;

/** struct ibv_qp; `state` is the state that the library last set, not the device's. */
export const QP = { context: 0, qp_num: 52, state: 56 } as const;

/** struct ibv_cq. */
export const CQ = { context: 0, channel: 8, cqe: 28 } as const;

/** struct ibv_comp_channel. */
export const COMP_CHANNEL = { bytes: 16, context: 0, fd: 8 } as const;

/** struct ibv_async_event; `element` is the queue pair, completion queue or port number of the event. */
export const ASYNC_EVENT = { bytes: 16, element: 0, event_type: 8 } as const;

/** struct ibv_context with its struct ibv_context_ops, the table of the inline verbs. */
export function contextLayout(arch: Arch) {
  return {
    device: 0,
    alloc_mw: 64,
    bind_mw: 72,
    dealloc_mw: 80,
    poll_cq: 96,
    req_notify_cq: 104,
    post_srq_recv: 168,
    post_send: 208,
    post_recv: 216,
    async_fd: 268,
    num_comp_vectors: 272,
    /** All ones (`(void *) -1`) in a context of this ABI. */
    abi_compat: 280 + MUTEX_BYTES[arch],
    bytes: 288 + MUTEX_BYTES[arch],
  };
}

/** The context's layout on this machine. */
export const CONTEXT: ReturnType<typeof contextLayout> = contextLayout(Deno.build.arch as Arch);

/** struct rdma_event_channel. */
export const EVENT_CHANNEL = { bytes: 4, fd: 0 } as const;

/** struct rdma_cm_id; both addresses are struct sockaddr_storage. */
export const CM_ID = {
  bytes: 416,
  verbs: 0,
  channel: 8,
  context: 16,
  qp: 24,
  src_addr: 32,
  dst_addr: 160,
  ps: 344,
  port_num: 348,
  pd: 400,
} as const;

/** struct rdma_cm_event, with its struct rdma_conn_param. */
export const CM_EVENT = {
  bytes: 80,
  id: 0,
  listen_id: 8,
  event: 16,
  status: 20,
  private_data: 24,
  private_data_len: 32,
  responder_resources: 33,
  initiator_depth: 34,
  flow_control: 35,
  retry_count: 36,
  rnr_retry_count: 37,
  qp_num: 40,
} as const;

/** struct rdma_conn_param. */
export const CONN_PARAM = {
  bytes: 24,
  private_data: 0,
  private_data_len: 8,
  responder_resources: 9,
  initiator_depth: 10,
  flow_control: 11,
  retry_count: 12,
  rnr_retry_count: 13,
  srq: 14,
  qp_num: 16,
} as const;
