/** Which of this host's addresses belongs to which RDMA device: the connection manager is asked. */

import { PS } from "./constants.ts";
import type { CmId, Device, EventChannel } from "./handles.ts";
import { CONTEXT } from "./layout.ts";
import { check, idContext, idPort } from "./objects.ts";
import type { Verbs } from "./open_verbs.ts";
import { resolveSocketAddress } from "./socket_address.ts";

/** An address that a device answers to. */
export interface DeviceAddress {
  readonly address: string;
  readonly device: string;
  readonly port: number;
}

/** Binds to each address in turn: an address of a device gives the device (`man rdma_bind_addr`). */
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
