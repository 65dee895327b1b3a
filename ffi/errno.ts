/** Error numbers of Linux, as errors with names. */

/** The names of likely errors (asm-generic/errno-base.h and errno.h; the same on x86-64 and aarch64). */
const NAMES: Record<number, [name: string, text: string]> = {
  1: ["EPERM", "not permitted"],
  2: ["ENOENT", "no such file"],
  3: ["ESRCH", "no such process"],
  4: ["EINTR", "interrupted"],
  5: ["EIO", "input or output error"],
  9: ["EBADF", "descriptor is closed"],
  11: ["EAGAIN", "would block"],
  12: ["ENOMEM", "out of memory, or of memory that may be locked"],
  13: ["EACCES", "permission denied"],
  14: ["EFAULT", "bad address"],
  16: ["EBUSY", "busy"],
  17: ["EEXIST", "already exists"],
  19: ["ENODEV", "no such device"],
  22: ["EINVAL", "invalid argument"],
  23: ["ENFILE", "too many open files on this host"],
  24: ["EMFILE", "too many open files in this process"],
  26: ["ETXTBSY", "file is being executed"],
  27: ["EFBIG", "file too large"],
  28: ["ENOSPC", "no space left"],
  30: ["EROFS", "file system is read-only"],
  32: ["EPIPE", "peer has closed"],
  38: ["ENOSYS", "not supported by this kernel"],
  90: ["EMSGSIZE", "message too long"],
  95: ["EOPNOTSUPP", "not supported"],
  98: ["EADDRINUSE", "address already in use"],
  99: ["EADDRNOTAVAIL", "not an address of this host"],
  103: ["ECONNABORTED", "connection aborted"],
  104: ["ECONNRESET", "connection reset by peer"],
  105: ["ENOBUFS", "no buffer space"],
  107: ["ENOTCONN", "not connected"],
  110: ["ETIMEDOUT", "timed out"],
  111: ["ECONNREFUSED", "no listener at this address"],
  113: ["EHOSTUNREACH", "host cannot be reached"],
};

export const ENOENT = 2;
export const EEXIST = 17;
export const EINTR = 4;
export const EAGAIN = 11;
export const ENODEV = 19;
export const EINVAL = 22;
export const EADDRINUSE = 98;
export const EADDRNOTAVAIL = 99;
export const ECONNRESET = 104;
export const ECONNREFUSED = 111;

/** A call to the C library that failed. */
export class ErrnoError extends Error {
  override name = "ErrnoError";
  /** The error number, such as 12. */
  readonly errno: number;
  /** Its name, such as `ENOMEM`. */
  readonly code: string;
  constructor(message: string, errno: number, code: string) {
    super(message);
    this.errno = errno;
    this.code = code;
  }
}

/** The error of a call that failed with `errno`; `what` completes "Cannot …". */
export function errnoError(what: string, errno: number): ErrnoError {
  const [code, text] = NAMES[errno] ?? [`errno ${errno}`, "unknown error"];
  return new ErrnoError(`Cannot ${what}: ${text} (${code})`, errno, code);
}
