/**
 * The entry of the keeper: the thread that takes, renews and gives back the leases of a client. It is a thread of its
 * own, so that a long loop of synchronous calls does not lose its lease.
 */

import { Fabrics } from "../../fabric/open.ts";
import { readBootId } from "../../ffi/boot_id.ts";
import { openLibc } from "../../ffi/libc.ts";
import { FabricUnavailable, LeaseRefused } from "../errors.ts";
import { ManagerClient } from "../http/manager_client.ts";
import { HeldLease } from "./held_lease.ts";
import type { KeeperClosed, KeeperEvent, KeeperRequest, PlainError } from "./keeper_messages.ts";
import type { FabricChoice, Reach } from "./reach_node.ts";

const leases = new Map<number, HeldLease>();
let manager: ManagerClient;
let choice: FabricChoice;
let reach: Reach | undefined;

// The global of a worker; the types given to this project are those of a main thread.
const thread = self as unknown as {
  postMessage(event: KeeperEvent | KeeperClosed): void;
};
const post = (event: KeeperEvent) => thread.postMessage(event);

addEventListener("message", async (event) => {
  const request = (event as MessageEvent<KeeperRequest>).data;
  if (request.type === "open") {
    manager = new ManagerClient(request.manager);
    choice = request.fabric;
  } else if (request.type === "lease") {
    try {
      const lease = new HeldLease(request, manager, reach ??= openReach(), post);
      leases.set(request.key, lease);
      await lease.take();
    } catch (error) {
      leases.delete(request.key);
      post({ type: "refused", key: request.key, error: plain(error) });
    }
  } else if (request.type === "leave") {
    leases.get(request.key)?.leave(request.part);
  } else if (request.type === "abandon") {
    leases.get(request.key)?.abandon(request.part, request.reason);
  } else if (request.type === "heard") {
    leases.get(request.key)?.heard();
  } else if (request.type === "end") {
    await leases.get(request.key)?.end();
    leases.delete(request.key);
  } else {
    await close();
    thread.postMessage({ type: "closed" });
  }
});

/** What native code opened stays open when a thread is terminated: it must be closed before. */
async function close(): Promise<void> {
  await Promise.allSettled([...leases.values()].map((lease) => lease.end()));
  leases.clear();
  manager.close();
  reach?.fabrics.close();
  await reach?.fabrics.closed;
}

function openReach(): Reach {
  try {
    const libc = openLibc();
    try {
      const fabrics = new Fabrics();
      // Opened before a lease is asked for: what is granted waits two seconds to be claimed, and no longer.
      if (choice !== "auto") fabrics.of(choice);
      return { fabrics, choice, bootId: readBootId(libc) };
    } finally {
      libc.close();
    }
  } catch (error) {
    throw new FabricUnavailable(
      error instanceof Deno.errors.NotCapable
        ? "Cannot use the fabric: this program may not call native code, run it with --allow-ffi"
        : `Cannot use the fabric: ${(error as Error).message}`,
      { cause: error },
    );
  }
}

function plain(error: unknown): PlainError {
  const { name, message } = error as Error;
  return error instanceof LeaseRefused
    ? { name, message, reason: error.reason }
    : { name, message };
}
