/** Rows of the resource manager's store, for tests that need any valid one. */
import { assertEquals } from "@std/assert";
import type { EventRow } from "../../../manager/resource/store/event_rows.ts";
import type {
  AllocationRow,
  BillRow,
  KeyRow,
  LeaseRow,
  NodeLoad,
  NodeRow,
  Transaction,
} from "../../../manager/resource/store/store.ts";

export const nodeRow = (id: string, more: Partial<NodeRow> = {}): NodeRow => ({
  id,
  name: `name-${id}`,
  cores: 8,
  maxCores: more.cores ?? 8,
  memoryBytes: 1000,
  addresses: ["shm:a", "verbs://10.0.0.1:1"],
  bootId: "b",
  sandbox: "bubblewrap",
  drainMs: null,
  lostMs: null,
  limits: {},
  epoch: 1,
  lastSeenMs: 5,
  ...more,
});
export const leaseRow = (id: string, more: Partial<LeaseRow> = {}): LeaseRow => ({
  id,
  client: "c",
  account: null,
  workers: 2,
  memoryBytes: 10,
  root: id,
  rootWorkers: 2,
  rootMemoryBytes: 10,
  issuedMs: 10,
  expiresMs: 100,
  endedMs: null,
  endReason: null,
  ...more,
});
export const allocationRow = (
  lease: string,
  node: string,
  more: Partial<AllocationRow> = {},
): AllocationRow => ({
  lease,
  node,
  workers: 2,
  memoryBytes: 10,
  reservedWorkers: 2,
  state: "candidate",
  claimByMs: 20,
  claimedMs: null,
  endReason: null,
  ...more,
});

export const billRow = (lease: string, node: string, more: Partial<BillRow> = {}): BillRow => ({
  lease,
  node,
  epoch: 1,
  client: "c",
  account: null,
  workers: 2,
  memoryBytes: 10,
  sinceMs: 10,
  untilMs: 20,
  heldNs: 2n ** 62n,
  computeNs: 0n,
  pollNs: 1n,
  ...more,
});

export const keyRow = (id: string): KeyRow => ({
  id,
  publicKey: "p",
  privatePkcs8: "s",
  createdMs: 1,
  signsFromMs: 2,
  dropMs: null,
});

/** @param lease the lease that it is about; missing: a node. */
export const eventRow = (seq: number, lease?: string): EventRow =>
  lease === undefined
    ? { seq, atMs: seq, event: "node-lost", role: "resource-manager", node: "a" }
    : { seq, atMs: seq, event: "lease-granted", role: "client", by: "c", lease, client: "c" };

/** Asserts that the nodes by their free cores are all nodes, in that order. */
export function assertOrderOfNodes(tx: Transaction): void {
  const freeCores = ({ node, allocated }: NodeLoad) => node.cores - allocated.workers;
  const sorted = [...tx.nodeLoads()].sort((a, b) =>
    freeCores(b) - freeCores(a) || (a.node.name < b.node.name ? -1 : 1)
  );
  assertEquals(tx.nodesByFreeCores(), sorted);
}
