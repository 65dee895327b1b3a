/** Malformed handshakes are refused at the listener and at the connecting end, and leak nothing. */

import { assert, assertEquals } from "@std/assert";
import { type Libc, openLibc } from "../../../ffi/libc.ts";
import type { Poller } from "../../../ffi/poller.ts";
import {
  acceptUnix,
  closeUnix,
  connectUnix,
  listenUnix,
  receiveMessage,
  sendMessage,
} from "../../../ffi/sockets/unix_socket.ts";
import { controlBytes } from "../../../fabric/shm/layout.ts";
import { CoreMoves } from "../../../fabric/shm/core_moves.ts";
import { ShmListener } from "../../../fabric/shm/listener.ts";
import { openShm } from "../../../fabric/shm/provider.ts";
import { countDescriptors, countMappings, eventually } from "../../support/descriptors.ts";
import { assertRejectsCode } from "../conformance/pair.ts";

const ARENA = 4096;
const CONTROL = Math.ceil(controlBytes(16) / 4096) * 4096;
const ALLOW_SEALING = 2;
const ADD_SEALS = 1033;
const ALL_SEALS = 7;

interface Introduction {
  bytes?: number;
  magic?: number;
  version?: number;
  kind?: number;
  entries?: number;
  arenaBytes?: number;
  privateBytes?: number;
  /** The descriptors of the message. @default {valid ones} */
  descriptors?: (libc: Libc) => number[];
}

function memfd(libc: Libc, length: number, seals = ALL_SEALS): number {
  const name = new TextEncoder().encode("forged\0");
  const fd = libc.c.memfd_create(name, seals === 0 ? 0 : ALLOW_SEALING);
  libc.c.ftruncate(fd, BigInt(length));
  if (seals > 0) libc.c.fcntl(fd, ADD_SEALS, seals);
  return fd;
}

const valid = (libc: Libc) => [memfd(libc, ARENA), memfd(libc, CONTROL)];

/** Sends an introduction with these fields, then closes its descriptors here. */
function introduce(libc: Libc, fd: number, kind: number, what: Introduction): void {
  const view = new DataView(new ArrayBuffer(128));
  view.setUint32(0, what.magic ?? 0x6d736672, true);
  view.setUint16(4, what.version ?? 1, true);
  view.setUint16(6, what.kind ?? kind, true);
  view.setUint32(8, what.entries ?? 16, true);
  view.setFloat64(16, what.arenaBytes ?? ARENA, true);
  view.setUint32(24, what.privateBytes ?? 0, true);
  const descriptors = (what.descriptors ?? valid)(libc);
  sendMessage(libc, fd, new Uint8Array(view.buffer, 0, what.bytes ?? 84), descriptors);
  for (const descriptor of descriptors) libc.c.close(descriptor);
}

const BAD: Record<string, Introduction> = {
  "a message of 1 byte": { bytes: 1 },
  "a message one byte short": { bytes: 83 },
  "a message one byte long": { bytes: 85 },
  "a message of 128 bytes": { bytes: 128 },
  "another magic": { magic: 0x12345678 },
  "version 0": { version: 0 },
  "version 2": { version: 2 },
  "kind 0": { kind: 0 },
  "kind 9": { kind: 9 },
  "a ring of 0": { entries: 0 },
  "a ring of 8": { entries: 8 },
  "a ring of 17": { entries: 17 },
  "a ring of 2^31": { entries: 2 ** 31 },
  "a larger ring than its memory": { entries: 1024 },
  "an arena of 0 bytes": { arenaBytes: 0 },
  "an arena of -1 bytes": { arenaBytes: -1 },
  "an arena of NaN bytes": { arenaBytes: NaN },
  "an arena of half a byte": { arenaBytes: 0.5 },
  "an arena of 2^50 bytes": { arenaBytes: 2 ** 50 },
  "an arena longer than its memory": { arenaBytes: ARENA + 1 },
  "57 bytes of private data": { privateBytes: 57 },
  "2^32 - 1 bytes of private data": { privateBytes: 2 ** 32 - 1 },
  "no descriptors": { descriptors: () => [] },
  "one descriptor": { descriptors: (libc) => [memfd(libc, ARENA)] },
  "three descriptors": { descriptors: (libc) => [...valid(libc), memfd(libc, ARENA)] },
  "nine descriptors": { descriptors: (libc) => Array.from({ length: 9 }, () => memfd(libc, 1)) },
  "an unsealed arena": { descriptors: (libc) => [memfd(libc, ARENA, 0), memfd(libc, CONTROL)] },
  "an arena sealed against growing only": {
    descriptors: (libc) => [memfd(libc, ARENA, 4), memfd(libc, CONTROL)],
  },
  "an unsealed control block": {
    descriptors: (libc) => [memfd(libc, ARENA), memfd(libc, CONTROL, 0)],
  },
  "a truncated arena": { descriptors: (libc) => [memfd(libc, 100), memfd(libc, CONTROL)] },
  "a truncated control block": { descriptors: (libc) => [memfd(libc, ARENA), memfd(libc, 4095)] },
  "descriptors that are no memory": {
    descriptors: (libc) => [libc.c.eventfd(0, 0), libc.c.eventfd(0, 0)],
  },
};

