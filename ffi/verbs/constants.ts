/** Numbers of verbs.h and rdma_cma.h, by their names without the prefix. */

/** enum ibv_wr_opcode: the operation of a send request (`IBV_WR_…`). */
export const WR = {
  RDMA_WRITE: 0,
  RDMA_WRITE_WITH_IMM: 1,
  SEND: 2,
  SEND_WITH_IMM: 3,
  RDMA_READ: 4,
  ATOMIC_CMP_AND_SWP: 5,
  ATOMIC_FETCH_AND_ADD: 6,
  LOCAL_INV: 7,
  BIND_MW: 8,
  SEND_WITH_INV: 9,
} as const;

/** enum ibv_send_flags (`IBV_SEND_…`). */
export const SEND = { FENCE: 1, SIGNALED: 2, SOLICITED: 4, INLINE: 8 } as const;

/** enum ibv_access_flags (`IBV_ACCESS_…`). */
export const ACCESS = {
  LOCAL_WRITE: 1,
  REMOTE_WRITE: 2,
  REMOTE_READ: 4,
  REMOTE_ATOMIC: 8,
  MW_BIND: 16,
  ZERO_BASED: 32,
} as const;

/** enum ibv_wc_status: how a request ended (`IBV_WC_…`). */
export const WC_STATUS = {
  SUCCESS: 0,
  LOC_LEN_ERR: 1,
  LOC_QP_OP_ERR: 2,
  LOC_EEC_OP_ERR: 3,
  LOC_PROT_ERR: 4,
  WR_FLUSH_ERR: 5,
  MW_BIND_ERR: 6,
  BAD_RESP_ERR: 7,
  LOC_ACCESS_ERR: 8,
  REM_INV_REQ_ERR: 9,
  REM_ACCESS_ERR: 10,
  REM_OP_ERR: 11,
  RETRY_EXC_ERR: 12,
  RNR_RETRY_EXC_ERR: 13,
  LOC_RDD_VIOL_ERR: 14,
  REM_INV_RD_REQ_ERR: 15,
  REM_ABORT_ERR: 16,
  INV_EECN_ERR: 17,
  INV_EEC_STATE_ERR: 18,
  FATAL_ERR: 19,
  RESP_TIMEOUT_ERR: 20,
  GENERAL_ERR: 21,
} as const;

/** enum ibv_wc_opcode: the operation that ended (`IBV_WC_…`); only set when the status is SUCCESS. */
export const WC_OPCODE = {
  SEND: 0,
  RDMA_WRITE: 1,
  RDMA_READ: 2,
  COMP_SWAP: 3,
  FETCH_ADD: 4,
  BIND_MW: 5,
  LOCAL_INV: 6,
  /** The bit that every receive has. */
  RECV: 128,
  RECV_RDMA_WITH_IMM: 129,
} as const;

/** enum ibv_wc_flags (`IBV_WC_…`). */
export const WC_FLAGS = { GRH: 1, WITH_IMM: 2, WITH_INV: 8 } as const;

/** enum ibv_qp_type (`IBV_QPT_…`). */
export const QPT = { RC: 2, UC: 3, UD: 4 } as const;

/** enum ibv_qp_state (`IBV_QPS_…`). */
export const QPS = { RESET: 0, INIT: 1, RTR: 2, RTS: 3, SQD: 4, SQE: 5, ERR: 6 } as const;

/** enum ibv_qp_attr_mask: selects members of struct ibv_qp_attr (`IBV_QP_…`). */
export const QP_MASK = {
  STATE: 1 << 0,
  CUR_STATE: 1 << 1,
  ACCESS_FLAGS: 1 << 3,
  PKEY_INDEX: 1 << 4,
  PORT: 1 << 5,
  AV: 1 << 7,
  PATH_MTU: 1 << 8,
  TIMEOUT: 1 << 9,
  RETRY_CNT: 1 << 10,
  RNR_RETRY: 1 << 11,
  RQ_PSN: 1 << 12,
  MAX_QP_RD_ATOMIC: 1 << 13,
  MIN_RNR_TIMER: 1 << 15,
  SQ_PSN: 1 << 16,
  MAX_DEST_RD_ATOMIC: 1 << 17,
  CAP: 1 << 19,
  DEST_QPN: 1 << 20,
} as const;

