/** A client that tests kill, stop, or watch as it ends: a process of its own, one mode a purpose. */

import { connect } from "../../runtime/client/client.ts";
import type { Client } from "../../runtime/client/client.ts";
import { LeaseOver, LeaseRefused } from "../../runtime/errors.ts";
import type { Lease } from "../../runtime/client/lease.ts";
import { say } from "../support/process_child.ts";
import type { ClientTask } from "../support/process_host.ts";
import { limitMs } from "../support/time_factor.ts";

const task: ClientTask = JSON.parse(Deno.args[0]!);
const functions = Deno.readFileSync(task.functions);
const bytes = new Uint8Array(64);

/** What a test wants to know of a failure. */
function failure(error: unknown) {
  const { name, message, outcome } = error as Error & { outcome?: string };
  return { name, message, outcome: outcome ?? null };
}

async function outcomes(calls: Promise<unknown>[]): Promise<string[]> {
  const settled = await Promise.allSettled(calls);
  return settled.map((one) => one.status === "rejected" ? failure(one.reason).name : "done");
}

function newLease(client: Client, signal?: AbortSignal): Promise<Lease> {
  return client.lease({ functions, ...task.lease, ...(signal ? { signal } : {}) });
}

/** What was given up at once is given back a moment later: until then a node may be full. */
async function patient(take: () => Promise<Lease>): Promise<Lease> {
  const untilMs = performance.now() + limitMs(3000);
  for (;;) {
    try {
      return await take();
    } catch (error) {
      const full = error instanceof LeaseRefused && error.reason === "full";
      if (!full || performance.now() > untilMs) throw error;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}

/** Waits for the test's SIGUSR1. */
function signalled(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const heard = () => {
    Deno.removeSignalListener("SIGUSR1", heard);
    resolve();
  };
  Deno.addSignalListener("SIGUSR1", heard);
  say({ ready: true });
  return promise;
}

const modes: Record<string, (client: Client) => Promise<void>> = {
  /** Holds a lease and does nothing. */
  async idle(client) {
    const lease = await newLease(client);
    say({ lease: lease.id });
    await lease.closed;
  },

  /** Calls again and again without a look at the event loop, until a call fails; tells when that was. */
  async hotLoop(client) {
    const lease = await newLease(client);
    const call = lease.prepare("echo", { bytes: 64, resultBytes: 64 });
    let calls = 0;
    say({ lease: lease.id });
    let goodMs = Date.now();
    try {
      for (;;) {
        call.invokeSync(64);
        if (++calls % 1000 === 0) goodMs = Date.now();
      }
    } catch (error) {
      say({ ...failure(error), calls, afterMs: Date.now() - goodMs, atMs: Date.now() });
    }
    await lease.close();
  },

  /** Sits in one synchronous call that never comes back. */
  async spinSync(client) {
    const lease = await newLease(client);
    const call = lease.prepare("spin", { bytes: 64, resultBytes: 64 });
    say({ lease: lease.id });
    try {
      call.invokeSync(64);
    } catch (error) {
      say({ ...failure(error), atMs: Date.now() });
    }
    await lease.close();
  },

  /** Is in the middle of a long map. */
  async map(client) {
    const lease = await newLease(client);
    const inputs = Array.from({ length: 100_000 }, () => Uint8Array.of(2, 3));
    let told = false;
    await lease.map("hold", inputs, {
      onProgress() {
        if (!told) say({ lease: lease.id });
        told = true;
      },
    });
  },

  /** Takes leases and gives them back, for ever. */
  async leasing(client) {
    for (;;) {
      const lease = await newLease(client);
      say({ lease: lease.id });
      await lease.close();
    }
  },

  /** Takes leases, calls, and gives them back, as often as it is told to by a signal. */
  async series(client) {
    for (;;) {
      await signalled();
      const lease = await newLease(client);
      const call = lease.prepare("echo", { bytes: 64, resultBytes: 64 });
      call.invokeSync(64);
      await Promise.all(Array.from({ length: 8 }, () => lease.invoke("echo", bytes)));
      call.close();
      await lease.close();
      say({ done: true });
    }
  },

  /** The same; each lease's executor is killed by the test, and follows another. */
  async killedSeries(client) {
    for (;;) {
      await signalled();
      const lease = await newLease(client);
      const call = lease.prepare("echo", { bytes: 64, resultBytes: 64 });
      const events = lease.status();
      const lost = outcomes([lease.invoke("never", bytes)]);
      say({ lease: lease.id });
      for await (const { type } of events) if (type === "recovered") break;
      say({ outcomes: await lost });
      call.input.fill(3);
      call.invokeSync(64);
      await lease.invoke("echo", bytes);
      await lease.close();
      say({ done: true });
    }
  },

  /** Clients that connect, take a lease and close, one after the other in one process. */
  async clients() {
    for (;;) {
      await signalled();
      const another = await connect(task);
      const lease = await newLease(another);
      await lease.invoke("echo", bytes);
      await another.close();
      say({ done: true });
    }
  },

  /** Leases that run out by themselves, and are never closed. */
  async expiring(client) {
    for (;;) {
      await signalled();
      try {
        const lease = await newLease(client);
        await lease.closed;
      } catch (error) {
        if (!(error instanceof LeaseOver)) throw error; // it had run out before its workers were there
      }
      say({ done: true });
    }
  },

  /** Fails with a lease open and calls under way. */
  async throws(client) {
    const lease = await newLease(client);
    lease.invoke("never", bytes).catch(() => {});
    throw new Error("on purpose");
  },

  /** Leaves the process with a lease open. */
  async exits(client) {
    const lease = await newLease(client);
    lease.invoke("never", bytes).catch(() => {});
    Deno.exit(3);
  },

  /** Closes a lease with calls under way, waiting, given up, prepared; twice at once. */
  async closeUnderWay(client) {
    const lease = await newLease(client);
    const calls = Array.from({ length: 20 }, () => lease.invoke("never", bytes));
    const map = lease.map("never", [bytes, bytes, bytes]);
    const events = Array.fromAsync(lease.status());
    const first = lease.close();
    const settled = outcomes([...calls, map]);
    await Promise.all([first, lease.close(), client.close(), client.close()]);
    await client.close();
    say({
      outcomes: await settled,
      later: await outcomes([lease.invoke("echo", bytes), newLease(client)]),
      events: (await events).map(({ type }) => type),
    });
  },

  /** Closes the client without closing the lease, calls under way. */
  async closeClient(client) {
    const lease = await newLease(client);
    const calls = Array.from({ length: 20 }, () => lease.invoke("never", bytes));
    const settled = outcomes(calls);
    await client.close();
    say({ outcomes: await settled, closed: await lease.closed });
  },

  /** Closes as soon as it hears of the loss of its executor. */
  async closeInRecovery(client) {
    const lease = await newLease(client);
    const settled = outcomes(Array.from({ length: 8 }, () => lease.invoke("never", bytes)));
    say({ lease: lease.id });
    for await (const event of lease.status()) {
      if (event.type !== "lost") continue;
      const waiting = lease.invoke("echo", bytes);
      const waited = outcomes([waiting]);
      await lease.close();
      say({ outcomes: await settled, waited: await waited });
      return;
    }
  },

  /** Gives up taking a lease at many moments; then one is taken after all. */
  async abortLeasing(client) {
    const names = new Set<string>();
    for (const afterMs of [0, 1, 3, 10, 30, 60, 100]) {
      const stop = new AbortController();
      const timer = setTimeout(() => stop.abort(new Error("given up")), afterMs);
      try {
        const lease = await patient(() => newLease(client, stop.signal));
        names.add("taken");
        await lease.close();
      } catch (error) {
        names.add((error as Error).message);
      }
      clearTimeout(timer);
    }
    say({ names: [...names].sort() });
    const lease = await patient(() => newLease(client));
    say({ echoed: (await lease.invoke("echo", bytes)).length });
    await lease.close();
  },

  /** Its lease ends while it attaches to the workers, or soon after. */
  async overInLeasing(client) {
    say({});
    try {
      const lease = await newLease(client);
      await lease.invoke("never", bytes);
    } catch (error) {
      say(failure(error));
    }
  },

  /** Closes the client while leases are being taken. */
  async closeInLeasing(client) {
    const taking = outcomes(Array.from({ length: 3 }, () => newLease(client)));
    await new Promise((resolve) => setTimeout(resolve, 20)); // anywhere in the taking will do
    await client.close();
    say({ outcomes: await taking });
  },

  /** Loses its lease to the end of its term, with calls under way and nobody who listens. */
  async outlives(client) {
    const lease = await newLease(client);
    const settled = outcomes([lease.invoke("never", bytes), lease.map("never", [bytes])]);
    say({ lease: lease.id });
    say({ closed: await lease.closed, outcomes: await settled });
  },
};

const client = await connect(task);
await modes[task.mode]!(client);
await client.close();
