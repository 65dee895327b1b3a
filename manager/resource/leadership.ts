/** What a resource manager does while it leads: the books over one open store, their routes and their regular tasks. */
import project from "../../deno.json" with { type: "json" };
import type { Logger } from "../log.ts";
import type { Observe } from "../metrics/metric.ts";
import { type Books, type BooksOptions, openBooks } from "./books/open_books.ts";
import type { Handler } from "../http/http_server.ts";
import type { BodyLimits } from "./http/body.ts";
import { RequestGate } from "./http/request_gate.ts";
import { createRouter } from "./http/router.ts";
import type { LoopWatch } from "./loop_watch.ts";
import { readCluster } from "./metrics/cluster_figures.ts";
import type { ResourceFigures } from "./metrics/resource_metrics.ts";
import { PeriodicTasks } from "./periodic_tasks.ts";
import {
  BODY_TIMEOUT_MS,
  CHECK_STATE_MS,
  COUNT_LENT_EVERY_MS,
  MAX_BODY_BYTES,
  MAX_GATE_SHARE,
  MAX_REQUESTS_AT_ONCE,
  SWEEP_EVERY_MS,
  UNAUTHENTICATED_PER_SECOND,
  WRITE_BILLS_EVERY_MS,
} from "./policy.ts";
import { StateWatch } from "./state_watch.ts";
import type { Store } from "./store/store.ts";
import { tracedStore } from "./store/traced_store.ts";
import { Live } from "./ui/live.ts";

/** The options of the books and of their routes. */
export interface LeadershipOptions extends BooksOptions {
  /** How long the body of a request may take, in milliseconds. @default 10000 */
  readonly bodyTimeoutMs?: number;
  /** Requests a second without a valid token, from all clients together. @default 100 */
  readonly unauthenticatedPerSecond?: number;
}

/** The figures of a leader. */
export type LeadershipFigures = Pick<
  ResourceFigures,
  "leads" | "cluster" | "waiting" | "longestWaitSeconds"
>;

/** The figures of a resource manager that does not lead. */
export const NO_FIGURES: LeadershipFigures = {
  leads: false,
  cluster: undefined,
  waiting: 0,
  longestWaitSeconds: 0,
};

/** The books of a leader, in operation. */
export interface Leadership extends AsyncDisposable {
  /** Reads the figures of its metrics. */
  figures(): Promise<LeadershipFigures>;
  /** Responds to requests. */
  readonly handler: Handler;
  /** To be called when the first request may be answered: what this writes shares a commit with it. */
  begun(): void;
  /** Writes what is kept for the next regular write, while requests are still answered: the end then takes less time. */
  settle(): Promise<void>;
  /** Refuses requests that wait for capacity or for notifications, and ends the streams of the dashboard. */
  stopWaiting(): Promise<void>;
}

/**
 * Opens the books and begins the regular tasks. The disposal ends the tasks, writes the last bills and leaves the store
 * open.
 */
export async function beginLeadership(
  opened: Store,
  stateDir: string,
  options: LeadershipOptions & { readonly observe: Observe },
  watch: LoopWatch,
  log: Logger,
): Promise<Leadership> {
  await using cleanup = new AsyncDisposableStack();
  const store = tracedStore(opened);
  const state = await StateWatch.open([stateDir, ...store.files ?? []], store, log);
  const books = await openBooks(
    store,
    stateDir,
    options,
    log.getChild("books"),
    () => watch.silenceMs(),
  );
  const { bills, lentHours } = books;
  const settle = async () => {
    await Promise.all([
      bills.flush().catch((error) => log.error(BILLS_FAILED, { error })),
      lentHours.write().catch((error) => log.error(LENT_FAILED, { error })),
    ]);
  };
  cleanup.defer(settle);
  const { maxRequestsAtOnce = MAX_REQUESTS_AT_ONCE } = options;
  const gate = cleanup.use(new RequestGate(Math.floor(maxRequestsAtOnce * MAX_GATE_SHARE)));
  const live = new Live({ ...books, store, log: log.getChild("ui") });
  const stopWaiting = () => {
    live.close();
    return books.stopWaiting();
  };
  const router = createRouter({
    ...books,
    live,
    gate,
    watch,
    state,
    log: log.getChild("http"),
    version: project.version,
    leads: () => store.shared?.leads() ?? true,
    sinceMs: store.shared?.sinceMs,
    bodyLimits: bodyLimitsOf(options),
    observe: options.observe,
    unauthenticatedPerSecond: options.unauthenticatedPerSecond ?? UNAUTHENTICATED_PER_SECOND,
  });
  cleanup.defer(stopWaiting);
  beginTasks(cleanup.use(new PeriodicTasks(log)), books, state);
  const resources = cleanup.move();
  return {
    handler: (request) => router.fetch(request),
    figures: async () => ({
      leads: store.shared?.leads() ?? true,
      cluster: await readCluster(store, books.aliveSinceMs()),
      waiting: books.queue.length,
      longestWaitSeconds: books.queue.longestWaitMs / 1000,
    }),
    begun: () => void books.begun().catch((error) => log.error(START_FAILED, { error })),
    settle,
    stopWaiting,
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

/** What the body of a request may cost. */
export function bodyLimitsOf({ bodyTimeoutMs = BODY_TIMEOUT_MS }: LeadershipOptions): BodyLimits {
  return { bytes: MAX_BODY_BYTES, timeoutMs: bodyTimeoutMs };
}

function beginTasks(
  tasks: PeriodicTasks,
  { nodes, leases, keys, bills, lentHours, refused }: Books,
  state: StateWatch,
): void {
  tasks.every(CHECK_STATE_MS, "State not checked: {error}", () => state.check());
  tasks.every(SWEEP_EVERY_MS, "Sweep failed: {error}", async () => {
    await leases.sweep();
    await nodes.sweep();
    await keys.dropOldKeys();
    await refused.write();
  });
  tasks.every(WRITE_BILLS_EVERY_MS, BILLS_FAILED, () => bills.flush());
  tasks.every(COUNT_LENT_EVERY_MS, LENT_FAILED, () => lentHours.count());
}

const START_FAILED = "Start not recorded: {error}";
const BILLS_FAILED = "Bills not written: {error}";
const LENT_FAILED = "Lent cores not counted: {error}";
