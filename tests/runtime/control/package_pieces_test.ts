/** A package that is read piece by piece. */

import { assertEquals, assertRejects } from "@std/assert";
import { Fabrics } from "../../../fabric/open.ts";
import {
  ControlChannel,
  ControlError,
  controlOptions,
} from "../../../runtime/control/control_channel.ts";
import {
  fetchPieces,
  lendPiece,
  lendPieces,
  PIECE_BYTES,
} from "../../../runtime/control/package_pieces.ts";
import { testListenPlace } from "../../support/cluster/test_fabric.ts";

/** A package, whose every piece differs from the others. */
function packageOf(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i % 251) ^ Math.floor(i / PIECE_BYTES));
}

/** Sends a package. @returns what arrived, and the pieces that were requested. */
async function send(source: Uint8Array) {
  await using fabrics = new Fabrics();
  using listener = await fabrics.listen(testListenPlace());
  const [owner, reader] = await Promise.all([
    fabrics.connect(listener.address, controlOptions(PIECE_BYTES)),
    listener.accept().then((request) => request!.accept(controlOptions(0))),
  ]);
  const requested: unknown[] = [];
  using lender: ControlChannel = new ControlChannel(owner, {
    request: (type, body) => {
      requested.push([type, body]);
      lendPiece(lender, source, body);
    },
  });
  using channel = new ControlChannel(reader);
  const arrived = await fetchPieces(channel, lendPieces(lender, source));
  await assertRejects(() => channel.request("piece", { at: -1 }), ControlError);
  requested.pop();
  return { arrived, requested };
}

Deno.test("`fetchPieces()` reads a package of one piece without a request", async () => {
  for (const length of [1, PIECE_BYTES]) {
    const source = packageOf(length);
    const { arrived, requested } = await send(source);
    assertEquals(arrived, source);
    assertEquals(requested, []);
  }
});

Deno.test("`fetchPieces()` requests each further piece", async () => {
  const source = packageOf(2 * PIECE_BYTES + 1);
  const { arrived, requested } = await send(source);
  assertEquals(arrived.length, source.length);
  assertEquals(arrived.findIndex((byte, i) => byte !== source[i]), -1);
  assertEquals(requested, [
    ["piece", { at: PIECE_BYTES }],
    ["piece", { at: 2 * PIECE_BYTES }],
  ]);
});
