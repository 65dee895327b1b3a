/** The leases that leave their nodes for requests of higher classes, and the requests for which they do. */
import { setImmediate } from "node:timers";
import type { LeavingLease } from "../../../runtime/http/heartbeat_api.ts";
import type { Logger } from "../../log.ts";
import { reservedNodes, type Starving } from "../leases/candidates.ts";
import type { Classes, RequestClass } from "../leases/classes.ts";
import type { Preemptor } from "../leases/lease_queue.ts";
import { choosePreemption, type Leaving, type Preemption, suffices } from "../leases/preemption.ts";
import type { NodeNotifications } from "../node_notifications.ts";
import {
  LOOKS_PER_TURN,
  MAX_PREEMPTIONS,
  PREEMPT_AGAIN_MS,
  PREEMPTED_WITHIN_MS,
} from "../policy.ts";
import { BY_MANAGER, ofLease, ofNode, recordEvent } from "../record_event.ts";
import type { Resources, Store, TokenRow, Transaction } from "../store/store.ts";

interface PreemptionContext {
  readonly store: Store;
  readonly clock: () => number;
  readonly aliveSinceMs: () => number;
  readonly classes: Classes;
  readonly notifications: NodeNotifications;
  readonly log: Logger;
}

/** A request that waits, and may preempt leases. */
export interface PreemptingRequest {
  readonly caller: TokenRow;
  readonly request: Resources;
  readonly avoid: ReadonlySet<string>;
  /** When it is refused. */
  readonly untilMs: number;
}

/** What a choice of leases depends on. */
type Choice = Omit<PreemptingRequest, "caller"> & { readonly priority: number };

/** A choice that has found nothing. */
type FailedChoice = Choice & { readonly atMs: number };

/** The leases that leave for one request. */
interface Pending extends Leaving {
  readonly nodeName: string;
  /** When each of them has to be gone, by lease. */
  readonly untilMs: ReadonlyMap<string, number>;
  /** When the request may preempt others. */
  readonly endMs: number;
}

/**
 * Kept in memory, like the requests themselves: after a restart, or with another leader, the leases stay, and the
 * requests that are sent again preempt anew.
 */
export class Preemptions {
  readonly #context: PreemptionContext;
  readonly #pending = new Map<PreemptingRequest, Pending>();
  /** The same ones, by node. */
  readonly #byNode = new Map<string, Pending[]>();
  /** The looks at nodes in this turn of the event loop. */
  #looks = 0;
  /** Choices are made one after the other, so that no two requests count on the same lease. */
  #choosing: Promise<unknown> = Promise.resolve();
  /** The requests for which the last choices have found nothing. */
  #failed: FailedChoice[] = [];

  constructor(context: PreemptionContext) {
    this.#context = context;
  }

