/**
 * A store that checks that each change depends only on rows and arguments.
 *
 * A replicated store may run a change a second time, or on another copy of the rows. So this one runs each change,
 * rolls it back, runs it again, and compares its reads, writes, result and error. A clock or randomness may return the
 * same value twice, so a change that reads one is reported as well.
 */
import { assertEquals } from "@std/assert";
import { isDeepStrictEqual } from "node:util";
import type { SharedStore, Store, Transaction } from "../../../manager/resource/store/store.ts";

/** Lists of the interface without a promised order: a rollback restores their rows, not their order. */
const UNORDERED: ReadonlySet<PropertyKey> = new Set<keyof Transaction>([
  "expiredLeases",
  "leasesWithRoot",
  "lapsedCandidates",
  "liveAllocationsOn",
]);

/** Operations whose arguments together name one row. */
const BY_ALL: ReadonlySet<PropertyKey> = new Set<keyof Transaction>(["allocation", "bill"]);

/** A change that is not a function of the rows and its arguments. */
export class ImpureChangeError extends Error {
  override name = "ImpureChangeError";
}

/** A record of one run of a change. */
interface Run {
  /** The operations by kind and row, each with its arguments and its result; those on one row in their order. */
  readonly operations: Map<string, unknown[]>;
  readonly returned?: unknown;
  readonly thrown?: unknown;
  /** The clocks, randomness and logs that it used. */
  readonly impurities: string[];
}

/** The current run. A change is synchronous, so there is at most one. */
let current: Run | undefined;

/** Reports a use within a change, if one is running. The clocks and loggers of tests call it. */
export function assertOutsideChange(use: string): void {
  if (current === undefined) return;
  const { stack = "" } = new Error();
  const callers = [...stack.matchAll(/\/(manager\/\S+?:\d+):\d+/g)].map(([, place]) => place);
  current.impurities.push(`${use} at ${callers.slice(0, 3).join(", from ")}`);
}

/** Runs each change twice on any store. */
export class TwiceStore implements Store {
  readonly files: readonly string[];
  readonly shared?: SharedStore;
  readonly #store: Store;
  /** The faults so far, since a caller may have ignored the rejection. */
  readonly faults: ImpureChangeError[] = [];

  constructor(store: Store) {
    this.#store = store;
    this.files = store.files ?? [];
    if (store.shared !== undefined) this.shared = store.shared;
  }

  get failure(): Store["failure"] {
    return this.#store.failure;
  }

  transact<T>(change: (tx: Transaction) => T): Promise<T> {
    let first: Run | undefined;
    const rollBack = new Error("Rolled back");
    // Both are enqueued in the same turn, so that no other change runs between them.
    this.#store.transact((tx) => {
      first = run(tx, change).run;
      throw rollBack;
    }).catch(() => {});
    return this.#store.transact((tx) => {
      const second = run(tx, change);
      this.#compare(first, second.run);
      return second.finish();
    });
  }

  /** @throws {ImpureChangeError} if a change was found to be impure. */
  assertPure(): void {
    if (this.faults.length > 0) throw this.faults[0];
  }

  close(): void | Promise<void> {
    return this.#store.close();
  }

  #compare(first: Run | undefined, second: Run): void {
    try {
      const expected = { ...first ?? second, impurities: [] };
      // The comparison of `assertEquals()` takes ten times as long.
      if (!isDeepStrictEqual(second, expected)) assertEquals(second, expected);
    } catch (cause) {
      const state = cause instanceof Error ? cause.message : String(cause);
      const error = new ImpureChangeError(`Cannot repeat change: ${state}`, { cause });
      this.faults.push(error);
      throw error;
    }
  }
}

function run<T>(tx: Transaction, change: (tx: Transaction) => T): { run: Run; finish: () => T } {
  const operations: Run["operations"] = new Map();
  const impurities: string[] = [];
  current = { operations, impurities };
  const restore = watchSources();
  try {
    const result = change(recorded(tx, operations));
    return { run: { operations, impurities, returned: copyOf(result) }, finish: () => result };
  } catch (error) {
    const finish = () => {
      throw error;
    };
    return { run: { operations, impurities, thrown: describe(error) }, finish };
  } finally {
    restore();
    current = undefined;
  }
}

function recorded(tx: Transaction, operations: Run["operations"]): Transaction {
  return new Proxy(tx, {
    get(target, name) {
      const operation: unknown = Reflect.get(target, name);
      if (typeof operation !== "function") return operation;
      return (...args: unknown[]) => {
        const result: unknown = operation.apply(target, args);
        const key = keyOf(name, args);
        const copy = copyOf(result);
        if (UNORDERED.has(name)) sortByText(copy as unknown[]);
        const earlier = operations.get(key);
        if (earlier === undefined) operations.set(key, [[copyOf(args), copy]]);
        else earlier.push([copyOf(args), copy]);
        return result;
      };
    },
  });
}

function keyOf(name: PropertyKey, args: readonly unknown[]): string {
  const [of] = args;
  if (BY_ALL.has(name)) return [name, ...args].join(" ");
  if (typeof of !== "object" || of === null) return `${String(name)} ${of}`;
  const { id, lease, node, epoch, hash } = of as Record<string, unknown>;
  return [name, id, lease, node, epoch, hash].join(" ");
}

function sortByText(rows: unknown[]): void {
  rows.sort((a, b) => JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);
}

/** Rows may be changed in place later. */
function copyOf(value: unknown): unknown {
  return typeof value === "function" ? value.name : structuredClone(value);
}

function describe(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { stack: _, ...fields } = error;
  return { ...fields, name: error.name, message: error.message };
}

/** Watches the clocks and the randomness of the process until the returned function is called. */
function watchSources(): () => void {
  const sources: [object, string][] = [
    [Date, "now"],
    [performance, "now"],
    [Math, "random"],
    [crypto, "getRandomValues"],
    [crypto, "randomUUID"],
  ];
  const restores = sources.map(([owner, name]) => {
    const own = Object.getOwnPropertyDescriptor(owner, name);
    const original: (...args: unknown[]) => unknown = Reflect.get(owner, name);
    const value = (...args: unknown[]) => {
      assertOutsideChange(name);
      return original.apply(owner, args);
    };
    Object.defineProperty(owner, name, { value, configurable: true, writable: true });
    return () => {
      if (own === undefined) Reflect.deleteProperty(owner, name);
      else Object.defineProperty(owner, name, own);
    };
  });
  return () => restores.forEach((restore) => restore());
}
