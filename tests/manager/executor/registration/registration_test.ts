import { assertEquals, assertRejects } from "@std/assert";
import { NodeBills } from "../../../../manager/executor/bills/node_bills.ts";
import {
  Registration,
  type RegistrationClient,
} from "../../../../manager/executor/registration/registration.ts";
import { ManagerUnreachableError } from "../../../../runtime/errors.ts";

const unexpected = () => Promise.reject(new Error("unexpected request"));
const handlers = { leases: () => [], lend() {}, leave() {}, end() {}, bills: new NodeBills() };
const node = {
  name: "a",
  cores: 1,
  memoryBytes: 2 ** 30,
  addresses: ["shm://a"],
  bootId: crypto.randomUUID(),
};

/** A client whose requests fail, except for those that are given. */
function clientWith(requests: Partial<RegistrationClient>): RegistrationClient {
  return {
    registerNode: unexpected,
    heartbeat: unexpected,
    awaitNotifications: unexpected,
    reportLease: unexpected,
    drainNode: unexpected,
    removeNode: unexpected,
    ...requests,
  };
}

Deno.test("`begin()` stops waiting for a resource manager when its signal fires", async () => {
  const stopping = new AbortController();
  let attempts = 0;
  let later: ReturnType<typeof setTimeout> | undefined;
  let isLater = false;
  const client = clientWith({
    registerNode: () => {
      attempts++;
      // Both within the pause of 500 ms. However late timers are, they fire in this order.
      setTimeout(() => stopping.abort(new Error("stopped by the test")), 20);
      later = setTimeout(() => isLater = true, 300);
      return Promise.reject(new ManagerUnreachableError("Cannot reach it"));
    },
  });
  const registration = new Registration(client, node, handlers);
  await assertRejects(() => registration.begin(60_000, stopping.signal), Error, "stopped by");
  clearTimeout(later);
  assertEquals([attempts, isLater], [1, false]);
});

Deno.test("`begin()` rejects when the resource manager stays unreachable for the whole timeout", async () => {
  const client = clientWith({
    registerNode: () => Promise.reject(new ManagerUnreachableError("Cannot reach it")),
  });
  const registration = new Registration(client, node, handlers);
  await assertRejects(() => registration.begin(0), ManagerUnreachableError);
});

Deno.test("a notification makes the next heartbeat due at once, and `close()` ends the wait for it", async () => {
  const { promise: heartbeatSent, resolve: onHeartbeat } = Promise.withResolvers<void>();
  const heartbeats: (number | undefined)[] = [];
  let removed = "";
  const client = clientWith({
    registerNode: () =>
      Promise.resolve({ node: "n", epoch: 1, heartbeatMs: 60_000, nowMs: 0, keys: [] }),
    awaitNotifications: async (_node, { since }, signal) => {
      if (since === undefined) return { revision: 1 };
      await new Promise((resolve) => signal!.addEventListener("abort", resolve, { once: true }));
      throw signal!.reason;
    },
    heartbeat: (_node, { lentRevision }) => {
      heartbeats.push(lentRevision);
      if (heartbeats.length === 2) onHeartbeat();
      return Promise.resolve({
        nowMs: 0,
        keys: [],
        end: [],
        lent: { cores: 1, graceMs: 0, revision: 7 },
      });
    },
    removeNode: (id) => {
      removed = id;
      return Promise.resolve();
    },
  });
  const registration = new Registration(client, node, handlers);
  await registration.begin(0);
  await heartbeatSent;
  await registration.close(true);
  // The second one confirms what the first response had to lend.
  assertEquals([heartbeats, removed], [[undefined, 7], "n"]);
});

Deno.test("heartbeats repeat starts of leases and ends of executors until one is answered", async () => {
  const { promise: heartbeatsSent, resolve: onHeartbeats } = Promise.withResolvers<void>();
  const heartbeats: [number | undefined, number | undefined][] = [];
  let revision = 0;
  const client = clientWith({
    registerNode: () =>
      Promise.resolve({ node: "n", epoch: 1, heartbeatMs: 1, nowMs: 0, keys: [] }),
    awaitNotifications: async (_node, _request, signal) => {
      await new Promise((resolve) => signal!.addEventListener("abort", resolve, { once: true }));
      throw signal!.reason;
    },
    heartbeat: (_node, { starts, executorEnds }) => {
      heartbeats.push([starts?.length, executorEnds?.length]);
      if (heartbeats.length === 1) {
        return Promise.reject(new ManagerUnreachableError("Cannot reach it"));
      }
      if (heartbeats.length === 4) onHeartbeats();
      const lent = { cores: 1, graceMs: 0, revision: revision++ };
      return Promise.resolve({ nowMs: 0, keys: [], end: [], lent });
    },
  });
  const registration = new Registration(client, node, handlers);
  registration.leaseStarted({ lease: "a", start: "cold", admitMs: 1, bootMs: 2, startMs: 3 });
  for (let generation = 1; generation <= 17; generation++) {
    registration.executorEnded({ lease: "a", worker: 0, generation, reason: "crash" });
  }
  await registration.begin(0);
  await heartbeatsSent;
  await registration.close(false);
  assertEquals(heartbeats.slice(0, 4), [[1, 16], [1, 16], [undefined, 1], [undefined, undefined]]);
});