  /** Lets a request preempt leases while it waits. */
  begin(preempting: PreemptingRequest): Preemptor {
    const inClass = this.#context.classes.of(preempting.caller);
    let left = MAX_PREEMPTIONS;
    let isOver = false;
    const pendingNow = () => {
      const pending = this.#pending.get(preempting);
      if (pending === undefined || this.#context.clock() < pending.endMs) return pending;
      this.#end(preempting);
      return undefined;
    };
    return {
      node: () => pendingNow()?.node,
      preempt: (starving) => {
        const turn = this.#choosing.then(async () => {
          let pending = pendingNow();
          if (pending !== undefined && !await this.#suffices(pending, starving)) {
            this.#end(preempting);
            pending = undefined;
          }
          if (pending === undefined && left > 0 && !isOver) {
            pending = await this.#choose(preempting, inClass, starving);
            if (pending !== undefined) left--;
            if (isOver) this.#end(preempting);
          }
          return pending && textOf(pending);
        }).catch((error) => {
          // The request waits on, as without preemption.
          this.#context.log.error("No lease preempted: {error}", { error });
          return undefined;
        });
        this.#choosing = turn;
        return turn;
      },
      [Symbol.dispose]: () => {
        isOver = true;
        this.#end(preempting);
      },
    };
  }

  /** The leases that have to leave a node. */
  leavingFrom(node: string): LeavingLease[] {
    const nowMs = this.#context.clock();
    return this.#on(node)
      .flatMap(({ untilMs }) => [...untilMs])
      .map(([lease, untilMs]) => ({ lease, graceMs: Math.max(0, untilMs - nowMs) }));
  }

  /** Whether a lease has to leave a node. */
  isLeaving(lease: string, node: string): boolean {
    return this.#on(node).some(({ leases }) => leases.has(lease));
  }

  /** The nodes that leases leave. */
  get nodes(): Pick<ReadonlySet<string>, "has"> {
    return this.#byNode;
  }

  #on(node: string): readonly Pending[] {
    return this.#byNode.get(node) ?? [];
  }

  /**
   * Whether a request can be served once its leases have left: its node may have been lost, drain or lend fewer cores, or
   * others may stay that left for another request.
   */
  async #suffices(pending: Pending, starvingNow: () => readonly Starving[]): Promise<boolean> {
    await this.#passTurn();
    const starving = starvingNow();
    const aliveSinceMs = this.#context.aliveSinceMs();
    const leaving = this.#on(pending.node);
    return await this.#context.store.transact((tx) =>
      !this.#reserved(tx, starving, aliveSinceMs).has(pending.node) &&
      suffices(tx, pending.node, leaving, aliveSinceMs)
    );
  }

  /** Lets other work pass once there were enough looks: a thousand requests may be tried at once. */
  async #passTurn(looks = 1): Promise<void> {
    this.#looks += looks;
    if (this.#looks < LOOKS_PER_TURN) return;
    this.#looks = 0;
    await new Promise((resolve) => void setImmediate(resolve));
  }

  /** The nodes that are reserved for requests for which no leases leave. */
  #reserved(tx: Transaction, starving: readonly Starving[], aliveSinceMs: number) {
    const others = starving.filter(({ node }) => node === undefined);
    return reservedNodes(tx, { starving: others, aliveSinceMs, awaited: this.nodes });
  }

  async #choose(
    preempting: PreemptingRequest,
    inClass: RequestClass,
    starvingNow: () => readonly Starving[],
  ): Promise<Pending | undefined> {
    const { store, clock, notifications, log } = this.#context;
    const nowMs = clock();
    this.#failed = this.#failed.filter(({ atMs }) => nowMs - atMs < PREEMPT_AGAIN_MS);
    const choice = { ...preempting, priority: inClass.priority };
    if (this.#failed.some((failed) => failsWith(choice, failed))) return undefined;
    await this.#passTurn(LOOKS_PER_TURN); // a choice may take milliseconds
    const starving = starvingNow();
    const aliveSinceMs = this.#context.aliveSinceMs();
    const leavingFrom = (node: string) => this.#on(node);
    const leftMs = preempting.untilMs - nowMs;
    const { request, caller } = preempting;
    const { chosen, classOf } = await store.transact((tx) => {
      const classOf = this.#classesOf(tx);
      const priorityOf = (client: string) => {
        const { priority, graceMs } = classOf.get(client) ?? inClass;
        // Not if the request is refused before they are gone.
        return priority < inClass.priority && graceMs <= leftMs ? priority : undefined;
      };
      const avoid = preempting.avoid.union(this.#reserved(tx, starving, aliveSinceMs));
      const found = choosePreemption(tx, request, {
        ...{ aliveSinceMs, avoid, priorityOf, leavingFrom },
        lowestPriority: lowestOf(classOf.values()),
      });
      return { chosen: found && this.#record(tx, found, inClass, nowMs), classOf };
    });
    if (chosen === undefined) {
      this.#failed.push({ ...choice, atMs: nowMs });
      return undefined;
    }
    const { node, clients, workers } = chosen;
    const untilMs = new Map(
      clients.map(([lease, client]) => [lease, nowMs + (classOf.get(client)?.graceMs ?? 0)]),
    );
    // It may count on leases that leave this node for other requests.
    const goneMs = [...this.#on(node.id), { untilMs }].flatMap((
      each,
    ) => [...each.untilMs.values()]);
    const endMs = Math.max(nowMs, ...goneMs) + PREEMPTED_WITHIN_MS;
    const leases = new Set(untilMs.keys());
    const pending = {
      node: node.id,
      nodeName: node.name,
      request,
      leases,
      workers,
      untilMs,
      endMs,
    };
    this.#pending.set(preempting, pending);
    this.#byNode.set(node.id, [...this.#on(node.id), pending]);
    if (leases.size > 0) notifications.notify(node.id);
    log.info("{leases} leases leave node {node} for {client}, class {class}", {
      leases: leases.size,
      node: node.name,
      client: caller.name,
      class: inClass.name,
    });
    return pending;
  }

  /** Records which leases have to leave. @returns the client of each, and their workers. */
  #record(tx: Transaction, { node, leases }: Preemption, { name }: RequestClass, nowMs: number) {
    let sum = 0;
    const clients = leases.map((id): [string, string] => {
      const lease = tx.lease(id)!; // an allocation of it is live
      const { workers } = tx.allocation(id, node.id)!;
      sum += workers;
      const message = `for a request of class ${name}`;
      const details = { ...ofLease(lease), ...ofNode(node), workers, message };
      recordEvent(tx, "lease-preempted", nowMs, BY_MANAGER, details);
      return [id, lease.client];
    });
    return { node, clients, workers: sum };
  }

  /** The class of each client. */
  #classesOf(tx: Transaction): ReadonlyMap<string, RequestClass> {
    const clients = tx.tokens().filter(({ role }) => role === "client");
    return new Map(clients.map((token) => [token.name, this.#context.classes.of(token)]));
  }

  /** The leases that have not left may stay. */
  #end(preempting: PreemptingRequest): void {
    const pending = this.#pending.get(preempting);
    if (pending === undefined) return;
    this.#pending.delete(preempting);
    const { node, leases } = pending;
    const others = this.#on(node).filter((other) => other !== pending);
    if (others.length > 0) this.#byNode.set(node, others);
    else this.#byNode.delete(node);
    if (leases.size > 0) this.#context.notifications.notify(node);
  }
}

/** Whether a choice finds nothing since another has found nothing: it is for no less, and may choose among no more. */
function failsWith(choice: Choice, failed: Choice): boolean {
  return choice.request.workers >= failed.request.workers &&
    choice.request.memoryBytes >= failed.request.memoryBytes &&
    choice.priority <= failed.priority && choice.untilMs <= failed.untilMs &&
    failed.avoid.isSubsetOf(choice.avoid);
}

function lowestOf(classes: Iterable<RequestClass>): number {
  let lowest = Infinity;
  for (const { priority } of classes) lowest = Math.min(lowest, priority);
  return lowest;
}

function textOf({ leases, nodeName }: Pending): string {
  if (leases.size === 0) return `leases that leave node ${nodeName} make place for it`;
  const what = leases.size === 1
    ? "1 lease of a lower class leaves"
    : `${leases.size} leases of lower classes leave`;
  return `${what} node ${nodeName} for it`;
}