/** enum ibv_mw_type (`IBV_MW_…`). */
export const MW_TYPE = { TYPE_1: 1, TYPE_2: 2 } as const;

/** enum ibv_device_cap_flags (`IBV_DEVICE_…`). */
export const DEVICE_CAP = {
  MEM_WINDOW: 1 << 17,
  MEM_MGT_EXTENSIONS: 1 << 21,
  MEM_WINDOW_TYPE_2A: 1 << 23,
  MEM_WINDOW_TYPE_2B: 1 << 24,
} as const;

/** enum ibv_atomic_cap (`IBV_ATOMIC_…`): not supported, atomic among requests to this device, and to the processor. */
export const ATOMIC = { NONE: 0, HCA: 1, GLOB: 2 } as const;

/** enum ibv_mtu (`IBV_MTU_…`). */
export const MTU = { 256: 1, 512: 2, 1024: 3, 2048: 4, 4096: 5 } as const;

/** enum ibv_port_state (`IBV_PORT_…`). */
export const PORT_STATE = {
  NOP: 0,
  DOWN: 1,
  INIT: 2,
  ARMED: 3,
  ACTIVE: 4,
  ACTIVE_DEFER: 5,
} as const;

/** `IBV_LINK_LAYER_…`. */
export const LINK_LAYER = { UNSPECIFIED: 0, INFINIBAND: 1, ETHERNET: 2 } as const;

/** enum ibv_event_type: events apart from completions (`IBV_EVENT_…`). */
export const ASYNC_EVENT_TYPE = {
  CQ_ERR: 0,
  QP_FATAL: 1,
  QP_REQ_ERR: 2,
  QP_ACCESS_ERR: 3,
  COMM_EST: 4,
  SQ_DRAINED: 5,
  PATH_MIG: 6,
  PATH_MIG_ERR: 7,
  DEVICE_FATAL: 8,
  PORT_ACTIVE: 9,
  PORT_ERR: 10,
  LID_CHANGE: 11,
  PKEY_CHANGE: 12,
  SM_CHANGE: 13,
  SRQ_ERR: 14,
  SRQ_LIMIT_REACHED: 15,
  QP_LAST_WQE_REACHED: 16,
  CLIENT_REREGISTER: 17,
  GID_CHANGE: 18,
} as const;

/** enum rdma_cm_event_type (`RDMA_CM_EVENT_…`). */
export const CM_EVENT_TYPE = {
  ADDR_RESOLVED: 0,
  ADDR_ERROR: 1,
  ROUTE_RESOLVED: 2,
  ROUTE_ERROR: 3,
  CONNECT_REQUEST: 4,
  CONNECT_RESPONSE: 5,
  CONNECT_ERROR: 6,
  UNREACHABLE: 7,
  REJECTED: 8,
  ESTABLISHED: 9,
  DISCONNECTED: 10,
  DEVICE_REMOVAL: 11,
  MULTICAST_JOIN: 12,
  MULTICAST_ERROR: 13,
  ADDR_CHANGE: 14,
  TIMEWAIT_EXIT: 15,
} as const;

/** enum rdma_port_space (`RDMA_PS_…`): TCP is that of reliable connections. */
export const PS = { TCP: 0x0106, UDP: 0x0111 } as const;

/** Levels and names of rdma_set_option (`RDMA_OPTION_…`). */
export const OPTION = {
  ID: 0,
  /** uint8_t */
  ID_TOS: 0,
  /** int: allows binding to an address that was in use just before. */
  ID_REUSEADDR: 1,
  /** uint8_t: how long to wait for an acknowledgement, 4.096 us times two to this power. */
  ID_ACK_TIMEOUT: 3,
} as const;
