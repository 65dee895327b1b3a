/** The RDMA ports of this host: facts from the libraries, joined with those of the kernel in /sys. */

import { openLibc } from "../../ffi/libc.ts";
import { findDeviceAddresses } from "../../ffi/verbs/device_addresses.ts";
import { type DeviceFacts, listDevices, type PortFacts } from "../../ffi/verbs/devices.ts";
import { openVerbs } from "../../ffi/verbs/open_verbs.ts";

/** An entry of a port's GID table. */
export interface Gid {
  readonly index: number;
  readonly gid: string;
  /** Such as `RoCE v2` or `IB/RoCE v1`. */
  readonly type: string;
  /** The network interface, if there is one. */
  readonly interface?: string;
}

/** A port of a device, as `rfaas devices --json` prints it. */
export interface RdmaPort {
  readonly device: string;
  readonly port: number;
  /** `ACTIVE` if the port can be used. */
  readonly state: string;
  readonly linkLayer: string;
  /** The IP address to use with `rfaas executor-manager --fabric-address`; absent if the port has none. */
  readonly address?: string;
  /** All IP addresses of the port. */
  readonly addresses: readonly string[];
  /** The entry of the GID table for the address. RoCE version 2 is preferred to version 1. */
  readonly gid?: string;
  readonly gidIndex?: number;
  readonly mtu: number;
  readonly maxInlineBytes: number;
  readonly maxQueueDepth: number;
  readonly atomics: boolean;
  readonly memoryWindows: boolean;
  readonly guid: string;
  readonly firmware: string;
  readonly gids: readonly Gid[];
}

/**
 * Lists every port of every device.
 *
 * @throws {VerbsUnavailableError} If there are no libraries, no device, or no permission.
 */
export async function findRdmaPorts(): Promise<RdmaPort[]> {
  const libc = openLibc();
  try {
    const verbs = openVerbs(libc);
    try {
      const devices = listDevices(verbs);
      const bound = await findDeviceAddresses(verbs, hostAddresses());
      return await Promise.all(devices.flatMap((device) =>
        device.ports.map((port) => {
          const isOfPort = (other: { device: string; port: number }) =>
            other.device === device.name && other.port === port.port;
          return describe(device, port, bound.filter(isOfPort).map(({ address }) => address));
        })
      ));
    } finally {
      verbs.close();
    }
  } finally {
    libc.close();
  }
}

/** IPv4 first. Loopback and link-local addresses are left out: other hosts cannot reach them. */
function hostAddresses(): string[] {
  const addresses = Deno.networkInterfaces().map(({ address }) => address)
    .filter((address) => !/^(127\.|::1$|fe80:)/.test(address));
  const isV6 = (address: string) => Number(address.includes(":"));
  return [...new Set(addresses)].sort((a, b) => isV6(a) - isV6(b));
}

async function describe(
  device: DeviceFacts,
  port: PortFacts,
  addresses: string[],
): Promise<RdmaPort> {
  const gids = await Promise.all(port.gids.map(async ({ index, gid }): Promise<Gid> => {
    const attribute = (kind: string) =>
      readLine(
        `/sys/class/infiniband/${device.name}/ports/${port.port}/gid_attrs/${kind}/${index}`,
      );
    const [type, interface_] = await Promise.all([attribute("types"), attribute("ndevs")]);
    return { index, gid, type: type || "IB", ...(interface_ ? { interface: interface_ } : {}) };
  }));
  const [address] = addresses;
  const isOfAddress = ({ gid }: Gid) => gid === address || gid === `::ffff:${address}`;
  const entry = gids.find((gid) => isOfAddress(gid) && gid.type.includes("v2")) ??
    gids.find(isOfAddress);
  return {
    device: device.name,
    port: port.port,
    state: port.state,
    linkLayer: port.linkLayer,
    ...(address === undefined ? {} : { address }),
    addresses,
    ...(entry === undefined ? {} : { gid: entry.gid, gidIndex: entry.index }),
    mtu: port.mtuBytes,
    maxInlineBytes: device.maxInlineBytes,
    maxQueueDepth: device.maxQueueDepth,
    atomics: device.atomics,
    memoryWindows: device.memoryWindows,
    guid: device.guid,
    firmware: device.firmware,
    gids,
  };
}

/** Reads an attribute; empty if this port lacks it. A missing permission is an error. */
async function readLine(path: string): Promise<string> {
  const text = await Deno.readTextFile(path).catch((error) => {
    if (error instanceof Deno.errors.NotCapable) throw error;
    return "";
  });
  return text.trim();
}
