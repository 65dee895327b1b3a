/** Sends each open page of the dashboard what changed, once a second. Nothing is read while no page is open. */
import type { BillReport } from "../../../runtime/http/bill_api.ts";
import type { Logger } from "../../log.ts";
import { MAX_VIEWERS, SHOW_EVERY_MS } from "../policy.ts";
import { RefusalError } from "../refusal.ts";
import type { TokenRow } from "../store/store.ts";
import { ClusterReader, type ClusterSources, type Moment } from "./cluster_reader.ts";
import { Scope, scopeNameOf } from "./scope.ts";
import { UsageRates } from "./usage_rates.ts";

/** How long a stream lasts, so that a page whose session is over loses it. The page opens another one. */
const STREAM_MS = 3_600_000;
/** How long a page may leave a message unread. */
const UNREAD_MS = 30_000;

/** What the stream needs. */
export interface LiveOptions extends ClusterSources {
  /** Reports of what leases use, while a page is open. */
  readonly bills: { watch: ((sender: string, report: BillReport) => void) | undefined };
  readonly tokens: { assertActive(caller: TokenRow): void };
  readonly log: Logger;
}

/** An open page. */
interface Viewer {
  readonly caller: TokenRow;
  readonly scope: Scope;
  readonly sinceMs: number;
  /** The number of the update that it has; 0 before the first. */
  has: number;
  /** When it was ready for the next message. */
  readyMs: number;
  /** Sends the next message, if it is ready for one. */
  send: (() => void) | undefined;
  /** Ends its stream. */
  end(): void;
}

const encoder = new TextEncoder();

/** The streams of all open pages. */
export class Live {
  readonly #options: LiveOptions;
  readonly #rates: UsageRates;
  readonly #scopes = new Map<string, Scope>();
  readonly #viewers = new Set<Viewer>();
  #reader: ClusterReader;
  #moment: Moment | undefined;
  /** The number of the last update. */
  #updates = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isClosed = false;

  constructor(options: LiveOptions) {
    this.#options = options;
    this.#rates = new UsageRates(options.clock);
    this.#reader = new ClusterReader(options, this.#rates);
  }

  /**
   * Opens a stream of server-sent events: first everything, then what changed ({@linkcode ShownChange}).
   *
   * @throws {RefusalError} 429 `busy` if too many pages are open, 503 `closing` after {@linkcode Live.close}.
   */
  open(caller: TokenRow): ReadableStream<Uint8Array> {
    if (this.#isClosed) {
      const state = "the resource manager is closing";
      throw new RefusalError(503, "closing", `Cannot show cluster: ${state}`, 1);
    }
    if (this.#viewers.size >= MAX_VIEWERS) {
      const state = `${this.#viewers.size} pages of the dashboard are open`;
      throw new RefusalError(429, "busy", `Cannot show cluster: ${state}`, 5);
    }
    const nowMs = performance.now();
    const viewer: Viewer = {
      caller,
      scope: this.#scopeOf(caller),
      sinceMs: nowMs,
      has: 0,
      readyMs: nowMs,
      send: undefined,
      end: () => {},
    };
    return new ReadableStream<Uint8Array>({
      start: (controller) => {
        viewer.end = () => {
          if (this.#viewers.has(viewer)) controller.close();
          this.#leave(viewer);
        };
        this.#viewers.add(viewer);
        this.#begin();
      },
      pull: (controller) => {
        viewer.readyMs = performance.now();
        const { promise, resolve } = Promise.withResolvers<void>();
        viewer.send = () => {
          viewer.send = undefined;
          const { scope, has } = viewer;
          const json = has > 0 && has === this.#updates - 1 ? scope.change : scope.whole;
          viewer.has = this.#updates;
          controller.enqueue(encoder.encode(`data: ${json}\n\n`));
          resolve();
        };
        if (this.#moment !== undefined && viewer.has !== this.#updates) viewer.send();
        return promise;
      },
      cancel: () => this.#leave(viewer),
    });
  }

  /** Ends all streams. */
  close(): void {
    this.#isClosed = true;
    for (const viewer of [...this.#viewers]) viewer.end();
  }

  #scopeOf(caller: TokenRow): Scope {
    const name = scopeNameOf(caller);
    let scope = this.#scopes.get(name);
    if (scope === undefined) {
      scope = new Scope(name);
      if (this.#moment !== undefined) scope.update(this.#moment);
      this.#scopes.set(name, scope);
    }
    return scope;
  }

  #begin(): void {
    if (this.#timer !== undefined) return;
    this.#options.bills.watch = (sender, report) => this.#rates.record(sender, report);
    this.#timer = setTimeout(() => this.#tick(), 0);
  }

  #leave(viewer: Viewer): void {
    if (!this.#viewers.delete(viewer)) return;
    const isUsed = [...this.#viewers].some(({ scope }) => scope === viewer.scope);
    if (!isUsed) this.#scopes.delete(scopeNameOf(viewer.caller));
    if (this.#viewers.size > 0) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#moment = undefined;
    this.#options.bills.watch = undefined;
    this.#reader = new ClusterReader(this.#options, this.#rates);
  }

  async #tick(): Promise<void> {
    const timer = this.#timer;
    const startMs = performance.now();
    for (const viewer of [...this.#viewers]) if (this.#isOver(viewer, startMs)) viewer.end();
    try {
      const moment = await this.#reader.read();
      if (this.#timer !== timer) return; // the last page was closed meanwhile
      this.#moment = moment;
      this.#updates++;
      for (const scope of this.#scopes.values()) scope.update(moment);
      for (const viewer of [...this.#viewers]) viewer.send?.();
    } catch (error) {
      // The pages show that their figures are old.
      this.#options.log.warn("Dashboard not updated: {error}", { error });
    }
    if (this.#timer !== timer) return;
    const waitMs = Math.max(SHOW_EVERY_MS / 2, SHOW_EVERY_MS - (performance.now() - startMs));
    this.#timer = setTimeout(() => this.#tick(), waitMs);
  }

  #isOver({ caller, sinceMs, readyMs, send }: Viewer, nowMs: number): boolean {
    try {
      this.#options.tokens.assertActive(caller);
    } catch {
      return true;
    }
    return nowMs - sinceMs > STREAM_MS || (send === undefined && nowMs - readyMs > UNREAD_MS);
  }
}
