/** The RDMA devices of this host and their ports, as libibverbs reports them. */

import { errnoError } from "../errno.ts";
import { DEVICE_CAP, LINK_LAYER, MTU, PORT_STATE, QPT } from "./constants.ts";
import type { Context, Device } from "./handles.ts";
import { checkContext } from "./inline_verbs.ts";
import { DEVICE, DEVICE_ATTR, GID, PORT_ATTR, QP_INIT_ATTR } from "./layout.ts";
import { check } from "./objects.ts";
import { deviceError, type Verbs } from "./open_verbs.ts";
import { ipv6Text } from "./socket_address.ts";

/** An entry of a port's address table. */
export interface GidFacts {
  /** Its index in the table. */
  readonly index: number;
  /** As an IPv6 address; RoCE maps an IPv4 address into `::ffff:`. */
  readonly gid: string;
}

/** The properties of a port. */
export interface PortFacts {
  /** Its number, from 1. */
  readonly port: number;
  readonly state: keyof typeof PORT_STATE;
  readonly linkLayer: "Ethernet" | "InfiniBand" | "unspecified";
  /** Bytes of payload in a packet, as configured. */
  readonly mtuBytes: number;
  /** The most bytes of payload in a packet. */
  readonly maxMtuBytes: number;
  readonly gids: readonly GidFacts[];
}

/** The properties of a device. */
export interface DeviceFacts {
  readonly name: string;
  /** Sixteen hexadecimal digits. */
  readonly guid: string;
  readonly firmware: string;
  /** The most requests of a queue. */
  readonly maxQueueDepth: number;
  /** The most bytes that a request itself can carry; found by making a queue pair. */
  readonly maxInlineBytes: number;
  /** Reads and atomics that a connection may have in flight. */
  readonly maxReadsAtOnce: number;
  readonly atomics: boolean;
  readonly memoryWindows: boolean;
  readonly ports: readonly PortFacts[];
}

/**
 * Lists all devices.
 *
 * @throws {VerbsUnavailableError} when one cannot be opened.
 * @throws {ErrnoError} when one cannot be queried.
 */
export function listDevices(verbs: Verbs): DeviceFacts[] {
  const { ibv, libc, memory } = verbs;
  const list = check(libc, ibv.ibv_get_device_list(new Int32Array(1)), "list the RDMA devices");
  try {
    const found: DeviceFacts[] = [];
    for (let at = memory.addressOf(list);; at += 8n) {
      const entry = memory.bytesAt(memory.pointerTo(at)!, 8);
      const device = memory.pointerTo<Device>(new BigUint64Array(entry.buffer)[0]!);
      if (device === null) return found;
      found.push(describe(verbs, device));
    }
  } finally {
    ibv.ibv_free_device_list(list);
  }
}

function describe(verbs: Verbs, device: Device): DeviceFacts {
  const { ibv, libc, memory } = verbs;
  const name = memory.textAt(ibv.ibv_get_device_name(device));
  const context = ibv.ibv_open_device(device);
  if (context === null) throw deviceError(libc, `open RDMA device ${name}`, fileOf(verbs, device));
  try {
    const { memoryWindows } = checkContext(memory, context);
    const bytes = new Uint8Array(DEVICE_ATTR.bytes);
    const errno = ibv.ibv_query_device(context, bytes);
    if (errno !== 0) throw errnoError(`query RDMA device ${name}`, errno);
    const view = new DataView(bytes.buffer);
    const windows = DEVICE_CAP.MEM_WINDOW | DEVICE_CAP.MEM_WINDOW_TYPE_2A |
      DEVICE_CAP.MEM_WINDOW_TYPE_2B;
    const ports = view.getUint8(DEVICE_ATTR.phys_port_cnt);
    return {
      name,
      // In network byte order, like its text.
      guid: bytes.subarray(DEVICE_ATTR.node_guid, DEVICE_ATTR.node_guid + 8).toHex(),
      firmware: new TextDecoder().decode(bytes.subarray(0, 64)).split("\0")[0]!,
      maxQueueDepth: view.getInt32(DEVICE_ATTR.max_qp_wr, true),
      maxInlineBytes: findMaxInline(verbs, context),
      maxReadsAtOnce: view.getInt32(DEVICE_ATTR.max_qp_rd_atom, true),
      atomics: view.getInt32(DEVICE_ATTR.atomic_cap, true) !== 0,
      memoryWindows: memoryWindows &&
        (view.getUint32(DEVICE_ATTR.device_cap_flags, true) & windows) !== 0,
      ports: Array.from({ length: ports }, (_, i) => describePort(verbs, context, i + 1)),
    };
  } finally {
    ibv.ibv_close_device(context);
  }
}

