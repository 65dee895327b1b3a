/** A node of the lease machine's test: the admission, capacity and leases of the product, and simulated executors. */
import { Admission, type Standing } from "../../../manager/executor/leases/admission.ts";
import { Capacity } from "../../../manager/executor/leases/capacity.ts";
import type { BootedExecutor } from "../../../manager/executor/executors/executor_pool.ts";
import type { ExecutorProcess } from "../../../manager/executor/executors/executor_process.ts";
import { LeaseMeter } from "../../../manager/executor/bills/lease_meter.ts";
import { NodeBills } from "../../../manager/executor/bills/node_bills.ts";
import { NodeClock } from "../../../manager/executor/registration/node_clock.ts";
import { NodeLease } from "../../../manager/executor/leases/node_lease.ts";
import type { BillBook } from "../../../manager/resource/books/bill_book.ts";
import { RefusalError } from "../../../manager/resource/refusal.ts";
import type { NodeBook } from "../../../manager/resource/books/node_book.ts";
import type { ControlChannel } from "../../../runtime/control/control_channel.ts";
import type { GrantKey } from "../../../runtime/http/manager_api.ts";
import { type EndReason, endReason } from "../../../runtime/protocol/end_reason.ts";
import { firstIndexes } from "../../../runtime/protocol/serve_terms.ts";
import { serveTerms } from "../cluster/serve_terms.ts";
import type { VirtualTime } from "./virtual_time.ts";

/** The fate of a request: it is lost, its response is lost, or it arrives once or twice. */
export type Fate = "lost" | "unanswered" | "once" | "twice";

/** One admission, on the test's clock. */
export interface Stay {
  readonly fromMs: number;
  readonly workers: number;
  readonly memoryBytes: number;
  toMs?: number;
  /** The node ended without a report. */
  died?: true;
}

export interface NodeOptions {
  readonly name: string;
  readonly cores: number;
  readonly time: VirtualTime;
  /** The current resource manager. A restart replaces it. */
  readonly manager: () => { readonly nodes: NodeBook; readonly bills: BillBook };
  /** Receives each admission. */
  readonly stays: Map<string, Stay>;
  /** Called for each executor that begins to serve. */
  readonly serves: () => void;
  /** Called for each report invariant. */
  readonly report: (violation: string) => void;
}

const memoryBytes = 1000 * 2 ** 20;
/** Less memory than the share of any worker. */
const SLOTS = { depth: 1, maxBytes: 64 };

export class ModelNode {
  readonly options: NodeOptions;
  readonly standing: { -readonly [K in keyof Standing]: Standing[K] };
  #start: NodeStart;

  constructor(options: NodeOptions) {
    this.options = options;
    // The clocks of two nodes always differ.
    const clock = new NodeClock(() => options.time.nowMs * 1.0001 + options.cores * 1e6);
    const keys: GrantKey[] = [];
    this.standing = { id: "", epoch: 0, keys, clock };
    this.#start = new NodeStart(this);
  }

  /** Ends the process with all its executors, and starts another. */
  async restart(): Promise<void> {
    this.#start.die();
    this.#start = new NodeStart(this);
    await this.register();
  }

  async register(): Promise<void> {
    const { name, cores, manager } = this.options;
    const registration = { name, cores, memoryBytes, addresses: [`shm:${name}`], bootId: "b" };
    const { node, epoch, keys, nowMs } = await manager().nodes.register(registration);
    Object.assign(this.standing, { id: node, epoch, keys });
    this.#learn(nowMs);
  }

  /** @throws {ControlError} if the grant is not valid here and now. */
  admit(grant: string, workers: number, fate: Fate): Promise<void> {
    return this.#start.admit(grant, workers, fate);
  }

  renew(grant: string): void {
    this.#start.renew(grant);
  }

