/** What the keeper has of one node: a channel on which a grant was admitted. It ends with the channel. */

import { hasPermissions } from "../permissions.ts";
import { ControlChannel, ControlError, controlOptions } from "../control/control_channel.ts";
import { LeaseRefused, NodeLost } from "../errors.ts";
import type { NodeGrant } from "../http/manager_api.ts";
import { encodeManagerHello, ManagerRole } from "../protocol/manager_hello.ts";
import { Executor, Renewed } from "../protocol/node_protocol.ts";
import * as v from "../valibot.ts";
import type { KeeperRequest } from "./keeper_messages.ts";
import { type Reach, reachNode } from "./reach_node.ts";

export type LeaseRequest = Omit<Extract<KeeperRequest, { type: "lease" }>, "type" | "workers"> & {
  /** The places of the workers in the lease. */
  readonly places: readonly number[];
};

/** How long a node may take to admit a lease: it starts a process and its workers, which have limits of their own. */
const ADMIT_MS = 40_000;
/** How long giving back may take. */
const END_MS = 3000;

export interface HoldHandlers {
  notice(type: string, body: unknown): void;
  /** Its node can't be reached any more. */
  gone(reason: string): void;
}

export class NodeHold {
  /** The node's id and its name. */
  readonly node: string;
  readonly name: string;
  /** The places of its workers in the lease. */
  readonly places: readonly number[];
  /** The first executor. */
  readonly executor: Executor;
  /** When the node was connected, and when it had admitted, on this thread's monotonic clock. */
  readonly reachedMs: number;
  readonly admittedMs = performance.now();
  readonly #channel: ControlChannel;
  readonly #notices: Notices;

  private constructor(
    { node, name }: NodeGrant,
    places: readonly number[],
    executor: Executor,
    reachedMs: number,
    channel: ControlChannel,
    notices: Notices,
  ) {
    this.node = node;
    this.name = name;
    this.places = places;
    this.executor = executor;
    this.reachedMs = reachedMs;
    this.#channel = channel;
    this.#notices = notices;
  }

  /**
   * Claims workers of a grant for these places of the lease.
   *
   * @throws {LeaseRefused} the node's refusal; {NodeLost} {FabricUnavailable} if it can't be reached; the signal's reason.
   */
  static async claim(
    reach: Reach,
    candidate: NodeGrant,
    places: readonly number[],
    { depth, maxBytes, hotMs, logs, wasi, permissions, sha256, source }: LeaseRequest,
    signal: AbortSignal,
  ): Promise<NodeHold> {
    const connection = await reachNode(reach, candidate, {
      ...controlOptions(source.length),
      signal,
      privateData: encodeManagerHello(ManagerRole.CLIENT),
    });
    const reachedMs = performance.now();
    const notices = new Notices();
    const channel = new ControlChannel(connection, {
      request: (type, body) => {
        if (type !== "log") {
          throw new ControlError(`Cannot ${type}: a client does not know how`, "bad-request");
        }
        notices.hear(type, body);
      },
      notice: (type, body) => notices.hear(type, body),
    });
    try {
      const admitting = channel.request("admit", {
        grant: candidate.grant,
        workers: places.length,
        places,
        depth,
        maxBytes,
        hotMs: hotMs === Infinity ? null : hotMs,
        logs,
        wasi,
        ...(hasPermissions(permissions) ? { permissions } : {}),
        package: { sha256, ...channel.lend(source) },
      }, { timeoutMs: ADMIT_MS, signal });
      const executor = v.parse(Executor, await admitting);
      return new NodeHold(candidate, places, executor, reachedMs, channel, notices);
    } catch (error) {
      // The node may admit it all the same: then it ends it again, and its cores are free when this has been answered.
      if (signal.aborted) await channel.request("end", {}, { timeoutMs: END_MS }).catch(() => {});
      channel.close();
      throw nodeError(error, candidate);
    }
  }

  /** Tells who hears the node, from the first notice on. */
  listen(handlers: HoldHandlers): void {
    const early = this.#notices.pass((type, body) => handlers.notice(type, body));
    for (const [type, body] of early) this.#channel.hear(type, body);
    this.#channel.closed.then((reason) => handlers.gone(reason));
  }

  /** Shows the node a grant with a later end. @throws {ControlError} */
  async renew(grant: string, timeoutMs: number): Promise<void> {
    v.parse(Renewed, await this.#channel.request("renew", { grant }, { timeoutMs }));
  }

  /** Gives it back; resolves when its cores are free, or the node does not answer. */
  async end(): Promise<void> {
    await this.#channel.request("end", {}, { timeoutMs: END_MS }).catch(() => {});
    this.close();
  }

  /** Lets go of the node, which then ends it by itself. */
  close(): void {
    this.#channel.close();
  }
}

/** Keeps what comes before somebody listens. */
class Notices {
  readonly #early: [type: string, body: unknown][] = [];
  #listener: HoldHandlers["notice"] | undefined;

  hear(type: string, body: unknown): void {
    if (this.#listener === undefined) this.#early.push([type, body]);
    else this.#listener(type, body);
  }

  /** Gives to `listener` what comes from now on. @returns what came before. */
  pass(listener: HoldHandlers["notice"]): [type: string, body: unknown][] {
    this.#listener = listener;
    return this.#early.splice(0);
  }
}

/** What a candidate's failure means to who wants the lease. */
function nodeError(error: unknown, candidate: NodeGrant): Error {
  if (!(error instanceof ControlError)) return error as Error;
  if (error.code === "closed" || error.code === "timeout") {
    const message = `Cannot take lease on node ${candidate.name}: ${error.message}`;
    return new NodeLost(message, "not-run", { cause: error });
  }
  const message = `Node ${candidate.name} refused: ${error.message}`;
  return new LeaseRefused(message, error.code, { cause: error });
}
