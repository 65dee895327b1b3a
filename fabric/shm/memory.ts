/** The memory of the two ends of a shm connection: making it, and mapping the peer's. */

import type { Libc } from "../../ffi/libc.ts";
import { MappedMemory, wholePages } from "../../ffi/mapped_memory.ts";
import { checkSharedMemory, createSharedMemory } from "../../ffi/shared_memory.ts";
import { FabricError } from "../errors.ts";
import { controlBytes, ENTRY_WORDS, ringStart } from "./layout.ts";

/** One end's arena and control block, mapped here. */
export interface EndMemory {
  readonly arena: MappedMemory;
  readonly control: MappedMemory;
  /** Bytes of the arena as in the options; the mapping is rounded up to pages. */
  readonly arenaBytes: number;
  /** Entries of the rings in the control block. */
  readonly entries: number;
}

/** The descriptors of an end's memory, open until they were sent to the peer. */
export interface EndDescriptors {
  readonly arenaFd: number;
  readonly controlFd: number;
}

/** The user's folder for shared memory where there is no memfd. */
function fallbackFolder(libc: Libc): string {
  return `/dev/shm/rfaas-${libc.c.getuid()}`;
}

/**
 * Makes this end's memory.
 *
 * @param firstSequence the number from which messages are counted; tests start it high to pass 2^32.
 * @throws {ErrnoError} when the kernel refuses.
 * @throws {Error} when the file that replaces memfd cannot be made.
 */
export function createEnd(
  libc: Libc,
  arenaBytes: number,
  entries: number,
  firstSequence: number,
  forceFile = false,
): { memory: EndMemory; descriptors: EndDescriptors } {
  const fallback = { folder: fallbackFolder(libc), force: forceFile };
  const arenaLength = wholePages(arenaBytes);
  const controlLength = wholePages(controlBytes(entries));
  const arenaFd = createSharedMemory(libc, "rfaas-arena", arenaLength, fallback);
  let controlFd = -1;
  let arena: MappedMemory | undefined;
  try {
    controlFd = createSharedMemory(libc, "rfaas-control", controlLength, fallback);
    arena = MappedMemory.map(libc, arenaFd, arenaLength);
    const control = MappedMemory.map(libc, controlFd, controlLength);
    const words = new Int32Array(control.buffer(0, controlLength));
    const start = ringStart(entries);
    for (let i = 0; i < entries; i++) {
      // The sequence of one lap before, which differs from every entry of the first lap.
      const message = (firstSequence + i) | 0;
      const slot = message & (entries - 1);
      words[start + slot * ENTRY_WORDS] = (message + 1 - entries) | 0;
    }
    return { memory: { arena, control, arenaBytes, entries }, descriptors: { arenaFd, controlFd } };
  } catch (error) {
    arena?.close();
    libc.c.close(arenaFd);
    if (controlFd >= 0) libc.c.close(controlFd);
    throw error;
  }
}

/**
 * Checks and maps the peer's memory. The caller closes the descriptors.
 *
 * @throws {FabricError} code `peer` when the memory has another length or can be truncated.
 * @throws {ErrnoError} when the kernel refuses to map it.
 */
export function mapPeerEnd(
  libc: Libc,
  descriptors: EndDescriptors,
  arenaBytes: number,
  entries: number,
): EndMemory {
  const arenaLength = wholePages(arenaBytes);
  const controlLength = wholePages(controlBytes(entries));
  try {
    checkSharedMemory(libc, descriptors.arenaFd, arenaLength);
    checkSharedMemory(libc, descriptors.controlFd, controlLength);
  } catch (cause) {
    throw new FabricError((cause as Error).message, "peer", { cause });
  }
  const arena = MappedMemory.map(libc, descriptors.arenaFd, arenaLength);
  try {
    const control = MappedMemory.map(libc, descriptors.controlFd, controlLength);
    return { arena, control, arenaBytes, entries };
  } catch (error) {
    arena.close();
    throw error;
  }
}

/** Closes the descriptors; mappings of them stay. */
export function closeDescriptors(libc: Libc, descriptors: EndDescriptors): void {
  libc.c.close(descriptors.arenaFd);
  libc.c.close(descriptors.controlFd);
}
