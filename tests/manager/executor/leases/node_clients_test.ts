/** Clients that connect to a node while it has no seat for them, or closes. */

import { assertEquals } from "@std/assert";
import type { Connection, ConnectionRequest } from "../../../../fabric/fabric.ts";
import { Fabrics } from "../../../../fabric/open.ts";
import { NodeClients } from "../../../../manager/executor/leases/node_clients.ts";
import {
  NodeLeases,
  type NodeLeasesOptions,
} from "../../../../manager/executor/leases/node_leases.ts";
import type { NodeListener } from "../../../../manager/executor/node_listeners.ts";
import type { NodeGrant } from "../../../../runtime/http/manager_api.ts";
import type { KeeperLeaseRequest } from "../../../../runtime/keeper/keeper_messages.ts";
import { NodeClaim } from "../../../../runtime/keeper/node_claim.ts";
import type { Executor } from "../../../../runtime/protocol/node_protocol.ts";
import { serveTerms } from "../../../support/cluster/serve_terms.ts";
import { testFabric } from "../../../support/cluster/test_fabric.ts";
import { endReason } from "../../../../runtime/protocol/end_reason.ts";

/** A client whose connection is established when the test calls `connect()`. */
class SlowClient {
  readonly #connecting = Promise.withResolvers<Connection>();
  closed = 0;
  rejected = 0;
  readonly served: Promise<void>;

  constructor(clients: NodeClients) {
    const request: ConnectionRequest = {
      privateData: new Uint8Array(),
      accept: () => this.#connecting.promise,
      reject: () => void this.rejected++,
    };
    this.served = clients.accept(request, {} as NodeListener);
  }

  connect(): void {
    this.#connecting.resolve({ close: () => this.closed++ } as unknown as Connection);
  }
}

Deno.test("`NodeClients` bounds the clients that connect, and keeps none of them when it closes", async () => {
  const clients = new NodeClients(new NodeLeases({} as NodeLeasesOptions));
  const connecting = Array.from({ length: 300 }, () => new SlowClient(clients));
  assertEquals(connecting.reduce((sum, { rejected }) => sum + rejected, 0), 300 - 256);
  await clients.close(endReason("node-closing", "the test ends"));
  for (const client of connecting) if (client.rejected === 0) client.connect();
  await Promise.all(connecting.map(({ served }) => served));
  assertEquals(connecting.every(({ closed, rejected }) => closed + rejected === 1), true);
});

Deno.test("a client receives the executors of 1,024 workers, which exceed one control message", async () => {
  const executors = Array.from({ length: 1024 }, (_, worker): Executor => ({
    worker,
    generation: 1,
    address: `verbs://[2001:0db8:0000:0000:0000:ff00:0042:8329%${"i".repeat(15)}]:65535`,
    secret: "0123456789abcdef".repeat(2),
    start: "pooled",
    bootMs: 1234.567890123456,
    startMs: 1234.567890123456,
  }));
  const ended = new Promise(() => {});
  const leases: unknown = {
    admit: (
      _channel: unknown,
      _listen: unknown,
      _body: unknown,
      made: (lease: unknown) => void,
    ) => {
      made({ ended, end: () => Promise.resolve() });
      return Promise.resolve([...executors]);
    },
    end: () => Promise.resolve(),
    reported: () => Promise.resolve(),
  };
  const clients = new NodeClients(leases as NodeLeases);
  await using fabrics = new Fabrics();
  using listener = await fabrics.listen(testFabric());
  const accepting = listener.accept().then((request) =>
    clients.accept(request!, { listener } as unknown as NodeListener)
  );
  const grant = { node: "a", name: "a", addresses: [listener.address], bootId: "" };
  const claim = await NodeClaim.claim(
    { fabrics, choice: testFabric(), bootId: "" },
    grant as unknown as NodeGrant,
    executors.map(({ worker }) => worker),
    { ...serveTerms(), sha256: "", source: new Uint8Array(1) } as unknown as KeeperLeaseRequest,
    new AbortController().signal,
  );
  assertEquals(claim.executors, executors);
  await claim.end();
  await clients.close(endReason("node-closing", "the test ends"));
  await accepting;
});
