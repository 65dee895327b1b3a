/** Opening the verbs libraries, with an error for each thing that can be missing. */

import { cString, type Libc } from "../libc.ts";
import { type CMemory, openCMemory } from "./c_memory.ts";
import { type InlineVerbs, openInlineVerbs } from "./inline_verbs.ts";
import { LIBIBVERBS, type Libibverbs, LIBIBVERBS_SYMBOLS } from "./libibverbs.ts";
import { LIBRDMACM, type Librdmacm, LIBRDMACM_SYMBOLS } from "./librdmacm.ts";
import { memoryLockLimit } from "./memory_lock.ts";
import { VerbsUnavailableError } from "./verbs_unavailable.ts";

/** The device file of the connection manager. */
const CM_DEVICE = "/dev/infiniband/rdma_cm";
const O_RDWR_CLOEXEC = 0o2 | 0o2000000;
const EACCES = 13;
const EPERM = 1;

/** Commands that remedy an error, by what is missing. */
export const HELP = {
  library: "apt-get install libibverbs1 librdmacm1 ibverbs-providers (Debian, Ubuntu) or " +
    "dnf install libibverbs librdmacm (Fedora, RHEL)",
  device: "rdma link lists the devices; RDMA in software on an Ethernet interface, as root: " +
    "modprobe rdma_rxe; modprobe rdma_ucm; rdma link add rxe0 type rxe netdev eth0",
  permission: "as root: chmod a+rw /dev/infiniband/rdma_cm /dev/infiniband/uverbs*; " +
    "in a container: --device /dev/infiniband",
} as const;

/** The verbs libraries, opened in this thread. */
export interface Verbs {
  readonly libc: Libc;
  /** libibverbs by its C names. */
  readonly ibv: Libibverbs;
  /** librdmacm by its C names. */
  readonly rdma: Librdmacm;
  /** The verbs that post and poll, which are inline functions in C. */
  readonly inline: InlineVerbs["symbols"];
  /** Reads memory of the libraries. */
  readonly memory: CMemory;
  /** Bytes that the process may lock, for {@linkcode explainRegistrationFailure}. */
  readonly lockLimit: number;
  /** Closes the libraries; their objects must be destroyed before. May be called twice. */
  close(): void;
}

/**
 * Opens libibverbs and librdmacm for the calling thread, and checks that there is a device.
 *
 * The process starts others (`Deno.Command`). On kernels before 5.12 a fork could move the pages of queues, to which a
 * device writes, to the child. `ibv_fork_init` prevents that (`MADV_DONTFORK`); on later kernels, and when called again,
 * it does nothing. Memory that rfaas registers is mapped shared, which a fork does not separate.
 *
 * @throws {VerbsUnavailableError} code `library`, `symbol`, `device` or `permission`; the message has the remedy.
 * @throws {ErrnoError} when the kernel refuses the memory of the stubs.
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
      const message =
        `Cannot make the verbs safe for forks: ibv_fork_init failed with error ${errno}`;
      throw new VerbsUnavailableError("symbol", message);
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
      throw new VerbsUnavailableError("permission", message, { cause });
    }
    const missing = /undefined symbol: (\w+)/.exec(text)?.[1];
    if (missing !== undefined) {
      const message =
        `Cannot use ${name}: it is too old and has no ${missing}; to update it: ${HELP.library}`;
      throw new VerbsUnavailableError("symbol", message, { cause });
    }
    // The loader repeats the name, and Deno its own words.
    const reason = text.replace(/^(Could not open library: )+/, "").replace(`${name}: `, "");
    throw new VerbsUnavailableError(
      "library",
      `Cannot load ${name}: ${reason}; to install it: ${HELP.library}`,
    );
  }
}

/** Makes an event channel, which fails without a device (`man rdma_create_event_channel`). */
function findDevice(libc: Libc, rdma: Librdmacm): void {
  const channel = rdma.rdma_create_event_channel();
  if (channel !== null) return rdma.rdma_destroy_event_channel(channel);
  throw deviceError(libc, "find an RDMA device", CM_DEVICE);
}

/**
 * The error of a device that could not be opened.
 *
 * The libraries report a device file that they may not open as missing. So `file` is opened again to find the reason.
 *
 * @param what completes "Cannot …".
 * @param file the device file.
 */
export function deviceError(libc: Libc, what: string, file?: string): VerbsUnavailableError {
  const missing = new VerbsUnavailableError(
    "device",
    `${libc.fail(what).message}; ${HELP.device}`,
    {
      cause: libc.fail(what),
    },
  );
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
  return new VerbsUnavailableError("permission", message, { cause });
}
