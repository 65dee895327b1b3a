/** Whether this host has RDMA libraries and a device. */

const LIBIBVERBS = "libibverbs.so.1";
const LIBRDMACM = "librdmacm.so.1";

/** What {@linkcode findRdma} found. */
export interface RdmaPresence {
  /** libibverbs can be loaded. */
  readonly libibverbs: boolean;
  /** librdmacm can be loaded. */
  readonly librdmacm: boolean;
  /** There is a device: without one, `rdma_create_event_channel` gives null (`man rdma_create_event_channel`). */
  readonly device: boolean;
}

/**
 * Loads the libraries for a moment and asks for an event channel.
 *
 * @throws {Deno.errors.NotCapable} without `--allow-ffi`.
 */
export function findRdma(): RdmaPresence {
  const libibverbs = loads(LIBIBVERBS);
  const librdmacm = loads(LIBRDMACM);
  return { libibverbs, librdmacm, device: librdmacm && opensChannel() };
}

function loads(name: string): boolean {
  try {
    Deno.dlopen(name, {}).close();
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    return false;
  }
}

function opensChannel(): boolean {
  const { symbols, close } = Deno.dlopen(LIBRDMACM, {
    rdma_create_event_channel: { parameters: [], result: "pointer" }, // struct rdma_event_channel *
    rdma_destroy_event_channel: {
      parameters: [
        "pointer", // struct rdma_event_channel *
      ],
      result: "void",
    },
  });
  try {
    const channel = symbols.rdma_create_event_channel();
    if (channel === null) return false;
    symbols.rdma_destroy_event_channel(channel);
    return true;
  } finally {
    close();
  }
}
