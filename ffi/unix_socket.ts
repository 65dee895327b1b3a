/**
 * Unix sockets that carry whole messages and descriptors (SOCK_SEQPACKET, SCM_RIGHTS).
 *
 * Names lie in Linux's abstract space: no file, so nothing is left behind by a killed process. Anyone may bind such
 * a name, so both ends check the user of the other ({@linkcode peerUser}).
 */

import { EAGAIN, ECONNRESET, EINTR } from "./errno.ts";
import type { Libc } from "./libc.ts";

const AF_UNIX = 1;
const SOCK_SEQPACKET = 5;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
const SHUT_RDWR = 2;
const SCM_RIGHTS = 1;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const MSG_CMSG_CLOEXEC = 0x40000000;
const MSG_CTRUNC = 8;
/** The longest abstract name: sun_path without its leading zero byte. */
const MAX_NAME_BYTES = 107;
/** Bytes of struct cmsghdr. */
const CMSG_BYTES = 16;

function socketAddress(name: string): Uint8Array<ArrayBuffer> {
  const path = new TextEncoder().encode(name);
  if (path.length === 0 || path.length > MAX_NAME_BYTES) {
    throw new RangeError(
      `Cannot use socket name ${
        JSON.stringify(name)
      }: ${path.length} bytes, 1 to ${MAX_NAME_BYTES} allowed`,
    );
  }
  const address = new Uint8Array(3 + path.length);
  address[0] = AF_UNIX;
  address.set(path, 3);
  return address;
}

function openSocket(libc: Libc): number {
  const fd = libc.c.socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) throw libc.fail("open a Unix socket");
  return fd;
}

/** Listens on an abstract name; returns the descriptor, which does not block. */
export function listenUnix(libc: Libc, name: string, backlog: number): number {
  const address = socketAddress(name);
  const fd = openSocket(libc);
  if (libc.c.bind(fd, address, address.length) !== 0 || libc.c.listen(fd, backlog) !== 0) {
    const error = libc.fail(`listen on shm:${name.slice(name.lastIndexOf("/") + 1)}`);
    libc.c.close(fd);
    throw error;
  }
  return fd;
}

