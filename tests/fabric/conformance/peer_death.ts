/** The peer's process dies, stops or ends: the connection notices death, and only death, in time. */

import { assert, assertEquals } from "@std/assert";
import { Access, type Connection } from "../../../fabric/fabric.ts";
import { Status } from "../../../fabric/status.ts";
import { limitMs } from "../../support/time_factor.ts";
import type { ConformanceOptions } from "./options.ts";
import { BOUND_MS, expectNext, flushedIds, type Open, turn } from "./pair.ts";
import { startPeer } from "./peer_process.ts";

/** A peer's death is noticed within a second, on a usual host. */
const NOTICE_MS = limitMs(1000);

/** Ways to notice that the connection is over; each fails when it takes longer. */
const NOTICING: Record<string, (connection: Connection) => Promise<void>> = {
  "probe()": async (connection) => {
    const untilMs = performance.now() + NOTICE_MS;
    while (connection.probe()) {
      assert(performance.now() < untilMs, "not noticed");
      await turn();
    }
  },
  "wait()": async (connection) => {
    assert(await connection.wait({ timeoutMs: NOTICE_MS }), "not noticed");
  },
  // deno-lint-ignore require-await -- it blocks on purpose
  "waitSync()": async (connection) => {
    assert(connection.waitSync(NOTICE_MS), "not noticed");
  },
};

export function peerDeath(name: string, open: Open, options: ConformanceOptions): void {
  for (const [how, notice] of Object.entries(NOTICING)) {
    Deno.test(`${name}: \`${how}\` notices a peer that is killed while it writes, and receives are flushed`, async () => {
      await using peer = await startPeer(open, options, "stream");
      const { connection } = peer;
      const region = connection.register(0, 65536, Access.LOCAL_WRITE | Access.REMOTE_WRITE);
      const destination = new DataView(connection.buffer(0, 12));
      destination.setFloat64(0, region.address);
      destination.setUint32(8, region.rkey);
      connection.send(1, 0, 12, 2);
      await expectNext(connection, { id: 1, status: Status.SUCCESS });
      for (const id of [11, 12]) connection.postReceive(id, 0, 8);
      assertEquals(await peer.line(), "writing");
      await peer.kill();
      await notice(connection);
      assert(!connection.probe());
      assert(connection.state !== "connected" && connection.reason !== "");
      assertEquals(await flushedIds(connection, 2), [11, 12]);
    });
  }

  Deno.test(`${name}: the peer's death wakes a waiting end`, async () => {
    await using peer = await startPeer(open, options, "idle");
    assertEquals(await peer.line(), "connected");
    const waiting = peer.connection.wait({ timeoutMs: BOUND_MS });
    await turn();
    const startMs = performance.now();
    await peer.kill();
    assert(await waiting);
    assert(performance.now() - startMs < NOTICE_MS);
    assert(!peer.connection.probe());
  });

  Deno.test(`${name}: a peer that exits without \`close()\` is noticed`, async () => {
    await using peer = await startPeer(open, options, "exit");
    peer.connection.postReceive(4, 0, 8);
    assertEquals(await peer.line(), "connected");
    assertEquals((await peer.process.status).code, 0);
    await NOTICING["probe()"]!(peer.connection);
    assertEquals(await flushedIds(peer.connection, 1), [4]);
  });

  Deno.test(`${name}: a stopped peer counts as alive, and continues`, async () => {
    const receives = [{ id: 0, offset: 0, length: 0 }];
    await using peer = await startPeer(open, options, "echo", { receives });
    const { connection } = peer;
    peer.process.kill("SIGSTOP");
    connection.writeImmediate(0, 0, 0, 0, 0, 5, 0);
    assertEquals(await connection.wait({ timeoutMs: 300 }), false);
    assertEquals(connection.waitSync(300), false);
    assert(connection.probe());
    assertEquals(connection.state, "connected");
    peer.process.kill("SIGCONT");
    await expectNext(connection, { id: 0, status: Status.SUCCESS, immediate: 5 });
  });

  Deno.test(`${name}: a request to a dead peer fails in time`, async () => {
    await using peer = await startPeer(open, options, "idle", { receiverNotReadyMs: 60_000 });
    assertEquals(await peer.line(), "connected");
    await peer.kill();
    const startMs = performance.now();
    peer.connection.send(8, 0, 8, 0);
    const untilMs = startMs + BOUND_MS;
    while (!peer.connection.poll()) {
      assert(performance.now() < untilMs, "the request did not fail");
      await peer.connection.wait({ timeoutMs: 100 });
    }
    assertEquals(peer.connection.completion.id, 8);
    assert(peer.connection.completion.status !== Status.SUCCESS);
    assert(performance.now() - startMs < NOTICE_MS);
    assert(peer.connection.state !== "connected");
  });
}