  /** Sends a heartbeat as {@linkcode Registration} does. */
  async heartbeat(fate: Fate): Promise<void> {
    const { id, epoch } = this.standing;
    const leases = this.#start.list();
    const bills = this.#start.bills.due();
    const heartbeat = { epoch, leases, bills };
    const send = async () => {
      const { nodes, bills } = this.options.manager();
      const response = await nodes.heartbeat(id, heartbeat);
      await bills.recordHeartbeat(id, heartbeat);
      return response;
    };
    try {
      const response = await sent(send, fate);
      if (response === undefined) return;
      this.#start.bills.acknowledge(bills);
      this.standing.keys = response.keys;
      this.#learn(response.nowMs);
      for (const lease of response.end) this.#start.end(lease);
    } catch (error) {
      if (!(error instanceof RefusalError && error.code === "register-again")) throw error;
      for (const { lease } of leases) this.#start.end(lease);
      await this.register();
    }
  }

  /** The client releases its lease, or its channel ends. */
  end(lease: string): void {
    this.#start.end(lease);
  }

  /** Ends an executor. */
  crash(): void {
    this.#start.crash();
  }

  /** Checks the invariants. */
  check(): void {
    this.#start.check();
  }

  /** Whether all cores and memory are free. */
  isFree(): boolean {
    return this.#start.isFree();
  }

  /** The request takes no time, so the offset is exact to the millisecond. */
  #learn(managerMs: number): void {
    const { time, cores } = this.options;
    const ownMs = time.nowMs * 1.0001 + cores * 1e6;
    this.standing.clock.learn(managerMs, ownMs, ownMs);
  }
}

/** One start of a node's executor manager. */
class NodeStart {
  readonly #node: ModelNode;
  readonly #admission: Admission;
  readonly #capacity: Capacity;
  readonly #leases = new Map<string, NodeLease>();
  readonly #executors = new Set<ModelExecutor>();
  /** All grants that were ever admitted. A renewed grant is another one, and may arrive after the lease has ended. */
  readonly #admitted = new Set<string>();
  readonly #overSinceMs = new Map<string, number>();
  readonly bills = new NodeBills();
  readonly #stays = new Set<Stay>();
  #dead = false;

  constructor(node: ModelNode) {
    this.#node = node;
    this.#capacity = new Capacity(node.options.cores, memoryBytes);
    this.#admission = new Admission(node.standing, this.#capacity);
  }

  /** Ends without further reports. */
  die(): void {
    this.#dead = true;
    for (const stay of this.#stays) {
      stay.toMs ??= this.#node.options.time.nowMs;
      stay.died = true;
    }
    this.#executors.clear();
    this.#leases.clear();
  }