/** Takes the next connection, or returns -1 when none waits. */
export function acceptUnix(libc: Libc, fd: number): number {
  for (;;) {
    const accepted = libc.c.accept4(fd, null, null, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (accepted >= 0) return accepted;
    const errno = libc.errno();
    if (errno === EAGAIN) return -1;
    if (errno !== EINTR && errno !== 103) throw libc.fail("accept a connection");
  }
}

/**
 * Connects to an abstract name; returns the descriptor, or -1 when the listener's queue is full (try again).
 *
 * @throws {ErrnoError} `ECONNREFUSED` when nobody listens there.
 */
export function connectUnix(libc: Libc, name: string): number {
  const address = socketAddress(name);
  const fd = openSocket(libc);
  if (libc.c.connect(fd, address, address.length) === 0) return fd;
  const full = libc.errno() === EAGAIN;
  const error = libc.fail(`connect to shm:${name.slice(name.lastIndexOf("/") + 1)}`);
  libc.c.close(fd);
  if (full) return -1;
  throw error;
}

/**
 * Ends a socket for both sides at once, then closes it.
 *
 * A close alone does not: a poll(2) under way on another thread holds the socket a while longer, and whoever connects
 * or writes meanwhile would talk to nobody.
 */
export function closeUnix(libc: Libc, fd: number): void {
  libc.c.shutdown(fd, SHUT_RDWR);
  libc.c.close(fd);
}

/** The user and process of the other end, as the kernel knows them. */
export function peerUser(libc: Libc, fd: number): { pid: number; uid: number } {
  const credentials = new Int32Array(3);
  const length = new Uint32Array([12]);
  const bytes = new Uint8Array(credentials.buffer);
  if (libc.c.getsockopt(fd, SOL_SOCKET, SO_PEERCRED, bytes, new Uint8Array(length.buffer)) !== 0) {
    throw libc.fail("learn the peer's user");
  }
  return { pid: credentials[0]!, uid: credentials[1]! };
}

/** The parts of a message as struct msghdr asks for them; the arrays must live until the call returns. */
function messageHeader(payload: Uint8Array<ArrayBuffer>, control: Uint8Array<ArrayBuffer>) {
  const iovec = new BigUint64Array([
    BigInt(Deno.UnsafePointer.value(Deno.UnsafePointer.of(payload))),
    BigInt(payload.length),
  ]);
  const header = new BigUint64Array(7);
  header[2] = BigInt(Deno.UnsafePointer.value(Deno.UnsafePointer.of(iovec)));
  header[3] = 1n;
  if (control.length > 0) {
    header[4] = BigInt(Deno.UnsafePointer.value(Deno.UnsafePointer.of(control)));
    header[5] = BigInt(control.length);
  }
  return { header, iovec, bytes: new Uint8Array(header.buffer) };
}

/** Sends one message with descriptors; the receiver gets copies, the sender keeps its own. */
export function sendMessage(
  libc: Libc,
  fd: number,
  payload: Uint8Array<ArrayBuffer>,
  descriptors: readonly number[] = [],
): void {
  const control = new Uint8Array(
    descriptors.length === 0 ? 0 : CMSG_BYTES + Math.ceil(descriptors.length / 2) * 8,
  );
  if (descriptors.length > 0) {
    const view = new DataView(control.buffer);
    view.setBigUint64(0, BigInt(CMSG_BYTES + 4 * descriptors.length), true);
    view.setInt32(8, SOL_SOCKET, true);
    view.setInt32(12, SCM_RIGHTS, true);
    descriptors.forEach((descriptor, i) => view.setInt32(CMSG_BYTES + 4 * i, descriptor, true));
  }
  const { bytes } = messageHeader(payload, control);
  if (libc.c.sendmsg(fd, bytes, MSG_NOSIGNAL | MSG_DONTWAIT) < 0n) {
    throw libc.fail("send a message");
  }
}

/** A received message; `descriptors` belong to the receiver, who closes them. */
export interface Message {
  readonly payload: Uint8Array<ArrayBuffer>;
  readonly descriptors: number[];
}

/**
 * Takes one message of at most `maxBytes` with at most `maxDescriptors`.
 *
 * @returns `undefined` when none waits, `null` when the peer has closed.
 */
export function receiveMessage(
  libc: Libc,
  fd: number,
  maxBytes: number,
  maxDescriptors: number,
): Message | undefined | null {
  const payload = new Uint8Array(maxBytes);
  const control = new Uint8Array(CMSG_BYTES + Math.ceil(maxDescriptors / 2) * 8);
  const { header, bytes } = messageHeader(payload, control);
  const received = Number(libc.c.recvmsg(fd, bytes, MSG_CMSG_CLOEXEC | MSG_DONTWAIT));
  if (received < 0) {
    const errno = libc.errno();
    if (errno === EAGAIN || errno === EINTR) return undefined;
    if (errno === ECONNRESET) return null;
    throw libc.fail("receive a message");
  }
  const descriptors: number[] = [];
  const view = new DataView(control.buffer);
  const controlBytes = Number(header[5]!);
  if (controlBytes >= CMSG_BYTES && view.getInt32(12, true) === SCM_RIGHTS) {
    const count = (Number(view.getBigUint64(0, true)) - CMSG_BYTES) / 4;
    for (let i = 0; i < count; i++) descriptors.push(view.getInt32(CMSG_BYTES + 4 * i, true));
  }
  if ((Number(header[6]!) & MSG_CTRUNC) !== 0) {
    for (const descriptor of descriptors) libc.c.close(descriptor);
    return null;
  }
  if (received === 0 && descriptors.length === 0) return null;
  return { payload: payload.subarray(0, received), descriptors };
}
