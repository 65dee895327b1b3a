/** Opening the verbs libraries, or saying what is missing. */

import { cString, type Libc } from "../libc.ts";
import { type CMemory, openCMemory } from "./c_memory.ts";
import { type InlineVerbs, openInlineVerbs } from "./inline_verbs.ts";
import { LIBIBVERBS, type Libibverbs, LIBIBVERBS_SYMBOLS } from "./libibverbs.ts";
import { LIBRDMACM, type Librdmacm, LIBRDMACM_SYMBOLS } from "./librdmacm.ts";
import { memoryLockLimit } from "./memory_lock.ts";
import { VerbsUnavailable } from "./verbs_unavailable.ts";

/** Through which connections are made. */
const CM_DEVICE = "/dev/infiniband/rdma_cm";
const O_RDWR_CLOEXEC = 0o2 | 0o2000000;
const EACCES = 13;
const EPERM = 1;

/** The commands that help, by what is missing. */
export const HELP = {
  library: "apt-get install libibverbs1 librdmacm1 ibverbs-providers (Debian, Ubuntu) or " +
    "dnf install libibverbs librdmacm (Fedora, RHEL)",
  device: "rdma link shows what there is; RDMA in software on an Ethernet interface, as root: " +
    "modprobe rdma_rxe; modprobe rdma_ucm; rdma link add rxe0 type rxe netdev eth0",
  permission: "as root: chmod a+rw /dev/infiniband/rdma_cm /dev/infiniband/uverbs*; " +
    "in a container: --device /dev/infiniband",
} as const;

/** The verbs, opened in this thread. */
export interface Verbs {
  readonly libc: Libc;
  /** libibverbs by its C names. */
  readonly ibv: Libibverbs;
  /** librdmacm by its C names. */
  readonly rdma: Librdmacm;
  /** The verbs of a call's way: post_send, post_recv, poll_cq and their kin. */
  readonly inline: InlineVerbs["symbols"];
  /** What the libraries point at. */
  readonly memory: CMemory;
  /** Bytes that the process may lock, for {@linkcode explainRegistrationFailure}. */
  readonly lockLimit: number;
  /** Gives the libraries back, after everything that was made through them. May be called twice. */
  close(): void;
}

/**
 * Opens libibverbs and librdmacm for the calling thread and looks for a device.
 *
 * The process starts others (`Deno.Command`), and a fork would leave queues that a device writes to with the child
 * on kernels before 5.12. `ibv_fork_init` keeps them (`MADV_DONTFORK`); on later kernels it does nothing, as it does
 * when called again. Memory that rfaas registers is mapped shared, which no fork splits.
 *
 * @throws {VerbsUnavailable} when something is missing.
 */
export function openVerbs(libc: Libc): Verbs {
  const close: (() => void)[] = [];
  const closeAll = () => {
    for (const one of close.splice(0).reverse()) one();
  };
  try {
    const ibv = openLibrary(LIBIBVERBS, LIBIBVERBS_SYMBOLS);
    close.push(() => ibv.close());
    const rdma = openLibrary(LIBRDMACM, LIBRDMACM_SYMBOLS);
    close.push(() => rdma.close());
    const errno = ibv.symbols.ibv_fork_init();
    if (errno !== 0) {
      const what = "make verbs safe for programs that start others: ibv_fork_init failed";
      throw new VerbsUnavailable("symbol", `Cannot ${what} with error ${errno}`);
    }
    findDevice(libc, rdma.symbols);
    const inline = openInlineVerbs(libc);
    close.push(() => inline.close());
    const memory = openCMemory();
    close.push(() => memory.close());
    return {
      libc,
      ibv: ibv.symbols,
      rdma: rdma.symbols,
      inline: inline.symbols,
      memory,
      lockLimit: memoryLockLimit(),
      close: closeAll,
    };
  } catch (error) {
    closeAll();
    throw error;
  }
}

function openLibrary<S extends Deno.ForeignLibraryInterface>(name: string, symbols: S) {
  try {
    return Deno.dlopen(name, symbols);
  } catch (cause) {
    const text = cause instanceof Error ? cause.message : String(cause);
    if (cause instanceof Deno.errors.NotCapable) {
      const message = `Cannot load ${name}: not permitted; run with --allow-ffi`;
      throw new VerbsUnavailable("permission", message, { cause });
    }
    const missing = /undefined symbol: (\w+)/.exec(text)?.[1];
    if (missing !== undefined) {
      const message =
        `Cannot use ${name}: it has no ${missing}, it is too old; to update it: ${HELP.library}`;
      throw new VerbsUnavailable("symbol", message, { cause });
    }
    const message = `Cannot load ${name}: ${text.replace(/^(Could not open library: )+/, "")}; ` +
      `to have it: ${HELP.library}`;
    throw new VerbsUnavailable("library", message, { cause });
  }
}

/** Without a device there is no event channel (`man rdma_create_event_channel`). */
function findDevice(libc: Libc, rdma: Librdmacm): void {
  const channel = rdma.rdma_create_event_channel();
  if (channel !== null) return rdma.rdma_destroy_event_channel(channel);
  throw deviceError(libc, "find an RDMA device", CM_DEVICE);
}

/**
 * The error of a device that could not be opened; `what` completes "Cannot …".
 *
 * The libraries look elsewhere for a device file that they may not open, and then say that there is none. So `file`
 * is opened once more, to see why.
 */
export function deviceError(libc: Libc, what: string, file?: string): VerbsUnavailable {
  const missing = new VerbsUnavailable("device", `${libc.fail(what).message}; ${HELP.device}`, {
    cause: libc.fail(what),
  });
  if (file !== undefined) {
    const fd = libc.c.open(cString(file), O_RDWR_CLOEXEC, 0);
    if (fd >= 0) {
      libc.c.close(fd);
      return missing;
    }
    what = `open ${file}`;
  }
  const errno = libc.errno();
  if (errno !== EACCES && errno !== EPERM) return missing;
  const cause = libc.fail(what);
  const message = `${cause.message}; to allow it, ${HELP.permission}`;
  return new VerbsUnavailable("permission", message, { cause });
}
