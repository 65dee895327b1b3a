/** A node of the lease machine's test: the real admission, capacity and leases; the executors are made up. */
import { Admission, type Standing } from "../../manager/executor/admission.ts";
import { Capacity } from "../../manager/executor/capacity.ts";
import type { BootedExecutor } from "../../manager/executor/executor_pool.ts";
import type { ExecutorProcess } from "../../manager/executor/executor_process.ts";
import { LeaseMeter } from "../../manager/executor/lease_meter.ts";
import { NodeBills } from "../../manager/executor/node_bills.ts";
import { NodeClock } from "../../manager/executor/node_clock.ts";
import { NodeLease } from "../../manager/executor/node_lease.ts";
import type { BillBook } from "../../manager/resource/bills.ts";
import { Refusal } from "../../manager/resource/refusal.ts";
import type { NodeBook } from "../../manager/resource/node_book.ts";
import type { ControlChannel } from "../../runtime/control/control_channel.ts";
import type { GrantKey } from "../../runtime/http/manager_api.ts";
import type { VirtualTime } from "../support/virtual_time.ts";

/** What becomes of a message: it is lost, its answer is lost, it comes once, or twice. */
export type Fate = "lost" | "unanswered" | "once" | "twice";

/** What a lease had of a node, on the test's clock. */
export interface Stay {
  readonly fromMs: number;
  readonly workers: number;
  readonly memoryBytes: number;
  toMs?: number;
  /** Its node ended without telling. */
  died?: true;
}

export interface NodeOptions {
  readonly name: string;
  readonly cores: number;
  readonly time: VirtualTime;
  /** The resource manager, as it is now: it may be another one after a restart. */
  readonly manager: () => { readonly nodes: NodeBook; readonly bills: BillBook };
  /** Where each admission is noted. */
  readonly stays: Map<string, Stay>;
  /** Told of each executor that begins to serve. */
  readonly serves: () => void;
  /** Told of everything that must never be. */
  readonly broken: (what: string) => void;
}

const memoryBytes = 1000 * 2 ** 20;
/** Less than any worker's share of its lease. */
const SLOTS = { depth: 1, maxBytes: 64 };

export class ModelNode {
  readonly options: NodeOptions;
  readonly standing: { -readonly [K in keyof Standing]: Standing[K] };
  #start: NodeStart;

  constructor(options: NodeOptions) {
    this.options = options;
    // No two nodes' clocks show the same.
    const clock = new NodeClock(() => options.time.nowMs * 1.0001 + options.cores * 1e6);
    const keys: GrantKey[] = [];
    this.standing = { id: "", epoch: 0, keys, clock };
    this.#start = new NodeStart(this);
  }

  /** The process ends with all its executors, and another one starts. */
  async restart(): Promise<void> {
    this.#start.die();
    this.#start = new NodeStart(this);
    await this.register();
  }

  async register(): Promise<void> {
    const { name, cores, manager } = this.options;
    const told = { name, cores, memoryBytes, addresses: [`shm:${name}`], bootId: "b" };
    const { node, epoch, keys, nowMs } = await manager().nodes.register(told);
    Object.assign(this.standing, { id: node, epoch, keys });
    this.#learn(nowMs);
  }

  /** @throws {ControlError} if the grant is not good here and now. */
  admit(grant: string, workers: number, fate: Fate): Promise<void> {
    return this.#start.admit(grant, workers, fate);
  }

  renew(grant: string): void {
    this.#start.renew(grant);
  }

  /** As {@linkcode Registration} does it. */
  async beat(fate: Fate): Promise<void> {
    const { id, epoch } = this.standing;
    const leases = this.#start.list();
    const bills = this.#start.bills.due();
    const beat = { epoch, leases, bills };
    const send = async () => {
      const { nodes, bills } = this.options.manager();
      const answer = await nodes.beat(id, beat);
      await bills.beat(id, beat);
      return answer;
    };
    try {
      const answer = await sent(send, fate);
      if (answer === undefined) return;
      this.#start.bills.acknowledge(bills);
      this.standing.keys = answer.keys;
      this.#learn(answer.nowMs);
      for (const lease of answer.end) this.#start.end(lease);
    } catch (error) {
      if (!(error instanceof Refusal && error.code === "register-again")) throw error;
      for (const { lease } of leases) this.#start.end(lease);
      await this.register();
    }
  }

  /** The client gives its lease back, or its channel ends. */
  end(lease: string): void {
    this.#start.end(lease);
  }

  /** An executor ends by itself. */
  crash(): void {
    this.#start.crash();
  }

  /** Must hold at any time. */
  check(): void {
    this.#start.check();
  }

