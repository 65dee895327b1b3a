/** What the keeper has of one node: a control channel on which a grant was admitted. The lease ends with the channel. */

import { ControlChannel, ControlError, controlOptions } from "../control/control_channel.ts";
import { LeaseRefusedError, NodeLostError } from "../errors.ts";
import { CLAIM_WITHIN_MS } from "../grant/claim_time.ts";
import type { NodeGrant } from "../http/manager_api.ts";
import { encodeManagerHello, ManagerRole } from "../protocol/manager_hello.ts";
import { admittedSchema, type Executor, renewedSchema } from "../protocol/node_protocol.ts";
import { serveTermsOf } from "../protocol/serve_terms.ts";
import * as v from "../valibot.ts";
import type { KeeperLeaseRequest } from "./keeper_messages.ts";
import { type Reach, reachNode } from "./reach_node.ts";

/** How long a node may take to admit a lease: it starts processes, which have limits of their own. */
const ADMIT_MS = 40_000;
/** How long a release may take. */
const END_MS = 3000;

export interface ClaimHandlers {
  event(type: string, body: unknown): void;
  /** Its node can't be reached any more. */
  gone(reason: string): void;
}

export class NodeClaim {
  /** The node's id and its name. */
  readonly node: string;
  readonly name: string;
  /** The numbers of its workers within the lease. */
  readonly workerIndexes: readonly number[];
  /** The first executor of each worker. */
  readonly executors: readonly Executor[];
  /** When the node was connected, and when it had admitted, on this thread's monotonic clock. */
  readonly reachedMs: number;
  readonly admittedMs = performance.now();
  readonly #channel: ControlChannel;
  readonly #early: EarlyEvents;

  private constructor(
    { node, name }: NodeGrant,
    workerIndexes: readonly number[],
    executors: readonly Executor[],
    reachedMs: number,
    channel: ControlChannel,
    early: EarlyEvents,
  ) {
    this.node = node;
    this.name = name;
    this.workerIndexes = workerIndexes;
    this.executors = executors;
    this.reachedMs = reachedMs;
    this.#channel = channel;
    this.#early = early;
  }

  /**
   * Claims these workers of the lease.
   *
   * @throws {LeaseRefusedError} if the node refuses.
   * @throws {NodeLostError} {FabricUnavailableError} if it can't be reached; otherwise the signal's reason.
   */
  static async claim(
    reach: Reach,
    candidate: NodeGrant,
    workerIndexes: readonly number[],
    request: KeeperLeaseRequest,
    signal: AbortSignal,
  ): Promise<NodeClaim> {
    const { sha256, source, traceparent } = request;
    const connection = await reachNode(reach, candidate, {
      ...controlOptions(source.length),
      timeoutMs: CLAIM_WITHIN_MS, // later, the node would refuse the grant
      signal,
      privateData: encodeManagerHello(ManagerRole.CLIENT),
    });
    const reachedMs = performance.now();
    const early = new EarlyEvents();
    const channel = new ControlChannel(connection, {
      request: (type, body) => {
        if (type !== "log") throw new ControlError(`Unknown request "${type}"`, "bad-request");
        early.onEvent(type, body);
      },
      event: (type, body) => early.onEvent(type, body),
    });
    try {
      const admitting = channel.request("admit", {
        grant: candidate.grant,
        ...serveTermsOf({ ...request, workerIndexes }),
        package: { sha256, ...channel.lend(source) },
        ...(traceparent === undefined ? {} : { traceparent }),
      }, { timeoutMs: ADMIT_MS, signal });
      const response = await admitting;
      const executors = [...early.takeAll("executors"), response].flatMap((body) =>
        v.parse(admittedSchema, body).executors
      );
      return new NodeClaim(candidate, workerIndexes, executors, reachedMs, channel, early);
    } catch (error) {
      // The node may admit it all the same: then it ends it again, and its cores are free after the response.
      if (signal.aborted) await channel.request("end", {}, { timeoutMs: END_MS }).catch(() => {});
      channel.close();
      throw nodeError(error, candidate);
    }
  }

  /** Handles the node's events, from the first one on. */
  listen(handlers: ClaimHandlers): void {
    const events = this.#early.forwardTo((type, body) => handlers.event(type, body));
    for (const [type, body] of events) this.#channel.deliver(type, body);
    this.#channel.closed.then((reason) => handlers.gone(reason));
  }

  /** Presents a grant with a later end to the node. @throws {ControlError} */
  async renew(grant: string, timeoutMs: number): Promise<void> {
    v.parse(renewedSchema, await this.#channel.request("renew", { grant }, { timeoutMs }));
  }

  /** Releases it; resolves when its cores are free, or the node does not respond. */
  async end(): Promise<void> {
    await this.#channel.request("end", {}, { timeoutMs: END_MS }).catch(() => {});
    this.close();
  }

  /** Disconnects from the node, which then ends it. */
  close(): void {
    this.#channel.close();
  }
}

/** Keeps events that arrive before there is a listener. */
class EarlyEvents {
  #events: [type: string, body: unknown][] = [];
  #listener: ClaimHandlers["event"] | undefined;

  onEvent(type: string, body: unknown): void {
    if (this.#listener === undefined) this.#events.push([type, body]);
    else this.#listener(type, body);
  }

  /** Takes the bodies of the events of one type. */
  takeAll(type: string): unknown[] {
    const { taken = [], left = [] } = Object.groupBy(
      this.#events,
      (event) => event[0] === type ? "taken" : "left",
    );
    this.#events = left;
    return taken.map(([_, body]) => body);
  }

  /** Forwards later events to `listener`. @returns the earlier ones. */
  forwardTo(listener: ClaimHandlers["event"]): [type: string, body: unknown][] {
    this.#listener = listener;
    return this.#events.splice(0);
  }
}

/** The error of a lease for a candidate's failure. */
function nodeError(error: unknown, candidate: NodeGrant): Error {
  if (!(error instanceof ControlError)) return error as Error;
  if (error.code === "closed" || error.code === "timeout") {
    const message = `Cannot take lease on node ${candidate.name}: ${error.message}`;
    return new NodeLostError(message, "not-run", { cause: error });
  }
  const message = `Node ${candidate.name} refused: ${error.message}`;
  return new LeaseRefusedError(message, error.code, { cause: error });
}
