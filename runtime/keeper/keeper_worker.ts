/**
 * The entry of the keeper: the thread that takes, renews and releases the leases of a client. It is separate, so that a
 * long loop of synchronous calls does not lose its lease.
 */

import { Fabrics } from "../../fabric/open.ts";
import { disarmAtFailure, EndOfThread, releaseAtEnd } from "../../ffi/end_of_thread.ts";
import { readBootId } from "../../ffi/boot_id.ts";
import { openLibc } from "../../ffi/libc.ts";
import { FabricUnavailableError, LeaseOverError, LeaseRefusedError } from "../errors.ts";
import { ManagerClient } from "../http/manager_client.ts";
import { KeeperLease } from "./keeper_lease.ts";
import type { KeeperClosed, KeeperEvent, KeeperRequest, PlainError } from "./keeper_messages.ts";
import type { FabricChoice, Reach } from "./reach_node.ts";

const leases = new Map<number, KeeperLease>();
let manager: ManagerClient;
let choice: FabricChoice;
let reach: Reach | undefined;

// The global of a worker; this project has the types of a main thread.
const thread = self as unknown as {
  postMessage(event: KeeperEvent | KeeperClosed): void;
};
const post = (event: KeeperEvent) => thread.postMessage(event);

addEventListener("message", async (event) => {
  const request = (event as MessageEvent<KeeperRequest>).data;
  if (request.type === "open") {
    manager = new ManagerClient(request.manager);
    choice = request.fabric;
    followCaller(request.holdings);
  } else if (request.type === "lease") {
    try {
      const lease = new KeeperLease(request, manager, reach ??= openReach(), post);
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
  } else if (request.type === "logged") {
    leases.get(request.key)?.onLogged();
  } else if (request.type === "end") {
    await leases.get(request.key)?.end();
    leases.delete(request.key);
  } else {
    await close();
    thread.postMessage({ type: "closed" });
  }
});

/** Terminating a thread leaves open what native code opened: everything is closed before. */
async function close(): Promise<void> {
  await Promise.allSettled([...leases.values()].map((lease) => lease.end()));
  leases.clear();
  manager.close();
  reach?.fabrics.close();
  await reach?.fabrics.closed;
}

/**
 * When the calling thread ends, Deno ends this one without another turn of its event loop. What both hold of the kernel
 * is released then: the nodes see that the connections are closed, and end the leases.
 */
function followCaller(holdings: number): void {
  const libc = openLibc(undefined, "lazy");
  releaseAtEnd(libc, holdings);
  // A keeper that fails ends alone.
  for (const failure of ["error", "unhandledrejection"]) {
    addEventListener(failure, () => disarmAtFailure(libc, holdings));
  }
}

function openReach(): Reach {
  try {
    const libc = openLibc();
    try {
      const holdings = new EndOfThread(libc);
      releaseAtEnd(libc, holdings.address);
      const fabrics = new Fabrics({ holdings });
      // Opened before a lease is requested: a grant lapses if it is not claimed within 2 s.
      if (choice !== "auto") fabrics.of(choice);
      return { fabrics, choice, bootId: readBootId(libc) };
    } finally {
      libc.close();
    }
  } catch (error) {
    throw new FabricUnavailableError(
      error instanceof Deno.errors.NotCapable
        ? "Cannot use the fabric: this program may not call native code, run it with --allow-ffi"
        : `Cannot use the fabric: ${(error as Error).message}`,
      { cause: error },
    );
  }
}

function plain(error: unknown): PlainError {
  const { name, message } = error as Error;
  if (error instanceof LeaseRefusedError) return { name, message, reason: error.reason };
  if (error instanceof LeaseOverError) return { name, message, code: error.code };
  return { name, message };
}