  list(): { lease: string; workers: number }[] {
    return [...this.#leases.values()].map(({ id, workers }) => ({ lease: id, workers }));
  }

  async admit(text: string, workers: number, fate: Fate): Promise<void> {
    const { standing, options } = this.#node;
    const { grant, memoryBytes, release } = this.#admission.admit(text, { workers, ...SLOTS });
    const { time } = options;
    const { lease: id, epoch } = grant;
    const meter = new LeaseMeter(
      { lease: id, node: standing.id, epoch, workers, memoryBytes, sinceMs: 1 },
      () => time.nowMs,
    );
    const stay: Stay = { fromMs: time.nowMs, workers, memoryBytes };
    this.#stays.add(stay);
    options.stays.set(`${id} ${standing.id} ${epoch}`, stay);
    if (this.#admitted.has(text)) options.report("a grant was admitted twice");
    this.#admitted.add(text);
    if (this.#leases.has(grant.lease)) options.report("a lease was admitted while it runs");
    if (grant.epoch !== standing.epoch) options.report("a grant of an old epoch was admitted");
    if (grant.node !== standing.id) options.report("a grant of another node was admitted");
    if (standing.clock.nowMs() >= grant.expiresMs) {
      options.report("a grant was admitted after its end");
    }
    const client = { closed: new Promise(() => {}), notify: () => {} };
    const { workerIndexes: _all, ...terms } = serveTerms();
    const lease = new NodeLease({
      client: client as unknown as ControlChannel,
      starts: firstIndexes(workers).map((worker) => ({
        lease: grant.lease,
        ...terms,
        worker,
        workers,
        memoryBytes: 2 ** 20,
        listen: "shm:x",
        sandboxed: false,
      })),
      cores: undefined,
      source: new Uint8Array(),
      boot: () => this.#boot(),
      nowMs: () => standing.clock.nowMs(),
      expiresMs: grant.expiresMs,
    });
    this.#leases.set(lease.id, lease);
    this.bills.open(meter);
    const report = this.#report(lease, "claimed", fate);
    lease.ended.then(async () => {
      release();
      if (this.#dead) return;
      meter.end();
      stay.toMs ??= time.nowMs;
      this.#leases.delete(lease.id);
      await report;
      await this.#report(lease, "ended", fate);
    });
    // The lease may end while it begins.
    await lease.begin().catch(() => {});
  }

  renew(text: string): void {
    const grant = this.#admission.check(text);
    const lease = this.#leases.get(grant.lease);
    if (lease === undefined) return;
    lease.renew(grant.expiresMs);
    this.#admission.prolong(lease.id, lease.expiresMs);
  }

  end(lease: string): void {
    this.#leases.get(lease)?.end(endReason("released", "released by the client"));
  }

  crash(): void {
    for (const executor of this.#executors) return executor.crash();
  }

  check(): void {
    const { standing, options } = this.#node;
    const running = this.#executors.size;
    if (running > options.cores) {
      options.report(`${running} workers run on ${options.cores} cores of ${options.name}`);
    }
    for (const { id, expiresMs } of this.#leases.values()) {
      if (standing.clock.nowMs() < expiresMs) this.#overSinceMs.delete(id);
      else if (!this.#overSinceMs.has(id)) this.#overSinceMs.set(id, options.time.nowMs);
      const overMs = options.time.nowMs - (this.#overSinceMs.get(id) ?? Infinity);
      // A heartbeat may have set the clock, which the lease notices within a second.
      if (overMs > 1001) options.report("a lease runs after its end");
    }
  }

  isFree(): boolean {
    const { cores } = this.#node.options;
    try {
      this.#capacity.take(cores, memoryBytes)();
      return this.#executors.size === 0;
    } catch {
      return false;
    }
  }

  async #report(lease: NodeLease, state: "claimed" | "ended", fate: Fate): Promise<void> {
    if (this.#dead) return;
    const { standing, options } = this.#node;
    const { id, workers } = lease;
    const report = { epoch: standing.epoch, state, workers };
    const bill = state === "ended" ? this.bills.last(id) : undefined;
    const send = async () => {
      const { nodes, bills } = options.manager();
      await nodes.report(standing.id, id, report);
      if (bill !== undefined) await bills.recordLast(standing.id, bill);
      return true;
    };
    try {
      const received = await sent(send, fate);
      if (received && bill !== undefined) this.bills.acknowledge([bill]);
    } catch (error) {
      if (!(error instanceof RefusalError)) throw error;
      if (state === "claimed" && [404, 410].includes(error.status)) {
        lease.end(endReason("revoked", "over"));
      }
    }
  }

  #boot(): Promise<BootedExecutor> {
    if (this.#dead) return new Promise(() => {});
    const executor = new ModelExecutor(this.#executors, this.#node.options.serves);
    const process = executor as unknown as ExecutorProcess;
    return Promise.resolve({ process, start: "pooled" });
  }
}

/** The parts of an executor process that a lease uses. */
class ModelExecutor {
  readonly usage = { computeNs: 0n, pollNs: 0n, calls: 0n };
  readonly spentNs = 0n;
  readonly ended: Promise<EndReason>;
  readonly #all: Set<ModelExecutor>;
  readonly #serves: () => void;
  readonly #setEnded: (reason: EndReason) => void;

  constructor(all: Set<ModelExecutor>, serves: () => void) {
    this.#serves = serves;
    this.#all = all;
    const { promise, resolve } = Promise.withResolvers<EndReason>();
    this.ended = promise;
    this.#setEnded = resolve;
  }

  start(): Promise<string> {
    this.#all.add(this);
    this.#serves();
    return Promise.resolve("shm:x");
  }

  async stop(): Promise<void> {
    await Promise.resolve();
    this.crash();
  }

  kill(): void {
    this.crash();
  }

  crash(): void {
    this.#all.delete(this);
    this.#setEnded(endReason("crashed", "crashed"));
  }
}

async function sent<T>(send: () => Promise<T>, fate: Fate): Promise<T | undefined> {
  if (fate === "lost") return undefined;
  if (fate === "twice") await send().catch(() => {});
  const response = await send();
  return fate === "unanswered" ? undefined : response;
}
