/** A lease taken with protocol messages, for clients that attach correctly and then send arbitrary requests. */

import { assertEquals } from "@std/assert";
import { Access, type Connection, type Provider } from "../../../fabric/fabric.ts";
import { openShm } from "../../../fabric/shm/provider.ts";
import { encodeAttach, receiveJson, sendJson } from "../../../runtime/protocol/attach.ts";
import { ControlChannel, controlOptions } from "../../../runtime/control/control_channel.ts";
import { encodeManagerHello, ManagerRole } from "../../../runtime/protocol/manager_hello.ts";
import type { FunctionEntry } from "../../../runtime/protocol/manifest.ts";
import { ManagerClient } from "../../../runtime/http/manager_client.ts";
import type { Admitted, Executor } from "../../../runtime/protocol/node_protocol.ts";
import {
  LINE_HEAD,
  LINE_LENGTH,
  LINE_ORDER,
  LINE_SEQUENCE,
  LINE_WORDS,
} from "../../../runtime/protocol/line.ts";
import { sha256Hex } from "../../../runtime/package/sha256.ts";
import {
  arenaLayout,
  CallStatus,
  HEADER_AT,
  HEADER_BYTES,
  LINE_BYTES,
  MESSAGE_BYTES,
  PAYLOAD_AT,
  receivesFor,
  REQUEST_TIME_LEFT,
} from "../../../runtime/protocol/wire.ts";
import type { Cluster } from "./cluster.ts";
import { functionsPackage } from "../functions/functions_package.ts";
import { serveTerms } from "./serve_terms.ts";
import { limitMs } from "../time_factor.ts";

/** Slots of the worker. */
export const DEPTH = 2;
/** Bytes of each slot's argument and result. */
export const MAX_BYTES = 200;
/** The layout of both arenas. */
export const LAYOUT = arenaLayout(DEPTH, MAX_BYTES);

/** A lease with its control channel to the node and the executor that serves it. */
export interface RawLease extends AsyncDisposable {
  readonly fabric: Provider;
  readonly channel: ControlChannel;
  readonly executor: Executor;
  /** Waits for the next executor that the node reports. */
  nextExecutor(): Promise<Executor>;
}

/** Takes a lease of one worker as a correct client does. */
export async function takeRawLease(cluster: Cluster): Promise<RawLease> {
  const manager = new ManagerClient({ url: cluster.managerUrl, token: cluster.clientToken });
  const fabric = openShm();
  const source = await functionsPackage();
  const taken = await manager.takeLease({ workers: 1, memoryBytes: 2 ** 28, termMs: 30_000 });
  const connection = await fabric.connect(cluster.nodes[0]!.addresses[0]!, {
    ...controlOptions(source.length),
    privateData: encodeManagerHello(ManagerRole.CLIENT),
  });
  let reported = Promise.withResolvers<Executor>();
  const channel = new ControlChannel(connection, {
    event: (type, body) => type === "executor" && reported.resolve(body as Executor),
  });
  const admitted = await channel.request("admit", {
    grant: taken.grants[0]!.grant,
    ...serveTerms({ depth: DEPTH, maxBytes: MAX_BYTES, hotMs: 100 }),
    package: { sha256: await sha256Hex(source), ...channel.lend(source) },
  }, { timeoutMs: limitMs(10_000) }) as Admitted;
  const executor = admitted.executors[0]!;
  return {
    fabric,
    channel,
    executor,
    nextExecutor: () => (reported = Promise.withResolvers<Executor>()).promise,
    [Symbol.asyncDispose]: async () => {
      await channel.request("end", {}).catch(() => {});
      channel.close();
      await manager.releaseLease(taken.lease).catch(() => {});
      manager.close();
      fabric.close();
      await fabric.closed;
    },
  };
}

/** Connects to the worker with any private data. */
export function dial({ fabric, executor }: RawLease, privateData: Uint8Array): Promise<Connection> {
  return fabric.connect(executor.address, {
    arenaBytes: LAYOUT.arenaBytes,
    receiveDepth: receivesFor(DEPTH) + 1,
    receives: [{ id: 0, offset: LAYOUT.receiveAt, length: MESSAGE_BYTES }],
    privateData,
    timeoutMs: limitMs(5000),
  });
}

/** The secret with which a correct client attaches. */
export const secretOf = (raw: RawLease) => Uint8Array.fromHex(raw.executor.secret);

/** A request in the form of docs/protocol.md. Every field may be forged. */
export interface RawRequest {
  /** @default the next one */
  readonly sequence?: number;
  /** The function's index, and flags. */
  readonly head: number;
  /** @default 1 */
  readonly length?: number;
  /** @default 0 */
  readonly timeLeft?: number;
  /** @default {@linkcode MAX_BYTES} */
  readonly capacity?: number;
}

