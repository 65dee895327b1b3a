/** A client process that tests kill, stop, or let end, with a mode for each purpose. */

import { connect } from "../../../runtime/client/client.ts";
import type { Client } from "../../../runtime/client/client.ts";
import { LeaseRefusedError } from "../../../runtime/errors.ts";
import type { Lease } from "../../../runtime/client/lease.ts";
import type { LeaseOptions } from "../../../runtime/client/lease_options.ts";
import { emit } from "../processes/process_child.ts";
import type { ClientTask } from "../processes/process_host.ts";
import { limitMs } from "../time_factor.ts";
import { shortLease } from "./short_lease.ts";

const task: ClientTask = JSON.parse(Deno.args[0]!);
const functions = Deno.readFileSync(task.functions);
const bytes = new Uint8Array(64);

/** The properties of a failure that tests check. */
function failure(error: unknown) {
  const { name, message, outcome } = error as Error & { outcome?: string };
  return { name, message, outcome: outcome ?? null };
}

async function outcomes(calls: Promise<unknown>[]): Promise<string[]> {
  const settled = await Promise.allSettled(calls);
  return settled.map((one) => one.status === "rejected" ? failure(one.reason).name : "done");
}

async function newLease(client: Client, more: Partial<LeaseOptions> = {}): Promise<Lease> {
  const take = (options: Partial<LeaseOptions> = {}) =>
    client.lease({ functions, ...task.lease, ...more, ...options });
  const { termMs } = task.lease;
  return termMs === undefined
    ? await take()
    : (await shortLease((termMs) => take({ termMs }), termMs)).lease;
}

