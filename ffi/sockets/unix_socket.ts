/**
 * Unix sockets that carry whole messages and descriptors (SOCK_SEQPACKET, SCM_RIGHTS).
 *
 * Names are in Linux's abstract namespace: there is no file, so a killed process leaves nothing behind. Any user may bind
 * such a name, so both ends check the user of the other ({@linkcode peerUser}).
 */

import { EAGAIN, ECONNRESET, EINTR } from "../errno.ts";
import type { Libc } from "../libc.ts";
import { AF_UNIX, unixAddress } from "./unix_address.ts";

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
/** Bytes of struct cmsghdr. */
const CMSG_BYTES = 16;

function openSocket(libc: Libc): number {
  const fd = libc.c.socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) throw libc.fail("open a Unix socket");
  return fd;
}

/**
 * Listens on an abstract name.
 *
 * @returns the descriptor, which does not block.
 * @throws {ErrnoError} `EADDRINUSE` when the name is in use.
 * @throws {RangeError} when the name is empty or too long.
 */
export function listenUnix(libc: Libc, name: string, backlog: number): number {
  const address = unixAddress(`@${name}`);
  const fd = openSocket(libc);
  if (libc.c.bind(fd, address, address.length) !== 0 || libc.c.listen(fd, backlog) !== 0) {
    const error = libc.fail(`listen on shm:${name.slice(name.lastIndexOf("/") + 1)}`);
    libc.c.close(fd);
    throw error;
  }
  return fd;
}

/**
 * Accepts the next connection.
 *
 * @returns its descriptor, or -1 when none waits.
 * @throws {ErrnoError} such as `EMFILE` when the process has no free descriptor.
 */
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
 * Connects to an abstract name.
 *
 * @returns the descriptor, or -1 when the listener's queue is full: try again.
 * @throws {ErrnoError} `ECONNREFUSED` when there is no listener.
 * @throws {RangeError} when the name is empty or too long.
 */
export function connectUnix(libc: Libc, name: string): number {
  const address = unixAddress(`@${name}`);
  const fd = openSocket(libc);
  if (libc.c.connect(fd, address, address.length) === 0) {
    libc.holdings?.socket(fd);
    return fd;
  }
  const full = libc.errno() === EAGAIN;
  const error = libc.fail(`connect to shm:${name.slice(name.lastIndexOf("/") + 1)}`);
  libc.c.close(fd);
  if (full) return -1;
  throw error;
}

/**
 * Ends a socket for both sides at once, then closes it.
 *
 * A close alone does not end it: a poll(2) in progress on another thread keeps the socket open for a while, and a peer
 * could still connect or write to it.
 */
export function closeUnix(libc: Libc, fd: number): void {
  libc.holdings?.forget(fd);
  libc.c.shutdown(fd, SHUT_RDWR);
  libc.c.close(fd);
}

/**
 * The user id and process id of the other end, as the kernel reports them.
 *
 * @throws {ErrnoError} when the descriptor is not a socket.
 */
export function peerUser(libc: Libc, fd: number): { pid: number; uid: number } {
  const credentials = new Int32Array(3);
  const length = new Uint32Array([12]);
  const bytes = new Uint8Array(credentials.buffer);
  if (libc.c.getsockopt(fd, SOL_SOCKET, SO_PEERCRED, bytes, new Uint8Array(length.buffer)) !== 0) {
    throw libc.fail("read the peer's user");
  }
  return { pid: credentials[0]!, uid: credentials[1]! };
}

/** A struct msghdr for a message, and the arrays that it points to, which must live until the call returns. */
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

/**
 * Sends one message with descriptors. The receiver gets copies; the sender's stay open.
 *
 * @throws {ErrnoError} `EPIPE` when the peer has closed, `EAGAIN` when its queue is full.
 */
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

/** A received message. The receiver closes the descriptors. */
export interface Message {
  readonly payload: Uint8Array<ArrayBuffer>;
  readonly descriptors: number[];
}

/**
 * Receives one message of at most `maxBytes` with at most `maxDescriptors`.
 *
 * @returns `undefined` when none waits; `null` when the peer has closed, or sent more descriptors.
 * @throws {ErrnoError} when the descriptor is not a socket.
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