/** A reply as it is in its line. */
export interface RawReply {
  readonly status: number;
  readonly length: number;
  readonly sequence: number;
}

/** Attaches to the worker, to post raw requests and read raw replies. */
export async function attachRaw(raw: RawLease) {
  const connection = await dial(raw, encodeAttach(0, secretOf(raw)));
  const region = connection.register(LAYOUT.inboundAt, LAYOUT.inboundBytes, Access.REMOTE_WRITE);
  const area = new Uint8Array(connection.buffer(LAYOUT.sendAt, MESSAGE_BYTES));
  sendJson(connection, LAYOUT.sendAt, area, {
    address: region.address,
    rkey: region.rkey,
    depth: DEPTH,
    maxBytes: MAX_BYTES,
    firstSequence: 0,
  });
  const ready = await receiveJson(connection, LAYOUT.receiveAt, { timeoutMs: limitMs(10_000) }) as {
    address: number;
    rkey: number;
    functions: FunctionEntry[];
  };
  const shared = connection.shared!;
  const peerView = (at: number, length: number) =>
    shared.peerBuffer(ready.address + at, length, ready.rkey);
  const slotAt = (slot: number) => slot * LAYOUT.stride;
  const terms = [0, 1].map((slot) =>
    new Int32Array(peerView(slotAt(slot) + HEADER_AT, HEADER_BYTES))
  );
  const inputs = [0, 1].map((slot) =>
    new Uint8Array(peerView(slotAt(slot) + PAYLOAD_AT, MAX_BYTES))
  );
  const outputs = [0, 1].map((slot) =>
    new Uint8Array(connection.buffer(LAYOUT.inboundAt + slotAt(slot) + PAYLOAD_AT, MAX_BYTES))
  );
  const linesBytes = DEPTH * LINE_BYTES;
  const lines = new Int32Array(peerView(LAYOUT.linesAt - LAYOUT.inboundAt, linesBytes));
  const replies = new Int32Array(connection.buffer(LAYOUT.linesAt, linesBytes));
  const sequences = [0, 0];
  const awaited = [0, 0];
  let posted = 0;
  const arrived = (slot: number) =>
    Atomics.load(replies, slot * LINE_WORDS + LINE_SEQUENCE) === awaited[slot];
  shared.watch(() => arrived(0) || arrived(1));
  const post = (slot: number, request: RawRequest): void => {
    const { head, length = 1, timeLeft = 0, capacity = MAX_BYTES } = request;
    const sequence = request.sequence ?? (sequences[slot] = (sequences[slot]! + 1) | 0);
    terms[slot]!.set([timeLeft, capacity], REQUEST_TIME_LEFT);
    const at = slot * LINE_WORDS;
    lines[at + LINE_HEAD] = head;
    lines[at + LINE_LENGTH] = length;
    lines[at + LINE_ORDER] = ++posted;
    Atomics.store(lines, at + LINE_SEQUENCE, sequence);
    shared.wake();
  };
  /** Waits for the reply to the last request of the slot. */
  const reply = async (slot: number): Promise<RawReply> => {
    awaited[slot] = sequences[slot]!;
    const untilMs = performance.now() + limitMs(3000);
    while (!arrived(slot)) {
      const timeoutMs = untilMs - performance.now();
      if (timeoutMs <= 0 || connection.state !== "connected") {
        throw new Error(
          `Cannot receive reply: the connection is ${connection.state} (${connection.reason})`,
        );
      }
      await connection.wait({ timeoutMs });
    }
    const at = slot * LINE_WORDS;
    return {
      status: replies[at + LINE_HEAD]!,
      length: replies[at + LINE_LENGTH]!,
      sequence: replies[at + LINE_SEQUENCE]!,
    };
  };
  const index = (name: string) =>
    ready.functions.findIndex((entry) => (typeof entry === "string" ? entry : entry.name) === name);
  return {
    connection,
    ready,
    lines,
    inputs,
    outputs,
    sequences,
    post,
    reply,
    index,
    /** Posts a request, and returns the status of its reply. */
    async statusOf(slot: number, request: RawRequest): Promise<number> {
      post(slot, request);
      return (await reply(slot)).status;
    },
    /** Makes a correct call, to check that the worker still serves this slot. */
    async echo(slot: number) {
      const sequence = (sequences[slot]! + 1) | 0;
      inputs[slot]!.fill(sequence);
      post(slot, { head: index("echo"), length: 10 });
      assertEquals(await reply(slot), { status: CallStatus.OK, length: 10, sequence });
      assertEquals(outputs[slot]!.slice(0, 10), new Uint8Array(10).fill(sequence));
    },
    [Symbol.dispose]: () => connection.close(),
  };
}
