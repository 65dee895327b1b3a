/** Who may come to a node while it is full or closes. */

import { assertEquals } from "@std/assert";
import type { Connection, ConnectionRequest } from "../../fabric/fabric.ts";
import { NodeClients, type NodeClientsOptions } from "../../manager/executor/node_clients.ts";
import type { NodeDoor } from "../../manager/executor/node_doors.ts";

/** A client that is let in as soon as the test says so. */
class Comer {
  readonly #accepting = Promise.withResolvers<Connection>();
  closed = 0;
  rejected = 0;
  readonly welcomed: Promise<void>;

  constructor(clients: NodeClients) {
    const request: ConnectionRequest = {
      privateData: new Uint8Array(),
      accept: () => this.#accepting.promise,
      reject: () => void this.rejected++,
    };
    this.welcomed = clients.welcome(request, {} as NodeDoor);
  }

  letIn(): void {
    this.#accepting.resolve({ close: () => this.closed++ } as unknown as Connection);
  }
}

Deno.test("NodeClients bounds those that are being let in, and keeps none that is when it closes", async () => {
  const clients = new NodeClients({} as NodeClientsOptions);
  const comers = Array.from({ length: 300 }, () => new Comer(clients));
  assertEquals(comers.reduce((sum, { rejected }) => sum + rejected, 0), 300 - 256);
  await clients.close("the test ends");
  for (const comer of comers) if (comer.rejected === 0) comer.letIn();
  await Promise.all(comers.map(({ welcomed }) => welcomed));
  assertEquals(comers.every(({ closed, rejected }) => closed + rejected === 1), true);
});
