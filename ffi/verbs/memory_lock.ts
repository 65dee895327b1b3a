/** The limit of locked memory: registering memory with a device locks its pages. */

import { errnoError } from "../errno.ts";
import { VerbsUnavailableError } from "./verbs_unavailable.ts";

const RLIMIT_MEMLOCK = 8;
const ENOMEM = 12;
/** RLIM_INFINITY */
const INFINITE = 0xffffffffffffffffn;

/**
 * The bytes that this process may lock; Infinity when there is no limit. Root is not bound by it (`man getrlimit`).
 *
 * @throws {Deno.errors.NotCapable} without `--allow-ffi`.
 */
export function memoryLockLimit(): number {
  const library = Deno.dlopen("libc.so.6", {
    getrlimit: {
      parameters: [
        "i32", // int resource
        "buffer", // struct rlimit *
      ],
      result: "i32",
    },
  });
  try {
    const limits = new BigUint64Array(2); // rlim_cur, rlim_max
    if (library.symbols.getrlimit(RLIMIT_MEMLOCK, limits) !== 0) return Infinity;
    return limits[0] === INFINITE ? Infinity : Number(limits[0]);
  } finally {
    library.close();
  }
}

/**
 * The error of an `ibv_reg_mr` of `bytes` bytes that failed with `errno`.
 *
 * @param limit bytes that the process may lock, as read when the libraries were opened.
 */
export function explainRegistrationFailure(
  errno: number,
  bytes: number,
  limit: number = memoryLockLimit(),
): Error {
  const cause = errnoError(`register ${bytes} bytes of memory with the RDMA device`, errno);
  if (errno !== ENOMEM || limit === Infinity) return cause;
  return new VerbsUnavailableError(
    "memlock",
    `${cause.message}: this process may lock ${limit} bytes; ` +
      "ulimit -l unlimited, or LimitMEMLOCK=infinity in its systemd unit, allows more",
    { cause },
  );
}
