/**
 * librdmacm, as a table of typed functions (`man rdma_cm`).
 *
 * On failure a function that returns an int returns -1, one that returns an object returns null, and both set errno.
 */

import { type NonNull, POINTER } from "./handles.ts";

/** The library's name for the loader. Its major version 1 is the ABI of the layouts. */
export const LIBRDMACM = "librdmacm.so.1";

/** One line per parameter, with its C type. */
export const LIBRDMACM_SYMBOLS = {
  rdma_create_event_channel: {
    parameters: [],
    result: POINTER.eventChannel, // struct rdma_event_channel *
  },
  rdma_destroy_event_channel: {
    parameters: [
      POINTER.eventChannel, // struct rdma_event_channel *
    ],
    result: "void",
  },
  rdma_create_id: {
    parameters: [
      POINTER.eventChannel, // struct rdma_event_channel *
      "buffer", // struct rdma_cm_id **
      "pointer", // void *context (may be null)
      "i32", // enum rdma_port_space
    ],
    result: "i32",
  },
  /** Blocks until every event of the id is acknowledged. Its queue pair must be destroyed before. */
  rdma_destroy_id: {
    parameters: [
      POINTER.id, // struct rdma_cm_id *
    ],
    result: "i32",
  },
  rdma_bind_addr: {
    parameters: [
      POINTER.id, // struct rdma_cm_id *
      "buffer", // struct sockaddr *
    ],
    result: "i32",
  },
  rdma_resolve_addr: {
    parameters: [
      POINTER.id, // struct rdma_cm_id *
      "pointer", // struct sockaddr *src_addr (null: the bound address, or by route)
      "buffer", // struct sockaddr *dst_addr
      "i32", // int timeout_ms
    ],
    result: "i32",
  },
  rdma_resolve_route: {
    parameters: [
      POINTER.id, // struct rdma_cm_id *
      "i32", // int timeout_ms
    ],
    result: "i32",
  },
  rdma_create_qp: {
    parameters: [
      POINTER.id, // struct rdma_cm_id *
      POINTER.pd, // struct ibv_pd *
      "buffer", // struct ibv_qp_init_attr * (capabilities are written back)
    ],
    result: "i32",
  },
  rdma_destroy_qp: {
    parameters: [
      POINTER.id, // struct rdma_cm_id *
    ],
    result: "void",
  },
  rdma_listen: {
    parameters: [
      POINTER.id, // struct rdma_cm_id *
      "i32", // int backlog
    ],
    result: "i32",
  },
  rdma_accept: {
    parameters: [
      POINTER.id, // struct rdma_cm_id *
      "buffer", // struct rdma_conn_param *
    ],
    result: "i32",
  },
  rdma_reject: {
    parameters: [
      POINTER.id, // struct rdma_cm_id *
      "buffer", // const void *private_data
      "u8", // uint8_t private_data_len
    ],
    result: "i32",
  },
  rdma_connect: {
    parameters: [
      POINTER.id, // struct rdma_cm_id *
      "buffer", // struct rdma_conn_param *
    ],
    result: "i32",
  },
  rdma_disconnect: {
    parameters: [
      POINTER.id, // struct rdma_cm_id *
    ],
    result: "i32",
  },
  /** Reports an asynchronous event, such as COMM_EST, to the connection manager. */
  rdma_notify: {
    parameters: [
      POINTER.id, // struct rdma_cm_id *
      "i32", // enum ibv_event_type
    ],
    result: "i32",
  },
  /** Blocks unless the channel's descriptor is nonblocking. */
  rdma_get_cm_event: {
    parameters: [
      POINTER.eventChannel, // struct rdma_event_channel *
      "buffer", // struct rdma_cm_event **
    ],
    result: "i32",
  },
  rdma_ack_cm_event: {
    parameters: [
      POINTER.event, // struct rdma_cm_event *
    ],
    result: "i32",
  },
  /** Blocks until all events of the id from its old channel are acknowledged. */
  rdma_migrate_id: {
    parameters: [
      POINTER.id, // struct rdma_cm_id *
      POINTER.eventChannel, // struct rdma_event_channel *
    ],
    result: "i32",
  },
  rdma_set_option: {
    parameters: [
      POINTER.id, // struct rdma_cm_id *
      "i32", // int level
      "i32", // int optname
      "buffer", // void *optval
      "usize", // size_t optlen
    ],
    result: "i32",
  },
  rdma_get_src_port: {
    parameters: [
      POINTER.id, // struct rdma_cm_id *
    ],
    result: "u16", // __be16
  },
  rdma_get_dst_port: {
    parameters: [
      POINTER.id, // struct rdma_cm_id *
    ],
    result: "u16", // __be16
  },
  rdma_event_str: {
    parameters: [
      "i32", // enum rdma_cm_event_type
    ],
    result: "pointer", // const char *
  },
} as const satisfies Deno.ForeignLibraryInterface;

/** The functions of librdmacm. */
export type Librdmacm = NonNull<Deno.DynamicLibrary<typeof LIBRDMACM_SYMBOLS>["symbols"]>;
