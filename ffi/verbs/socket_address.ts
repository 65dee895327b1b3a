/** Host addresses in the form of the connection manager: struct sockaddr_in and sockaddr_in6. */

import { cString } from "../libc.ts";
import { type CMemory, openCMemory } from "./c_memory.ts";

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM = 1;
const AI_PASSIVE = 1;
/** Size and offsets of struct addrinfo of glibc, in bytes. */
const ADDRINFO = { bytes: 48, ai_flags: 0, ai_socktype: 8, ai_addrlen: 16, ai_addr: 24 } as const;

/** A numeric address and a port. */
export interface SocketAddress {
  /** Such as `10.77.0.1` or `fe80::1`. */
  readonly host: string;
  readonly port: number;
}

/**
 * The address and port of a struct sockaddr_storage.
 *
 * @throws {Error} when it is neither IPv4 nor IPv6.
 */
export function socketAddressOf(bytes: Uint8Array<ArrayBuffer>): SocketAddress {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const family = view.getUint16(0, true);
  const port = view.getUint16(2);
  if (family === AF_INET) return { host: bytes.subarray(4, 8).join("."), port };
  if (family === AF_INET6) return { host: ipv6Text(bytes.subarray(8, 24)), port };
  throw new Error(`Cannot read a socket address: its family is ${family}, not IPv4 or IPv6`);
}

/** The text of an IPv6 address of 16 bytes, in the short form such as `fe80::1`. */
export function ipv6Text(bytes: Uint8Array): string {
  const groups = Array.from({ length: 8 }, (_, i) => bytes[2 * i]! * 256 + bytes[2 * i + 1]!);
  const text = groups.map((group) => group.toString(16)).join(":");
  return new URL(`http://[${text}]`).hostname.slice(1, -1);
}

/**
 * The struct sockaddr of a host and a port. The host may be a name, which is resolved on another thread.
 *
 * @param options `passive`: for binding. An empty host then means all addresses.
 * @throws {Error} when the name cannot be resolved.
 */
export async function resolveSocketAddress(
  { host, port }: SocketAddress,
  options: { passive?: boolean } = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const library = openResolver();
  const memory = openCMemory();
  try {
    const hints = new Uint8Array(ADDRINFO.bytes);
    const view = new DataView(hints.buffer);
    view.setInt32(ADDRINFO.ai_flags, options.passive ? AI_PASSIVE : 0, true);
    view.setInt32(ADDRINFO.ai_socktype, SOCK_STREAM, true);
    const node = host === "" ? null : cString(host);
    const [service, found] = [cString(String(port)), new BigUint64Array(1)];
    // The other thread reads these while this function waits, so they must stay referenced.
    const kept = [node, service, hints, found];
    const error = await library.symbols.getaddrinfo(node, service, hints, found);
    if (error !== 0 || kept.length === 0) {
      const text = memory.textAt(library.symbols.gai_strerror(error));
      throw new Error(`Cannot find the address of host ${JSON.stringify(host)}: ${text}`);
    }
    const list = memory.pointerTo(found[0]!)!;
    const address = firstAddress(memory, list);
    library.symbols.freeaddrinfo(list);
    return address;
  } finally {
    memory.close();
    library.close();
  }
}

function firstAddress(memory: CMemory, list: Deno.PointerObject): Uint8Array<ArrayBuffer> {
  const view = new DataView(memory.bytesAt(list, ADDRINFO.bytes).buffer);
  const address = memory.pointerTo(view.getBigUint64(ADDRINFO.ai_addr, true))!;
  return memory.bytesAt(address, view.getUint32(ADDRINFO.ai_addrlen, true));
}

function openResolver() {
  return Deno.dlopen("libc.so.6", {
    getaddrinfo: {
      parameters: [
        "buffer", // const char *node
        "buffer", // const char *service
        "buffer", // const struct addrinfo *hints
        "buffer", // struct addrinfo **
      ],
      result: "i32",
      nonblocking: true,
    },
    freeaddrinfo: {
      parameters: [
        "pointer", // struct addrinfo *
      ],
      result: "void",
    },
    gai_strerror: {
      parameters: [
        "i32", // int error
      ],
      result: "pointer", // const char *
    },
  });
}
