/** Checks what a host needs for RDMA between hosts. */

import { LIBIBVERBS } from "../../ffi/verbs/libibverbs.ts";
import { LIBRDMACM } from "../../ffi/verbs/librdmacm.ts";
import { memoryLockLimit } from "../../ffi/verbs/memory_lock.ts";
import { HELP } from "../../ffi/verbs/open_verbs.ts";
import { VerbsUnavailableError } from "../../ffi/verbs/verbs_unavailable.ts";
import { libraryVersion } from "../../ffi/verbs/library_version.ts";
import { check, type HostCheck } from "./host_check.ts";
import { findRdmaPorts, type RdmaPort } from "./rdma_devices.ts";
import { sizeText } from "../quantity_text.ts";

/** The number of the capability that lifts the memory lock limit (`man 7 capabilities`). */
const CAP_IPC_LOCK = 14n;
/** Bytes that a work request should carry inline: a small call and its header. */
const MIN_INLINE_BYTES = 64;

/** Checks the libraries, the memory lock limit, and the devices. */
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
  return check(name, "optional", version !== undefined, version ?? "not installed", HELP.library);
}

async function checkMemoryLock(): Promise<HostCheck> {
  const limit = memoryLockLimit();
  const status = await Deno.readTextFile("/proc/self/status").catch(() => "");
  const capabilities = BigInt(`0x${/^CapEff:\s+([0-9a-f]+)/m.exec(status)?.[1] ?? "0"}`);
  const isExempt = ((capabilities >> CAP_IPC_LOCK) & 1n) === 1n;
  const found = limit === Infinity
    ? "unlimited"
    : `${sizeText(limit)}, ${isExempt ? "this user is exempt" : "enough for shared memory"}`;
  const fix = "ulimit -l unlimited (RDMA locks the memory that it registers)";
  return check("memory lock limit", "optional", limit === Infinity || isExempt, found, fix);
}

async function checkDevices(): Promise<HostCheck[]> {
  try {
    const ports = await findRdmaPorts();
    const found = [...new Set(ports.map(({ device }) => device))].join(", ") || "none";
    return [
      check("RDMA device", "optional", ports.length > 0, found, HELP.device),
      ...ports.flatMap(checkPort),
    ];
  } catch (error) {
    if (!(error instanceof VerbsUnavailableError)) throw error;
    const { code, message } = error;
    const fix = code === "device" || code === "permission" ? HELP[code] : HELP.library;
    // The fix has its own line.
    return [check("RDMA device", "optional", false, message.split(/; /)[0]!, fix)];
  }
}

function checkPort(port: RdmaPort): HostCheck[] {
  const name = `${port.device} port ${port.port}`;
  const isActive = port.state === "ACTIVE";
  const network = port.gids.find((gid) => gid.interface)?.interface ?? "ib0";
  const found = `${port.linkLayer}, ${port.state.toLowerCase()}, ` +
    `${port.address ?? "no IP address"}, MTU ${port.mtu}`;
  const fix = isActive
    ? `ip address add 10.0.0.1/24 dev ${network}`
    : `ip link set ${network} up (or check the cable)`;
  return [
    check(name, "optional", isActive && port.address !== undefined, found, fix),
    check(
      `${port.device} inline sends`,
      "optional",
      port.maxInlineBytes >= MIN_INLINE_BYTES,
      `up to ${port.maxInlineBytes} bytes`,
      "none: each small call costs this device one more memory read",
    ),
  ];
}
