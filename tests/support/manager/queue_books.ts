/** The books over rows in memory, with a queue, for tests of the order in which requests are served. */
import { BillBook } from "../../../manager/resource/books/bill_book.ts";
import { KeyRing } from "../../../manager/resource/books/key_ring.ts";
import { LeaseBook } from "../../../manager/resource/books/lease_book.ts";
import { NodeBook } from "../../../manager/resource/books/node_book.ts";
import { UsageBook } from "../../../manager/resource/books/usage_book.ts";
import { Classes, type ClassOptions } from "../../../manager/resource/leases/classes.ts";
import { LeaseQueue } from "../../../manager/resource/leases/lease_queue.ts";
import { USAGE_HALF_LIFE_MS } from "../../../manager/resource/policy.ts";
import { MemoryStore } from "../../../manager/resource/store/memory_store.ts";
import type { TokenRow } from "../../../manager/resource/store/store.ts";
import type { LeaseResponse } from "../../../runtime/http/manager_api.ts";
import { lastingMs } from "../time_factor.ts";
import { bookContext, testLogger } from "./book_context.ts";
import { FakeClock } from "./test_manager.ts";
import { TwiceStore } from "./twice_store.ts";

/** The client of most requests. */
export const caller: TokenRow = { hash: "", role: "client", name: "client" };
/** Bounded, so that a test whose wait does not end fails with a reason. */
const longMs = lastingMs(60_000);

interface QueueBooksOptions {
  /** @default 100 */
  readonly maxWaiting?: number;
  readonly classes?: Readonly<Record<string, ClassOptions>>;
  /** @default a day */
  readonly usageHalfLifeMs?: number;
}

/** The books over a clock of the test. Requests that wait at the end are refused. */
export class QueueBooks implements AsyncDisposable {
  readonly clock = new FakeClock();
  readonly queue: LeaseQueue;
  readonly nodes: NodeBook;
  readonly leases: LeaseBook;
  readonly bills: BillBook;
  /** Undefined without classes. */
  readonly usage: UsageBook | undefined;
  /** The names of the served requests, in their order. */
  readonly served: string[] = [];
  readonly #waits: Promise<unknown>[] = [];

  private constructor(
    store: TwiceStore,
    keys: (clock: () => number) => KeyRing,
    { maxWaiting = 100, classes: named, usageHalfLifeMs = USAGE_HALF_LIFE_MS }: QueueBooksOptions,
  ) {
    const clock = this.clock.read;
    const classes = new Classes(named);
    const log = testLogger();
    const usage = classes.areNamed
      ? new UsageBook({ store, clock, log }, usageHalfLifeMs)
      : undefined;
    this.usage = usage;
    this.queue = new LeaseQueue(clock, maxWaiting, usage && ((payer) => usage.of(payer)));
    const given = { store, clock, keys: keys(clock), queue: this.queue, classes, usage };
    const context = bookContext(given);
    this.bills = new BillBook(context, {}, usage);
    this.nodes = new NodeBook(context);
    this.leases = new LeaseBook(context);
  }

  static async open(options: QueueBooksOptions = {}): Promise<QueueBooks> {
    const store = new TwiceStore(new MemoryStore());
    const ring = await KeyRing.open(store, new FakeClock().read);
    return new QueueBooks(store, () => ring, options);
  }

  register(name: string, cores: number) {
    return this.nodes.register({
      name,
      cores,
      memoryBytes: 1000,
      addresses: ["shm:x"],
      bootId: "b",
    });
  }

  take(workers: number, more: Partial<TokenRow> = {}): Promise<LeaseResponse> {
    const request = { workers, memoryBytes: 0, termMs: 3600_000 };
    return this.leases.take({ ...caller, ...more }, request);
  }

  /** Takes a lease and claims it on the first candidate, so that it does not lapse. */
  async hold(workers: number, more: Partial<TokenRow> = {}): Promise<LeaseResponse> {
    const granted = await this.take(workers, more);
    await this.claim(granted, workers);
    return granted;
  }

  claim({ lease, grants }: LeaseResponse, workers: number): Promise<void> {
    return this.nodes.report(grants[0]!.node, lease, { epoch: 1, state: "claimed", workers });
  }

  /** Requests a lease as a client, which may be of a class. */
  wait(
    name: string,
    workers: number,
    waitMs = longMs,
    signal?: AbortSignal,
    client: string | Partial<TokenRow> = caller.name,
  ): Promise<LeaseResponse> {
    const request = { workers, memoryBytes: 0, termMs: 3600_000, waitMs };
    const granted = this.leases.take(
      { ...caller, ...typeof client === "string" ? { name: client } : client },
      request,
      signal === undefined ? {} : { signal },
    );
    this.#waits.push(granted.then(() => this.served.push(name), () => {}));
    return granted;
  }

  /** Resolves when all requests so far were tried. Rows in memory need no turn of the event loop. */
  settled(): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, 0));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.queue.close();
    await Promise.all(this.#waits);
  }
}
