/** What a resource manager does while another one leads: it forwards requests, and reports its state. */
import project from "../../deno.json" with { type: "json" };
import { FORWARDED_HEADER } from "../../runtime/http/leader_headers.ts";
import type { Health } from "../../runtime/http/manager_api.ts";
import type { Handler } from "../http/http_server.ts";
import {
  type Forwarded,
  Forwarding,
  type ForwardingOptions,
  unavailable,
} from "./http/forwarding.ts";
import { type HeldRequest, hold, released } from "./http/held_request.ts";
import { HOLD_MS } from "./policy.ts";
import type { TermRow } from "./store/etcd/term.ts";
import { Succession } from "./succession.ts";

/** The leader as a standby has last observed it. */
interface Observed {
  readonly term: TermRow;
  readonly forwarding: Forwarding | undefined;
  /** When its last sign of life was read, by the clock of performance.now(). */
  readonly atMs: number;
  /** Whether it has ended its term. */
  readonly isOver?: true;
}

/** Responds to requests without any row. */
export class Standby implements Disposable {
  readonly #options: ForwardingOptions;
  readonly #succession = new Succession();
  #observed: Observed | undefined;
  /** Responds in place of another leader, while this process leads. */
  #own: Handler | undefined;
  #isEnded = false;

  constructor(options: ForwardingOptions) {
    this.#options = options;
  }

  /** The address of the leader; undefined if it has none, or while there is none. */
  get leader(): string | undefined {
    const { term, isOver } = this.#observed ?? {};
    return isOver ? undefined : term?.url ?? undefined;
  }

  /**
   * Notes a sign of life of a leader.
   *
   * @returns whether it is another leader than before.
   */
  observe(term: TermRow): boolean {
    const atMs = performance.now();
    if (this.#observed?.term.holder === term.holder) {
      this.#observed = { ...this.#observed, atMs };
      return false;
    }
    this.#drop();
    const forwarding = term.url === null ? undefined : Forwarding.to(term.url, this.#options);
    this.#observed = { term, forwarding, atMs };
    this.#succession.changed();
    return true;
  }

  /** The leader has ended its term. It completes the requests that it has received; others wait for the next leader. */
  ended(): void {
    if (this.#observed !== undefined) this.#observed = { ...this.#observed, isOver: true };
  }

  /** This process has taken the term. Requests wait until it has read the rows. */
  prepare(): void {
    this.#drop();
  }

  /** This process leads, and responds to the requests that wait. */
  lead(handler: Handler): void {
    this.#drop();
    this.#own = handler;
    this.#succession.changed();
  }

  /** This process leads no longer. */
  resign(): void {
    this.#own = undefined;
  }

  /** Lets no request wait any more: this process ends. */
  end(): void {
    this.#isEnded = true;
    this.#succession.changed();
  }

  readonly handler: Handler = async (request) => {
    const { pathname } = new URL(request.url);
    if (request.method === "GET" && pathname === "/v1/health") {
      return Response.json(this.#health());
    }
    if (request.method === "GET" && /^\/ui\/?$/.test(pathname) && this.leader !== undefined) {
      return new Response(null, { status: 307, headers: { location: `${this.leader}/ui/` } });
    }
    const held = await hold(request, this.#options.bodyLimits);
    if (held instanceof Response) return held;
    // From the first attempt that found no leader: a request may have waited at one for long.
    let untilMs: number | undefined;
    const isOver = (ms: number) =>
      this.#isEnded || request.signal.aborted || performance.now() >= ms;
    for (;;) {
      const { count } = this.#succession;
      if (this.#own !== undefined) return await this.#own(released(held));
      const { response, retryAfterMs } = await this.#attempt(held);
      if (retryAfterMs === undefined) return response;
      untilMs ??= performance.now() + HOLD_MS;
      if (isOver(untilMs)) return response;
      const waitMs = Math.min(untilMs - performance.now(), retryAfterMs);
      await this.#succession.wait(count, waitMs, request.signal);
      if (isOver(untilMs)) return response;
    }
  };

  [Symbol.dispose](): void {
    this.end();
    this.#drop();
  }

  /** Ends the requests in flight: the leader does not lead any more. */
  #drop(): void {
    this.#observed?.forwarding?.[Symbol.dispose]();
    this.#observed = undefined;
  }

  async #attempt(held: HeldRequest): Promise<Forwarded> {
    const isForwarded = held.request.headers.has(FORWARDED_HEADER);
    const { forwarding, isOver } = this.#observed ?? { isOver: true };
    if (forwarding !== undefined && !isForwarded && !isOver) return await forwarding.send(held);
    const state = `${this.leader ?? "no resource manager"} leads`;
    const response = unavailable("not-leader", state, this.leader);
    return { response, ...(isOver ? { retryAfterMs: Infinity } : {}) };
  }

  #health(): Health {
    const { version } = project;
    const state = { ok: true, version, role: "standby" } as const;
    if (this.#observed === undefined) return state;
    const { term: { sinceMs }, atMs } = this.#observed;
    const behindMs = Math.round(performance.now() - atMs);
    const { leader } = this;
    return { ...state, ...(leader === undefined ? {} : { leader }), sinceMs, behindMs };
  }
}
