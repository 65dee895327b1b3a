/** Two processes wake each other again and again: no wake-up is lost. */

import { assert, assertEquals } from "@std/assert";
import type { Connection } from "../../../fabric/fabric.ts";
import { Status } from "../../../fabric/status.ts";
import type { ConformanceOptions } from "./options.ts";
import { scaledCount } from "../../support/time_factor.ts";
import { BOUND_MS, type Open } from "./pair.ts";
import { startPeer } from "./peer_process.ts";

/** Without the poll after arming the queue, verbs on an emulated machine lose a wake-up within 414 rounds. */
const ROUNDS = scaledCount(10_000, 1_000);
const receives = Array.from({ length: 4 }, () => ({ id: 0, offset: 0, length: 0 }));

/** One round trip of an immediate. */
async function round(connection: Connection, i: number, sync: boolean): Promise<void> {
  connection.writeImmediate(0, 0, 0, 0, 0, i, 0);
  const untilMs = performance.now() + BOUND_MS;
  while (!connection.poll()) {
    // With a lost wake-up the wait ends by its timeout.
    const woken = sync
      ? connection.waitSync(BOUND_MS)
      : await connection.wait({ timeoutMs: BOUND_MS });
    assert(woken && performance.now() < untilMs, `round ${i}: a wake-up was lost`);
  }
  if (connection.completion.status !== Status.SUCCESS || connection.completion.immediate !== i) {
    throw new Error(`round ${i}: ${JSON.stringify(connection.completion)} ${connection.reason}`);
  }
  connection.postReceives(1);
}

export function wakingAcross(name: string, open: Open, options: ConformanceOptions): void {
  for (const [role, sync] of [["echo-sync", true], ["echo", false]] as const) {
    const how = sync ? "waitSync()" : "wait()";
    Deno.test(`${name}: \`${how}\` loses no wake-up in ${ROUNDS} rounds between processes`, async () => {
      await using peer = await startPeer(open, options, role, { receives });
      for (let i = 0; i < ROUNDS; i++) await round(peer.connection, i, sync);
      peer.connection.disconnect();
      assertEquals((await peer.process.status).code, 0);
    });
  }

  Deno.test(`${name}: \`waitSync()\` is woken by a message of another process`, async () => {
    await using peer = await startPeer(open, options, "echo", { receives });
    const { connection } = peer;
    await round(connection, 1, true);
    await round(connection, 2, true);
    // A wait may end early once, where its wake-up came during the poll, but not again and again.
    let idle = 0;
    while (connection.waitSync(20)) assert(!connection.poll() && ++idle < 4, "nothing was sent");
  });
}
