/** The clients of a node: each has a control channel, on which its lease is admitted, renewed and released. */

import type { Connection, ConnectionRequest } from "../../../fabric/fabric.ts";
import {
  ControlChannel,
  ControlError,
  controlOptions,
} from "../../../runtime/control/control_channel.ts";
import { type EndReason, endReason } from "../../../runtime/protocol/end_reason.ts";
import { MAX_EXECUTORS } from "../../../runtime/protocol/node_protocol.ts";
import { getLogger } from "../../log.ts";
import type { NodeListener } from "../node_listeners.ts";
import { IdleClients, type IdleSeat } from "./idle_clients.ts";
import type { NodeLease } from "./node_lease.ts";
import type { NodeLeases } from "./node_leases.ts";

export class NodeClients {
  readonly #log = getLogger(["rfaas", "executor-manager", "leases"]);
  readonly #leases: NodeLeases;
  readonly #channels = new Set<ControlChannel>();
  readonly #idle: IdleClients;
  #closed = false;

  /** @param idleMs how long a client may be connected and hold no lease. @default 10 s */
  constructor(leases: NodeLeases, idleMs?: number) {
    this.#leases = leases;
    this.#idle = new IdleClients(idleMs);
  }

  /** Accepts a client, and serves it until its channel has ended. */
  async accept(request: ConnectionRequest, listener: NodeListener): Promise<void> {
    const seat = this.#idle.enter();
    if (!seat) return request.reject(new TextEncoder().encode("too many clients wait"));
    try {
      const connection = await request.accept(controlOptions(0));
      if (this.#closed) return connection.close();
      await this.#serve(connection, listener, seat);
    } catch (error) {
      // Most often the client has gone again; but memory that can't be registered shows here as well.
      this.#log.warn("a client could not connect: {error}", { error: (error as Error).message });
    } finally {
      seat.leave();
    }
  }

  /** Ends all leases and closes all channels. */
  async close(reason: EndReason): Promise<void> {
    this.#closed = true;
    await this.#leases.end(undefined, reason);
    for (const channel of this.#channels) channel.close();
    await this.#leases.reported();
  }

  async #serve(connection: Connection, listener: NodeListener, seat: IdleSeat): Promise<void> {
    let lease: NodeLease | undefined;
    let admitting = false;
    let over = false;
    const disconnect = (isOverdue: boolean) => {
      if (!isOverdue) return channel.close("too many clients hold no lease");
      this.#log.warn("a client at {address} is disconnected: it has held no lease for {maxMs} ms", {
        address: listener.listener.address,
        maxMs: this.#idle.maxMs,
      });
      channel.close("no lease was held for too long");
    };
    const limitIdleTime = () =>
      seat.limit(() => admitting || (lease !== undefined && !over), disconnect);
    const follow = async ({ ended }: NodeLease) => {
      seat.leave();
      await ended;
      over = true;
      if (!this.#channels.has(channel)) return;
      seat.take();
      limitIdleTime(); // an honest client disconnects: it has received the event `over`
    };
    const admit = async (body: unknown) => {
      if (lease || admitting) {
        throw new ControlError("Cannot admit: this channel has a lease", "bad-request");
      }
      admitting = true;
      try {
        const executors = await this.#leases.admit(
          channel,
          listener.workersListen,
          body,
          (made) => lease = made,
        );
        follow(lease!);
        while (executors.length > MAX_EXECUTORS) {
          channel.notify("executors", { executors: executors.splice(0, MAX_EXECUTORS) });
        }
        return { executors };
      } catch (error) {
        lease = undefined;
        throw error;
      } finally {
        admitting = false;
      }
    };
    const channel: ControlChannel = new ControlChannel(connection, {
      request: async (type, body) => {
        if (type === "admit") return await admit(body);
        if (!lease) {
          throw new ControlError(`Cannot ${type}: this channel has no lease`, "bad-request");
        }
        if (type === "renew") return this.#leases.renew(lease, body);
        // Also while its executors boot.
        if (type === "end") return await lease.end(endReason("released", "released by the client"));
        throw new ControlError(`Unknown request "${type}"`, "bad-request");
      },
    });
    this.#channels.add(channel);
    limitIdleTime();
    await channel.closed;
    this.#channels.delete(channel);
  }
}
