/** The last step of a handshake: both memories become a connection. */

import type { Libc } from "../../ffi/libc.ts";
import type { Poller } from "../../ffi/poller.ts";
import type { Connection, ConnectionOptions } from "../fabric.ts";
import { ShmConnection } from "./connection.ts";
import { Doorbell } from "./doorbell.ts";
import type { ReceivedIntroduction } from "./handshake.ts";
import { closeDescriptors, type EndDescriptors, type EndMemory, mapPeerEnd } from "./memory.ts";

/** What only tests set. */
export interface ShmTuning {
  /** Messages taken to have come already, so that 2^32 is near. */
  readonly firstSequence?: number;
  /** Use the file that stands in where memfd is not to be had. */
  readonly forceFile?: boolean;
}

/** What a provider shares with its listeners. */
export interface ShmContext {
  readonly libc: Libc;
  readonly poller: Poller;
  readonly tuning: ShmTuning;
}

/** Makes one end from its memory and the peer's introduction; closes all descriptors but the socket. */
export function joinEnds(
  context: ShmContext,
  fd: number,
  mine: { memory: EndMemory; descriptors: EndDescriptors },
  peer: ReceivedIntroduction,
  options: ConnectionOptions,
): Connection {
  const { libc, poller } = context;
  try {
    const theirs = mapPeerEnd(libc, peer.descriptors!, peer.arenaBytes, peer.entries);
    return new ShmConnection({
      mine: mine.memory,
      theirs,
      doorbell: new Doorbell(libc, poller, fd),
      privateData: peer.privateData,
      sendDepth: options.sendDepth ?? 256,
      receiverNotReadyMs: options.receiverNotReadyMs ?? 20,
      sentSequence: peer.firstSequence,
      takenSequence: context.tuning.firstSequence ?? 0,
    });
  } finally {
    closeDescriptors(libc, peer.descriptors!);
  }
}