function fileOf({ memory }: Verbs, device: Device): string {
  const bytes = memory.bytesAt(device, DEVICE.bytes).subarray(DEVICE.dev_name);
  return `/dev/infiniband/${new TextDecoder().decode(bytes.subarray(0, bytes.indexOf(0)))}`;
}

function describePort(verbs: Verbs, context: Context, port: number): PortFacts {
  const bytes = new Uint8Array(PORT_ATTR.bytes);
  const errno = verbs.ibv.ibv_query_port(context, port, bytes);
  if (errno !== 0) throw errnoError(`query port ${port} of an RDMA device`, errno);
  const view = new DataView(bytes.buffer);
  const layer = view.getUint8(PORT_ATTR.link_layer);
  const state = view.getInt32(PORT_ATTR.state, true);
  return {
    port,
    state: nameOf(PORT_STATE, state) ?? "NOP",
    linkLayer: layer === LINK_LAYER.ETHERNET
      ? "Ethernet"
      : layer === LINK_LAYER.INFINIBAND
      ? "InfiniBand"
      : "unspecified",
    mtuBytes: Number(nameOf(MTU, view.getInt32(PORT_ATTR.active_mtu, true)) ?? 0),
    maxMtuBytes: Number(nameOf(MTU, view.getInt32(PORT_ATTR.max_mtu, true)) ?? 0),
    gids: listGids(verbs, context, port, view.getInt32(PORT_ATTR.gid_tbl_len, true)),
  };
}

function nameOf<T extends Record<string | number, number>>(table: T, value: number) {
  return Object.keys(table).find((name) => table[name] === value) as keyof T | undefined;
}

/** The used entries; tables are mostly empty. */
function listGids({ ibv }: Verbs, context: Context, port: number, length: number): GidFacts[] {
  const gids: GidFacts[] = [];
  const bytes = new Uint8Array(GID.bytes);
  for (let index = 0; index < length; index++) {
    const exists = ibv.ibv_query_gid(context, port, index, bytes) === 0;
    if (exists && bytes.some((byte) => byte !== 0)) gids.push({ index, gid: gidText(bytes) });
  }
  return gids;
}

function gidText(bytes: Uint8Array): string {
  const mapped = bytes.subarray(0, 12).toHex() === "00000000000000000000ffff";
  return mapped ? `::ffff:${bytes.subarray(12).join(".")}` : ipv6Text(bytes);
}

/** Devices do not report their limit of inline bytes, but refuse a queue pair with more. */
const INLINE_TRIES = [1024, 512, 256, 128, 64, 32];

function findMaxInline({ ibv, libc, memory }: Verbs, context: Context): number {
  const pd = check(libc, ibv.ibv_alloc_pd(context), "make a protection domain");
  try {
    const cq = check(libc, ibv.ibv_create_cq(context, 1, null, null, 0), "make a completion queue");
    try {
      for (const bytes of INLINE_TRIES) {
        const attributes = new Uint8Array(QP_INIT_ATTR.bytes);
        const view = new DataView(attributes.buffer);
        const address = memory.addressOf(cq);
        view.setBigUint64(QP_INIT_ATTR.send_cq, address, true);
        view.setBigUint64(QP_INIT_ATTR.recv_cq, address, true);
        for (const one of ["max_send_wr", "max_recv_wr", "max_send_sge", "max_recv_sge"] as const) {
          view.setUint32(QP_INIT_ATTR[one], 1, true);
        }
        view.setUint32(QP_INIT_ATTR.max_inline_data, bytes, true);
        view.setInt32(QP_INIT_ATTR.qp_type, QPT.RC, true);
        const qp = ibv.ibv_create_qp(pd, attributes);
        if (qp === null) continue;
        ibv.ibv_destroy_qp(qp);
        return view.getUint32(QP_INIT_ATTR.max_inline_data, true); // the driver writes its value back
      }
      return 0;
    } finally {
      ibv.ibv_destroy_cq(cq);
    }
  } finally {
    ibv.ibv_dealloc_pd(pd);
  }
}
