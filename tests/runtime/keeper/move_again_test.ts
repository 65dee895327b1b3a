/** A lease that moves on before its last move is complete. */

import { assertEquals } from "@std/assert";
import type { Lease } from "../../../mod.ts";
import { type Cluster, startCluster } from "../../support/cluster/cluster.ts";
import { until, within } from "../../support/waiting.ts";
import { packageOf } from "../../support/functions/functions_package.ts";
import { limitMs } from "../../support/time_factor.ts";

/** A server that holds each request until the test opens it. */
class Gate {
  readonly #waiting: PromiseWithResolvers<void>[] = [];
  readonly #server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen: () => {} },
    async () => {
      const waiting = Promise.withResolvers<void>();
      this.#waiting.push(waiting);
      await waiting.promise;
      return new Response();
    },
  );

  get address(): string {
    return `127.0.0.1:${this.#server.addr.port}`;
  }

  /** Waits for the request of this number, from 0. */
  async arrived(number: number): Promise<void> {
    await until(() => this.#waiting.length > number, () => `request ${number} arrives`);
  }

  async open(number: number): Promise<void> {
    await this.arrived(number);
    this.#waiting[number]!.resolve();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { resolve } of this.#waiting) resolve();
    await this.#server.shutdown();
  }
}

function drain(cluster: Cluster, lease: Lease): Promise<void> {
  return cluster.nodes[Number(lease.nodes[0]!.slice("node-".length))]!.drain(limitMs(20_000));
}

Deno.test("a node that a lease left before its workers loaded the package gets no calls later", async () => {
  await using loads = new Gate();
  await using calls = new Gate();
  const permissions = { net: [loads.address, calls.address] };
  await using cluster = await startCluster({ nodes: 3, permissions });
  const client = await cluster.connect();
  const functions = packageOf(`
    export async function init() { await (await fetch("http://${loads.address}")).text(); }
    export async function slow() { await (await fetch("http://${calls.address}")).text(); return 0; }
    export const echo = (input, output) => (output.set(input), input.length);
  `);
  const taking = client.lease({ functions, maxBytes: 64, depth: 2, permissions });
  await loads.open(0);
  const lease = await taking;
  const moved = (async () => {
    for await (const { type } of lease.status()) if (type === "moved") return;
  })();
  const slow = lease.invoke("slow", new Uint8Array()); // keeps the first node, and so the second one, for a while
  await calls.arrived(0);
  const first = drain(cluster, lease);
  await loads.arrived(1); // the second node loads the package, slowly
  const second = drain(cluster, lease);
  await loads.open(2);
  await within(10_000, "the move to the third node", moved);
  await loads.open(1);
  for (let i = 0; i < 20; i++) {
    assertEquals(await lease.invoke("echo", Uint8Array.of(i)), Uint8Array.of(i));
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await calls.open(0);
  await slow;
  await within(10_000, "the nodes that were left", Promise.all([first, second]));
  const echo = lease.invoke("echo", Uint8Array.of(7));
  assertEquals(await within(5000, "a call on the third node", echo), Uint8Array.of(7));
});
