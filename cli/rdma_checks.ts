/** What a host needs for RDMA between hosts. */

import { LIBIBVERBS } from "../ffi/verbs/libibverbs.ts";
import { LIBRDMACM } from "../ffi/verbs/librdmacm.ts";
import { memoryLockLimit } from "../ffi/verbs/memory_lock.ts";
import { HELP } from "../ffi/verbs/open_verbs.ts";
import { VerbsUnavailable } from "../ffi/verbs/verbs_unavailable.ts";
import { libraryVersion } from "../ffi/verbs/library_version.ts";
import { check, type HostCheck } from "./host_check.ts";
import { findRdmaPorts, type RdmaPort } from "./rdma_devices.ts";
import { sizeText } from "./table.ts";

/** The capability that the memory lock limit does not bind (`man capabilities`). */
const CAP_IPC_LOCK = 14n;
/** Bytes that a request should carry itself: a small call and its header. */
const LITTLE_INLINE_BYTES = 64;

/** Looks at the libraries, the memory that may be locked, and the devices. */
export async function checkRdma(): Promise<HostCheck[]> {
  return [
    checkLibrary("libibverbs", LIBIBVERBS),
    checkLibrary("librdmacm", LIBRDMACM),
    await checkMemoryLock(),
    ...await checkDevices(),
  ];
}

function checkLibrary(name: string, file: string): HostCheck {
  const version = libraryVersion(file);
  return check(name, "better", version !== undefined, version ?? "not there", HELP.library);
}

async function checkMemoryLock(): Promise<HostCheck> {
  const limit = memoryLockLimit();
  const status = await Deno.readTextFile("/proc/self/status").catch(() => "");
  const capabilities = BigInt(`0x${/^CapEff:\s+([0-9a-f]+)/m.exec(status)?.[1] ?? "0"}`);
  const isFree = ((capabilities >> CAP_IPC_LOCK) & 1n) === 1n;
  const found = limit === Infinity
    ? "unlimited"
    : `${sizeText(limit)}, ${
      isFree ? "which does not bind this user" : "enough for shared memory"
    }`;
  const fix = "ulimit -l unlimited (RDMA registers memory, which locks it)";
  return check("memory lock limit", "better", limit === Infinity || isFree, found, fix);
}

async function checkDevices(): Promise<HostCheck[]> {
  try {
    const ports = await findRdmaPorts();
    const found = [...new Set(ports.map(({ device }) => device))].join(", ") || "none";
    return [
      check("RDMA device", "better", ports.length > 0, found, HELP.device),
      ...ports.flatMap(checkPort),
    ];
  } catch (error) {
    if (!(error instanceof VerbsUnavailable)) throw error;
    const { code, message } = error;
    const fix = code === "device" || code === "permission" ? HELP[code] : HELP.library;
    // The fix stands on a line of its own.
    return [check("RDMA device", "better", false, message.split(/; /)[0]!, fix)];
  }
}

function checkPort(port: RdmaPort): HostCheck[] {
  const name = `${port.device} port ${port.port}`;
  const isActive = port.state === "ACTIVE";
  const network = port.gids.find((gid) => gid.interface)?.interface ?? "ib0";
  const found = `${port.linkLayer}, ${port.state.toLowerCase()}, ` +
    `${port.address ?? "no IP address"}, packets of ${port.mtu} bytes`;
  const fix = isActive
    ? `ip address add 10.0.0.1/24 dev ${network}`
    : `ip link set ${network} up (or look at the cable)`;
  return [
    check(name, "better", isActive && port.address !== undefined, found, fix),
    check(
      `${port.device} inline sends`,
      "better",
      port.maxInlineBytes >= LITTLE_INLINE_BYTES,
      `up to ${port.maxInlineBytes} bytes travel in the request itself`,
      "none: small calls take one read of memory more on this device",
    ),
  ];
}
