/**
 * libibverbs, as a table of typed functions (`man ibv_open_device` and related pages).
 *
 * On failure a function that returns an object returns null and sets errno. One that returns an int returns the error
 * number, or 0 for success, unless the table has a comment.
 */

import { type NonNull, POINTER } from "./handles.ts";

/** The library's name for the loader. Its major version 1 is the ABI of the layouts. */
export const LIBIBVERBS = "libibverbs.so.1";

/** One line per parameter, with its C type. */
export const LIBIBVERBS_SYMBOLS = {
  /** Must be called before any other function, see openVerbs. */
  ibv_fork_init: { parameters: [], result: "i32" },
  ibv_get_device_list: {
    parameters: [
      "buffer", // int *num_devices
    ],
    result: POINTER.deviceList, // struct ibv_device **
  },
  ibv_free_device_list: {
    parameters: [
      POINTER.deviceList, // struct ibv_device **
    ],
    result: "void",
  },
  ibv_get_device_name: {
    parameters: [
      POINTER.device, // struct ibv_device *
    ],
    result: "pointer", // const char *
  },
  ibv_get_device_guid: {
    parameters: [
      POINTER.device, // struct ibv_device *
    ],
    result: "u64", // __be64
  },
  ibv_open_device: {
    parameters: [
      POINTER.device, // struct ibv_device *
    ],
    result: POINTER.context, // struct ibv_context *
  },
  ibv_close_device: {
    parameters: [
      POINTER.context, // struct ibv_context *
    ],
    result: "i32", // -1 and errno
  },
  ibv_query_device: {
    parameters: [
      POINTER.context, // struct ibv_context *
      "buffer", // struct ibv_device_attr *
    ],
    result: "i32",
  },
  /** The exported symbol; verbs.h also has an inline function that fills two more bytes at the end. */
  ibv_query_port: {
    parameters: [
      POINTER.context, // struct ibv_context *
      "u8", // uint8_t port_num, from 1
      "buffer", // struct _compat_ibv_port_attr *
    ],
    result: "i32",
  },
  ibv_query_gid: {
    parameters: [
      POINTER.context, // struct ibv_context *
      "u8", // uint8_t port_num, from 1
      "i32", // int index
      "buffer", // union ibv_gid *
    ],
    result: "i32", // -1 and errno
  },
  ibv_alloc_pd: {
    parameters: [
      POINTER.context, // struct ibv_context *
    ],
    result: POINTER.pd, // struct ibv_pd *
  },
  ibv_dealloc_pd: {
    parameters: [
      POINTER.pd, // struct ibv_pd *
    ],
    result: "i32",
  },
  /** The exported symbol; the header's macro calls another one only for optional access flags (relaxed ordering). */
  ibv_reg_mr: {
    parameters: [
      POINTER.pd, // struct ibv_pd *
      POINTER.memory, // void *addr
      "usize", // size_t length
      "i32", // int access
    ],
    result: POINTER.mr, // struct ibv_mr *
  },
  ibv_dereg_mr: {
    parameters: [
      POINTER.mr, // struct ibv_mr *
    ],
    result: "i32",
  },
  ibv_create_comp_channel: {
    parameters: [
      POINTER.context, // struct ibv_context *
    ],
    result: POINTER.channel, // struct ibv_comp_channel *
  },
  ibv_destroy_comp_channel: {
    parameters: [
      POINTER.channel, // struct ibv_comp_channel *
    ],
    result: "i32",
  },
  ibv_create_cq: {
    parameters: [
      POINTER.context, // struct ibv_context *
      "i32", // int cqe
      "pointer", // void *cq_context (may be null)
      "pointer", // struct ibv_comp_channel * (may be null)
      "i32", // int comp_vector
    ],
    result: POINTER.cq, // struct ibv_cq *
  },
  ibv_destroy_cq: {
    parameters: [
      POINTER.cq, // struct ibv_cq *
    ],
    result: "i32",
  },
  /** Blocks unless the channel's descriptor is nonblocking. */
  ibv_get_cq_event: {
    parameters: [
      POINTER.channel, // struct ibv_comp_channel *
      "buffer", // struct ibv_cq **
      "buffer", // void **cq_context
    ],
    result: "i32", // -1 and errno
  },
  /** Takes a mutex, so it can acknowledge many at a time. A queue cannot be destroyed before all are acknowledged. */
  ibv_ack_cq_events: {
    parameters: [
      POINTER.cq, // struct ibv_cq *
      "u32", // unsigned int nevents
    ],
    result: "void",
  },
  ibv_create_qp: {
    parameters: [
      POINTER.pd, // struct ibv_pd *
      "buffer", // struct ibv_qp_init_attr * (capabilities are written back)
    ],
    result: POINTER.qp, // struct ibv_qp *
  },
  ibv_destroy_qp: {
    parameters: [
      POINTER.qp, // struct ibv_qp *
    ],
    result: "i32",
  },
  ibv_modify_qp: {
    parameters: [
      POINTER.qp, // struct ibv_qp *
      "buffer", // struct ibv_qp_attr *
      "i32", // int attr_mask
    ],
    result: "i32",
  },
  ibv_query_qp: {
    parameters: [
      POINTER.qp, // struct ibv_qp *
      "buffer", // struct ibv_qp_attr *
      "i32", // int attr_mask
      "buffer", // struct ibv_qp_init_attr *
    ],
    result: "i32",
  },
  /** Blocks unless the context's async_fd is nonblocking. */
  ibv_get_async_event: {
    parameters: [
      POINTER.context, // struct ibv_context *
      "buffer", // struct ibv_async_event *
    ],
    result: "i32", // -1 and errno
  },
  ibv_ack_async_event: {
    parameters: [
      "buffer", // struct ibv_async_event *
    ],
    result: "void",
  },
  ibv_event_type_str: {
    parameters: [
      "i32", // enum ibv_event_type
    ],
    result: "pointer", // const char *
  },
  ibv_wc_status_str: {
    parameters: [
      "i32", // enum ibv_wc_status
    ],
    result: "pointer", // const char *
  },
} as const satisfies Deno.ForeignLibraryInterface;

/** The functions of libibverbs. */
export type Libibverbs = NonNull<Deno.DynamicLibrary<typeof LIBIBVERBS_SYMBOLS>["symbols"]>;