  /** Whether all of the node can be lent. */
  isFree(): boolean {
    return this.#start.isFree();
  }

  /** A clock is read on the way there and back, so what is learned is right to the millisecond. */
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
  /** Grants that were admitted, ever. A renewed one is another one: it may come when the lease has ended here. */
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

  /** What was not told so far will not be. */
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
    if (this.#admitted.has(text)) options.broken("a grant was admitted twice");
    this.#admitted.add(text);
    if (this.#leases.has(grant.lease)) options.broken("a lease was admitted while it runs");
    if (grant.epoch !== standing.epoch) options.broken("a grant of an old epoch was admitted");
    if (grant.node !== standing.id) options.broken("a grant of another node was admitted");
    if (standing.clock.nowMs() >= grant.expiresMs) {
      options.broken("a grant was admitted after its end");
    }
    const client = { closed: new Promise(() => {}), notify: () => {} };
    const lease = new NodeLease({
      id: grant.lease,
      workers,
      client: client as unknown as ControlChannel,
      start: {
        lease: grant.lease,
        logs: false,
        wasi: false,
        workers,
        places: [],
        depth: 1,
        maxBytes: 64,
        memoryBytes: 2 ** 20,
        hotMs: 1,
        listen: "shm:x",
        sandboxed: false,
      },
      source: new Uint8Array(),
      boot: () => this.#boot(workers),
      nowMs: () => standing.clock.nowMs(),
      expiresMs: grant.expiresMs,
    });
    this.#leases.set(lease.id, lease);
    this.bills.open(meter);
    const told = this.#report(lease, "claimed", fate);
    lease.ended.then(async () => {
      release();
      if (this.#dead) return;
      meter.end();
      stay.toMs ??= time.nowMs;
      this.#leases.delete(lease.id);
      await told;
      await this.#report(lease, "ended", fate);
    });
    // It may end while it begins.
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
    this.#leases.get(lease)?.end("ended");
  }

  crash(): void {
    for (const executor of this.#executors) return executor.crash();
  }

  check(): void {
    const { standing, options } = this.#node;
    let running = 0;
    for (const { workers } of this.#executors) running += workers;
    if (running > options.cores) {
      options.broken(`${running} workers run on ${options.cores} cores of ${options.name}`);
    }
    for (const { id, expiresMs } of this.#leases.values()) {
      if (standing.clock.nowMs() < expiresMs) this.#overSinceMs.delete(id);
      else if (!this.#overSinceMs.has(id)) this.#overSinceMs.set(id, options.time.nowMs);
      const overMs = options.time.nowMs - (this.#overSinceMs.get(id) ?? Infinity);
      // A heartbeat may have set the clock; that is noticed within a second.
      if (overMs > 1001) options.broken("a lease runs after its end");
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
    const told = { epoch: standing.epoch, state, workers };
    const bill = state === "ended" ? this.bills.last(id) : undefined;
    const send = async () => {
      const { nodes, bills } = options.manager();
      await nodes.report(standing.id, id, told);
      if (bill !== undefined) await bills.settle(standing.id, bill);
      return true;
    };
    try {
      const heard = await sent(send, fate);
      if (heard && bill !== undefined) this.bills.acknowledge([bill]);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      if (state === "claimed" && [404, 410].includes(error.status)) lease.end("over");
    }
  }

  #boot(workers: number): Promise<BootedExecutor> {
    if (this.#dead) return new Promise(() => {});
    const executor = new ModelExecutor(workers, this.#executors, this.#node.options.serves);
    const process = executor as unknown as ExecutorProcess;
    return Promise.resolve({ process, start: "pooled" });
  }
}

/** Has what a lease uses of an executor's process. */
class ModelExecutor {
  readonly usage = { computeNs: 0n, pollNs: 0n };
  readonly spentNs = 0n;
  readonly workers: number;
  readonly ended: Promise<string>;
  readonly #all: Set<ModelExecutor>;
  readonly #serves: () => void;
  readonly #setEnded: (reason: string) => void;

  constructor(workers: number, all: Set<ModelExecutor>, serves: () => void) {
    this.#serves = serves;
    this.workers = workers;
    this.#all = all;
    const { promise, resolve } = Promise.withResolvers<string>();
    this.ended = promise;
    this.#setEnded = resolve;
  }

  start(): Promise<string[]> {
    this.#all.add(this);
    this.#serves();
    return Promise.resolve(["shm:x"]);
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
    this.#setEnded("crashed");
  }
}

async function sent<T>(send: () => Promise<T>, fate: Fate): Promise<T | undefined> {
  if (fate === "lost") return undefined;
  if (fate === "twice") await send().catch(() => {});
  const answer = await send();
  return fate === "unanswered" ? undefined : answer;
}
