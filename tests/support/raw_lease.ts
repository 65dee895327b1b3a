/** A lease taken by hand, for clients that attach like an honest one and then send what they like. */

import { assertEquals } from "@std/assert";
import { Access, type Connection, type Provider } from "../../fabric/fabric.ts";
import { openShm } from "../../fabric/shm/provider.ts";
import { Opcode, Status } from "../../fabric/status.ts";
import { encodeAttach, receiveJson, sendJson } from "../../runtime/protocol/attach.ts";
import { ControlChannel, controlOptions } from "../../runtime/control/control_channel.ts";
import { encodeManagerHello, ManagerRole } from "../../runtime/protocol/manager_hello.ts";
import type { FunctionEntry } from "../../runtime/protocol/manifest.ts";
import { ManagerClient } from "../../runtime/http/manager_client.ts";
import type { Executor } from "../../runtime/protocol/node_protocol.ts";
import { sha256Hex } from "../../runtime/package/sha256.ts";
import {
  arenaLayout,
  CallStatus,
  HEADER_AT,
  HEADER_BYTES,
  MESSAGE_BYTES,
  PAYLOAD_AT,
  receivesFor,
  replyStatus,
  SHORT_REPLY,
} from "../../runtime/protocol/wire.ts";
import type { Cluster } from "./cluster.ts";
import { functionsPackage } from "./functions_package.ts";
import { limitMs } from "./time_factor.ts";

export const DEPTH = 2;
export const MAX_BYTES = 100;
export const LAYOUT = arenaLayout(DEPTH, MAX_BYTES);

/** A lease taken by hand: its channel to the node and the executor that serves it. */
export interface RawLease extends AsyncDisposable {
  readonly fabric: Provider;
  readonly channel: ControlChannel;
  readonly executor: Executor;
  /** The next executor that the node tells of. */
  nextExecutor(): Promise<Executor>;
}

/** Takes a lease of one worker as an honest client does. */
export async function takeRawLease(cluster: Cluster): Promise<RawLease> {
  const manager = new ManagerClient({ url: cluster.managerUrl, token: cluster.clientToken });
  const fabric = openShm();
  const source = await functionsPackage();
  const taken = await manager.takeLease({ workers: 1, memoryBytes: 2 ** 28, seconds: 30 });
  const connection = await fabric.connect(cluster.nodes[0]!.addresses[0]!, {
    ...controlOptions(source.length),
    privateData: encodeManagerHello(ManagerRole.CLIENT),
  });
  let told = Promise.withResolvers<Executor>();
  const channel = new ControlChannel(connection, {
    notice: (type, body) => type === "executor" && told.resolve(body as Executor),
  });
  const executor = await channel.request("admit", {
    grant: taken.grants[0]!.grant,
    workers: 1,
    depth: DEPTH,
    maxBytes: MAX_BYTES,
    hotMs: 100,
    package: { sha256: await sha256Hex(source), ...channel.lend(source) },
  }, { timeoutMs: limitMs(10_000) }) as Executor;
  return {
    fabric,
    channel,
    executor,
    nextExecutor: () => (told = Promise.withResolvers<Executor>()).promise,
    [Symbol.asyncDispose]: async () => {
      await channel.request("end", {}).catch(() => {});
      channel.close();
      await manager.endLease(taken.lease).catch(() => {});
      manager.close();
      fabric.close();
      await fabric.closed;
    },
  };
}

/** Connects to the worker with any private data. */
export function dial({ fabric, executor }: RawLease, privateData: Uint8Array): Promise<Connection> {
  return fabric.connect(executor.addresses[0]!, {
    arenaBytes: LAYOUT.arenaBytes,
    receiveDepth: receivesFor(DEPTH) + 1,
    receives: [{ id: 0, offset: LAYOUT.receiveAt, length: MESSAGE_BYTES }],
    privateData,
    timeoutMs: limitMs(5000),
  });
}

/** What an honest client shows the worker. */
export const secretOf = (raw: RawLease) => Uint8Array.fromHex(raw.executor.secret);

/** An attached connection that posts raw requests and gives the raw replies. */
export async function attachRaw(raw: RawLease) {
  const connection = await dial(raw, encodeAttach(0, secretOf(raw)));
  const region = connection.register(LAYOUT.inboundAt, LAYOUT.slotsBytes, Access.REMOTE_WRITE);
  connection.postReceives(receivesFor(DEPTH));
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
  const share = (slot: number, at: number, length: number) =>
    connection.share(ready.address + slot * LAYOUT.stride + at, length, ready.rkey)!;
  const headers = [0, 1].map((slot) => new Int32Array(share(slot, HEADER_AT, HEADER_BYTES)));
  const inputs = [0, 1].map((slot) => new Uint8Array(share(slot, PAYLOAD_AT, MAX_BYTES)));
  const replies = [0, 1].map((slot) =>
    new Int32Array(
      connection.buffer(LAYOUT.inboundAt + slot * LAYOUT.stride + HEADER_AT, HEADER_BYTES),
    )
  );
  const sequences = [0, 0];
  const post = (slot: number, header: readonly number[], immediate: number) => {
    headers[slot]!.set(header);
    connection.writeImmediate(0, 0, 0, 0, 0, immediate, 0);
  };
  const reply = async () => {
    const untilMs = performance.now() + limitMs(3000);
    while (!connection.poll()) {
      const timeoutMs = untilMs - performance.now();
      if (timeoutMs <= 0 || connection.state !== "connected") {
        throw new Error(`no reply; the connection is ${connection.state}: ${connection.reason}`);
      }
      await connection.wait({ timeoutMs });
    }
    const { byteLength, immediate, opcode, status } = connection.completion;
    assertEquals([opcode, status], [Opcode.RECEIVE_WRITE_IMMEDIATE, Status.SUCCESS]);
    connection.postReceives(1);
    const slot = immediate & 255;
    if ((immediate & SHORT_REPLY) !== 0) {
      return {
        slot,
        status: replyStatus(immediate),
        sequence: immediate >>> 16, // the low bits; no test gets beyond them
        length: byteLength,
      };
    }
    return {
      slot,
      status: immediate >>> 8,
      sequence: replies[slot]?.[0],
      length: replies[slot]?.[1],
    };
  };
  const index = (name: string) =>
    ready.functions.findIndex((entry) => (typeof entry === "string" ? entry : entry.name) === name);
  return {
    connection,
    ready,
    inputs,
    sequences,
    post,
    reply,
    index,
    /** An honest call, which shows that the worker lives and takes this slot. */
    async echo(slot: number) {
      const sequence = sequences[slot] = (sequences[slot]! + 1) | 0;
      inputs[slot]!.fill(sequence);
      post(slot, [sequence, 10, 0, MAX_BYTES], slot | (index("echo") << 8));
      assertEquals(await reply(), { slot, status: CallStatus.OK, sequence, length: 10 });
    },
    [Symbol.dispose]: () => connection.close(),
  };
}
