/** The last step of a shm handshake: the memories of both ends become a connection. */

import type { Libc } from "../../ffi/libc.ts";
import type { Poller } from "../../ffi/poller.ts";
import type { Connection, ConnectionOptions } from "../fabric.ts";
import { ShmConnection } from "./connection.ts";
import type { CoreMoves } from "./core_moves.ts";
import { Doorbell } from "./doorbell.ts";
import type { ReceivedIntroduction } from "./handshake.ts";
import { Inbox } from "./inbox.ts";
import { ringEntries } from "./layout.ts";
import { publishLoneCore } from "./lone_core.ts";
import {
  closeDescriptors,
  createEnd,
  type EndDescriptors,
  type EndMemory,
  mapPeerEnd,
} from "./memory.ts";

/** Options that only tests set. */
export interface ShmTuning {
  /** The number from which messages are counted, to pass 2^32 soon. @default {0} */
  readonly firstSequence?: number;
  /** Use the file that replaces memfd where there is none. @default {false} */
  readonly forceFile?: boolean;
}

/** What a provider shares with its listeners and requests. */
export interface ShmContext {
  readonly libc: Libc;
  readonly poller: Poller;
  readonly moves: CoreMoves;
  readonly tuning: ShmTuning;
}

/** This end before the peer is known. */
export interface OwnEnd {
  readonly memory: EndMemory;
  readonly descriptors: EndDescriptors;
  readonly inbox: Inbox;
  readonly firstSequence: number;
}

/**
 * Makes this end's memory and posts its initial receives.
 *
 * @param options checked by the caller.
 * @throws {ErrnoError} when the kernel refuses the memory.
 */
export function prepareEnd(context: ShmContext, options: ConnectionOptions): OwnEnd {
  const { libc, tuning } = context;
  const firstSequence = tuning.firstSequence ?? 0;
  const entries = ringEntries(options.receiveDepth ?? 256);
  const end = createEnd(libc, options.arenaBytes, entries, firstSequence, tuning.forceFile);
  const { control } = end.memory;
  const inbox = new Inbox(
    control.buffer(0, control.length),
    options.arenaBytes,
    entries,
    firstSequence,
  );
  for (const { id, offset, length } of options.receives ?? []) inbox.post(id, offset, length);
  inbox.publish();
  publishLoneCore(libc, control);
  return { ...end, inbox, firstSequence };
}

/** Unmaps an end whose handshake failed. Its descriptors are closed separately. */
export function releaseMemory(end: OwnEnd | undefined): void {
  end?.memory.arena.close();
  end?.memory.control.close();
}

/**
 * Makes a connection from this end's memory and the peer's introduction. Always closes the peer's descriptors.
 *
 * @throws {FabricError} code `peer` when the peer's memory does not fit its introduction.
 */
export function joinEnds(
  context: ShmContext,
  fd: number,
  mine: OwnEnd,
  peer: ReceivedIntroduction,
  options: ConnectionOptions,
): Connection {
  const { libc, poller, moves } = context;
  try {
    const theirs = mapPeerEnd(libc, peer.descriptors!, peer.arenaBytes, peer.entries);
    return new ShmConnection({
      moves,
      mine: mine.memory,
      inbox: mine.inbox,
      theirs,
      doorbell: new Doorbell(libc, poller, fd),
      privateData: peer.privateData,
      sendDepth: options.sendDepth ?? 256,
      receiverNotReadyMs: options.receiverNotReadyMs ?? 20,
      sentSequence: peer.firstSequence,
    });
  } finally {
    closeDescriptors(libc, peer.descriptors!);
  }
}
