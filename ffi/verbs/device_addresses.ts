/** Finding the RDMA device of each address of this host, through the connection manager. */

import { PS } from "./constants.ts";
import type { CmId, Device, EventChannel } from "./handles.ts";
import { CONTEXT } from "./layout.ts";
import { check, idContext, idPort } from "./objects.ts";
import type { Verbs } from "./open_verbs.ts";
import { resolveSocketAddress } from "./socket_address.ts";

/** An address of a device. */
export interface DeviceAddress {
  readonly address: string;
  /** The device's name, such as `rxe0`. */
  readonly device: string;
  /** The device's port, from 1. */
  readonly port: number;
}

/**
 * Finds the devices by binding an id to each address, which sets the id's device (`man rdma_bind_addr`).
 *
 * @returns the addresses that belong to a device.
 * @throws {ErrnoError} when there is no RDMA device.
 */
export async function findDeviceAddresses(
  verbs: Verbs,
  addresses: readonly string[],
): Promise<DeviceAddress[]> {
  const { libc, rdma } = verbs;
  const channel = check(libc, rdma.rdma_create_event_channel(), "make an event channel");
  try {
    const found: DeviceAddress[] = [];
    for (const address of addresses) {
      const local = await resolveSocketAddress({ host: address, port: 0 }, { passive: true });
      const one = bind(verbs, channel, local);
      if (one) found.push({ address, ...one });
    }
    return found;
  } finally {
    rdma.rdma_destroy_event_channel(channel);
  }
}

function bind(
  { libc, rdma, ibv, memory }: Verbs,
  channel: EventChannel,
  local: Uint8Array<ArrayBuffer>,
): { device: string; port: number } | undefined {
  const out = new BigUint64Array(1);
  if (rdma.rdma_create_id(channel, out, null, PS.TCP) !== 0) throw libc.fail("make a connection");
  const id = memory.pointerTo<CmId>(out[0]!)!;
  try {
    if (rdma.rdma_bind_addr(id, local) !== 0) return undefined;
    const context = idContext(memory, id);
    if (context === null) return undefined;
    const view = new DataView(memory.bytesAt(context, CONTEXT.bytes).buffer);
    const device = memory.pointerTo<Device>(view.getBigUint64(CONTEXT.device, true))!;
    return { device: memory.textAt(ibv.ibv_get_device_name(device)), port: idPort(memory, id) };
  } finally {
    rdma.rdma_destroy_id(id);
  }
}