/** Retries while the node is full: an aborted lease is released a moment later. */
async function retryWhileFull(take: () => Promise<Lease>): Promise<Lease> {
  const untilMs = performance.now() + limitMs(3000);
  for (;;) {
    try {
      return await take();
    } catch (error) {
      const full = error instanceof LeaseRefusedError && error.reason === "full";
      if (!full || performance.now() > untilMs) throw error;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}

/** Waits for the test's SIGUSR1. */
function signaled(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const onSignal = () => {
    Deno.removeSignalListener("SIGUSR1", onSignal);
    resolve();
  };
  Deno.addSignalListener("SIGUSR1", onSignal);
  emit({ ready: true });
  return promise;
}

const modes: Record<string, (client: Client) => Promise<void>> = {
  /** Holds a lease and does nothing. */
  async idle(client) {
    const lease = await newLease(client);
    emit({ lease: lease.id });
    await lease.closed;
  },

  /** Calls without returning to the event loop until a call fails, and reports when that was. */
  async hotLoop(client) {
    const lease = await newLease(client);
    const call = lease.prepare("echo", { bytes: 64, resultBytes: 64 });
    let calls = 0;
    emit({ lease: lease.id });
    let goodMs = Date.now();
    try {
      for (;;) {
        call.invokeSync(64);
        if (++calls % 1000 === 0) goodMs = Date.now();
      }
    } catch (error) {
      emit({ ...failure(error), calls, afterMs: Date.now() - goodMs, atMs: Date.now() });
    }
    await lease.close();
  },

  /** Blocks in one synchronous call that never returns. */
  async spinSync(client) {
    const lease = await newLease(client);
    const call = lease.prepare("spin", { bytes: 64, resultBytes: 64 });
    emit({ lease: lease.id });
    try {
      call.invokeSync(64);
    } catch (error) {
      emit({ ...failure(error), atMs: Date.now() });
    }
    await lease.close();
  },

  /** Runs a long map. */
  async map(client) {
    const lease = await newLease(client);
    const inputs = Array.from({ length: 100_000 }, () => Uint8Array.of(2, 3));
    let reported = false;
    await lease.map("hold", inputs, {
      onProgress() {
        if (!reported) emit({ lease: lease.id });
        reported = true;
      },
    });
  },

  /** Takes and releases leases without end. */
  async leasing(client) {
    for (;;) {
      const lease = await newLease(client);
      emit({ lease: lease.id });
      await lease.close();
    }
  },

  /** Takes a lease, calls, and releases it, once per signal. */
  async series(client) {
    for (;;) {
      await signaled();
      const lease = await newLease(client);
      const call = lease.prepare("echo", { bytes: 64, resultBytes: 64 });
      call.invokeSync(64);
      await Promise.all(Array.from({ length: 8 }, () => lease.invoke("echo", bytes)));
      call.close();
      await lease.close();
      emit({ done: true });
    }
  },

  /** Like `series`; the test also kills each lease's executor, which is replaced. */
  async killedSeries(client) {
    for (;;) {
      await signaled();
      const lease = await newLease(client);
      const call = lease.prepare("echo", { bytes: 64, resultBytes: 64 });
      const events = lease.status();
      const lost = outcomes([lease.invoke("never", bytes)]);
      await lease.invoke("echo", bytes); // the call before it has begun: one that has not runs on the next executor
      emit({ lease: lease.id });
      for await (const { type } of events) if (type === "recovered") break;
      emit({ outcomes: await lost });
      call.input.fill(3);
      call.invokeSync(64);
      await lease.invoke("echo", bytes);
      await lease.close();
      emit({ done: true });
    }
  },

  /** Makes a client that takes a lease and closes, once per signal. */
  async clients() {
    for (;;) {
      await signaled();
      const another = await connect(task);
      const lease = await newLease(another);
      await lease.invoke("echo", bytes);
      await another.close();
      emit({ done: true });
    }
  },

  /** Takes leases that expire and are never closed. */
  async expiring(client) {
    for (;;) {
      await signaled();
      const lease = await newLease(client);
      await lease.closed;
      emit({ done: true });
    }
  },

  /** Fails with an open lease and calls in flight. */
  async throws(client) {
    const lease = await newLease(client);
    lease.invoke("never", bytes).catch(() => {});
    throw new Error("on purpose");
  },

  /** Exits the process with an open lease. */
  async exits(client) {
    const lease = await newLease(client);
    lease.invoke("never", bytes).catch(() => {});
    Deno.exit(3);
  },

  /** Closes a lease with calls in flight, waiting, aborted and prepared; twice at once. */
  async closeInFlight(client) {
    const lease = await newLease(client);
    const calls = Array.from({ length: 20 }, () => lease.invoke("never", bytes));
    const map = lease.map("never", [bytes, bytes, bytes]);
    const events = Array.fromAsync(lease.status());
    const first = lease.close();
    const settled = outcomes([...calls, map]);
    await Promise.all([first, lease.close(), client.close(), client.close()]);
    await client.close();
    emit({
      outcomes: await settled,
      later: await outcomes([lease.invoke("echo", bytes), newLease(client)]),
      events: (await events).map(({ type }) => type),
    });
  },

  /** Closes the client without closing the lease, with calls in flight. */
  async closeClient(client) {
    const lease = await newLease(client);
    const calls = Array.from({ length: 20 }, () => lease.invoke("never", bytes));
    const settled = outcomes(calls);
    await client.close();
    emit({ outcomes: await settled, closed: await lease.closed });
  },

  /** Closes as soon as the event `lost` arrives. */
  async closeInRecovery(client) {
    const lease = await newLease(client);
    const settled = outcomes(Array.from({ length: 8 }, () => lease.invoke("never", bytes)));
    emit({ lease: lease.id });
    for await (const event of lease.status()) {
      if (event.type !== "lost") continue;
      const waiting = lease.invoke("echo", bytes);
      const waited = outcomes([waiting]);
      await lease.close();
      emit({ outcomes: await settled, waited: await waited });
      return;
    }
  },

  /** Aborts taking a lease at various moments, then takes one. */
  async abortLeasing(client) {
    const names = new Set<string>();
    for (const afterMs of [0, 1, 3, 10, 30, 60, 100]) {
      const stop = new AbortController();
      const timer = setTimeout(() => stop.abort(new Error("aborted")), afterMs);
      try {
        const lease = await retryWhileFull(() => newLease(client, { signal: stop.signal }));
        names.add("taken");
        await lease.close();
      } catch (error) {
        names.add((error as Error).message);
      }
      clearTimeout(timer);
    }
    emit({ names: [...names].sort() });
    const lease = await retryWhileFull(() => newLease(client));
    emit({ echoed: (await lease.invoke("echo", bytes)).length });
    await lease.close();
  },

  /** Takes a lease that ends while the client attaches to the workers, or soon after. */
  async overInLeasing(client) {
    emit({});
    try {
      const lease = await client.lease({ functions, ...task.lease });
      await lease.invoke("never", bytes);
    } catch (error) {
      emit(failure(error));
    }
  },

  /** Closes the client while leases are being taken. */
  async closeInLeasing(client) {
    const taking = outcomes(Array.from({ length: 3 }, () => newLease(client)));
    await new Promise((resolve) => setTimeout(resolve, 20)); // any moment while they are taken
    await client.close();
    emit({ outcomes: await taking });
  },

  /** Lets its lease expire, with calls in flight and without listeners. */
  async outlives(client) {
    const lease = await newLease(client);
    const settled = outcomes([lease.invoke("never", bytes), lease.map("never", [bytes])]);
    emit({ lease: lease.id });
    emit({ closed: await lease.closed, outcomes: await settled });
  },
};

const client = await connect(task);
await modes[task.mode]!(client);
await client.close();