Deno.test("shm: a listener closes a connection with a malformed hello, and serves the next peer", async (t) => {
  await using provider = openShm();
  using listener = await provider.listen();
  const libc = openLibc();
  const [descriptors, mappings] = [countDescriptors(), countMappings()];
  const bad = { ...BAD, "an accept in its place": { kind: 2 }, "a reject": { kind: 3 } };
  for (const [what, introduction] of Object.entries(bad)) {
    await t.step(what, async () => {
      const fd = connectUnix(libc, `rfaas/${listener.address.slice(4)}`);
      introduce(libc, fd, 1, introduction);
      const accepting = listener.accept();
      // A hello with valid fields and bad memory fails only when it is accepted.
      const connecting = provider.connect(listener.address, { arenaBytes: 64 });
      let request = (await accepting)!;
      let b = await request.accept({ arenaBytes: 64 }).catch(() => undefined);
      if (!b) {
        request = (await listener.accept())!;
        b = await request.accept({ arenaBytes: 64 });
      }
      await eventually(
        () => receiveMessage(libc, fd, 128, 2) === null,
        () => "the connection is open",
      );
      libc.c.close(fd);
      (await connecting).close();
      b.close();
    });
  }
  await eventually(() => countDescriptors() <= descriptors, () => `${countDescriptors()} left`);
  assertEquals(countMappings(), mappings);
  libc.close();
});

Deno.test("shm: `connect()` fails with code peer for a malformed reply", async (t) => {
  await using provider = openShm();
  const libc = openLibc();
  const name = crypto.randomUUID();
  const listening = listenUnix(libc, `rfaas/${name}`, 8);
  const [descriptors, mappings] = [countDescriptors(), countMappings()];
  for (const [what, reply] of Object.entries({ ...BAD, "a hello in its place": { kind: 1 } })) {
    await t.step(what, async () => {
      const connecting = provider.connect(`shm:${name}`, { arenaBytes: ARENA, timeoutMs: 2000 });
      const failing = assertRejectsCode(() => connecting, "peer");
      let fd = -1;
      await eventually(
        () => (fd = acceptUnix(libc, listening)) >= 0,
        () => "no connection arrived",
      );
      introduce(libc, fd, 2, reply);
      const error = await failing;
      assert(error.message.startsWith("Cannot "), error.message);
      closeUnix(libc, fd);
    });
  }
  await eventually(() => countDescriptors() <= descriptors, () => `${countDescriptors()} left`);
  assertEquals(countMappings(), mappings);
  closeUnix(libc, listening);
  libc.close();
});

Deno.test("a listener does not wait for a hello that has arrived with its connection", async () => {
  const libc = openLibc();
  const name = `rfaas/${crypto.randomUUID()}`;
  const arrived = Promise.withResolvers<boolean>();
  const waits = new Set<number>();
  const poller = {
    readable(fd: number) {
      const isFirst = waits.size === 0; // for a connection
      waits.add(fd);
      return isFirst ? arrived.promise : new Promise<boolean>(() => {});
    },
    release() {},
  } as unknown as Poller;
  const listener = new ShmListener(
    { libc, poller, moves: new CoreMoves(libc), tuning: {} },
    name,
    "shm:test",
  );
  const fd = connectUnix(libc, name);
  try {
    introduce(libc, fd, 1, {});
    arrived.resolve(true);
    const request = await listener.accept();
    assertEquals(waits.size, 1);
    request!.reject();
  } finally {
    listener.close();
    closeUnix(libc, fd);
    libc.close();
  }
});
