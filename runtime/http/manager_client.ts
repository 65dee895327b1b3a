/** The resource manager's routes as typed methods. docs/http.md tells what each does. */
import { LeaseOver, LeaseRefused, Unauthorized } from "../errors.ts";
import {
  type Bill,
  type BillList,
  billListSchema,
  type BillPageQuery,
  type BillsQuery,
} from "./bill_api.ts";
import * as api from "./manager_api.ts";
import { type ManagerAddress, type ManagerAnswer, ManagerHttp } from "./manager_http.ts";
import { ManagerRefused } from "./manager_refused.ts";
import * as v from "../valibot.ts";

/**
 * Asks a resource manager, in the role that its token gives.
 *
 * Every method takes an AbortSignal last and throws its reason when it fires. Besides what each
 * method names, all throw {@linkcode ManagerUnreachable} if there was no sensible answer in time,
 * {@linkcode Unauthorized} if the token is unknown or of another role, and
 * {@linkcode ManagerRefused} for every other refusal.
 *
 * @example
 * ```ts ignore
 * using manager = new ManagerClient({ url: "http://127.0.0.1:7400", token });
 * const taken = await manager.takeLease({ workers: 2, memoryBytes: 2 ** 28, seconds: 60 });
 * ```
 */
export class ManagerClient {
  readonly #http: ManagerHttp;

  /** @throws {TypeError} if `url` is not `http://…`, `https://…` or `unix:/path`. */
  constructor(address: ManagerAddress) {
    this.#http = new ManagerHttp(address);
  }

  /** The resource manager's address, fit to be shown. */
  get url(): string {
    return this.#http.url;
  }

  /** Whether it is alive, and its version. Needs no valid token. */
  async health(signal?: AbortSignal): Promise<api.Health> {
    return this.#read(api.healthSchema, await this.#ask("GET", "/v1/health", undefined, signal));
  }

  /** Tells of a start of this node's executor manager. Role: node. */
  async registerNode(
    node: api.NodeRegistration,
    signal?: AbortSignal,
  ): Promise<api.NodeWelcome> {
    const answer = await this.#ask("POST", "/v1/nodes", node, signal);
    return this.#read(api.nodeWelcomeSchema, answer);
  }

  /**
   * Tells that the node lives and which leases it serves. Role: node.
   *
   * @throws {ManagerRefused} with code `register-again` if the node or its epoch is not known any more.
   */
  async heartbeat(
    node: string,
    beat: api.Heartbeat,
    signal?: AbortSignal,
  ): Promise<api.HeartbeatAnswer> {
    const path = `/v1/nodes/${encodeURIComponent(node)}/heartbeat`;
    return this.#read(api.heartbeatAnswerSchema, await this.#ask("POST", path, beat, signal));
  }

  /**
   * Waits until there is news for this node, 20 s at most: when the answer's revision is another one than `since`, a
   * heartbeat tells what it is. Role: node.
   *
   * @throws {ManagerRefused} with code `register-again` as above, or `replaced` if the node has asked once more.
   */
  async awaitOrders(
    node: string,
    asked: api.OrdersRequest,
    signal?: AbortSignal,
  ): Promise<api.OrdersAnswer> {
    const path = `/v1/nodes/${encodeURIComponent(node)}/orders`;
    const answer = await this.#ask("POST", path, asked, signal, api.ordersWaitMs);
    return this.#read(api.ordersAnswerSchema, answer);
  }

  /**
   * Tells of a claim or an end of a lease on this node. May be repeated. Role: node.
   *
   * @throws {LeaseOver} if the lease is unknown, or over, so that the claim does not hold: end it.
   * @throws {ManagerRefused} with code `register-again` if the node or its epoch is not known any more.
   */
  async reportLease(
    node: string,
    lease: string,
    report: api.LeaseReport,
    signal?: AbortSignal,
  ): Promise<void> {
    const path = `/v1/nodes/${encodeURIComponent(node)}/leases/${encodeURIComponent(lease)}`;
    await this.#askOfLease("PUT", path, report, signal);
  }

  /** Takes a node away and ends what it has of leases. May be repeated. Role: node or operator. */
  async removeNode(node: string, signal?: AbortSignal): Promise<void> {
    await this.#ask("DELETE", `/v1/nodes/${encodeURIComponent(node)}`, undefined, signal);
  }

  /**
   * Takes a node back: it is offered no more leases, and its clients have so long to move. May be repeated. Role: node
   * or operator.
   *
   * @throws {ManagerRefused} with code `not-found` if no such node is known.
   */
  async drainNode(node: string, drain: api.Drain, signal?: AbortSignal): Promise<void> {
    await this.#ask("POST", `/v1/nodes/${encodeURIComponent(node)}/drain`, drain, signal);
  }

  /** Lends a node again that was taken back. May be repeated. Role and errors: as above. */
  async lendNode(node: string, signal?: AbortSignal): Promise<void> {
    await this.#ask("POST", `/v1/nodes/${encodeURIComponent(node)}/lend`, undefined, signal);
  }

  /** All nodes. Role: operator or client. */
  async nodes(signal?: AbortSignal): Promise<api.NodeList> {
    return this.#read(api.nodeListSchema, await this.#ask("GET", "/v1/nodes", undefined, signal));
  }

  /** The running leases: all for an operator, its own for a client. */
  async leases(signal?: AbortSignal): Promise<api.LeaseList> {
    return this.#read(api.leaseListSchema, await this.#ask("GET", "/v1/leases", undefined, signal));
  }

  /**
   * A page of what leases have cost: a client's own; for an operator all, or those of one client. `next` of the answer
   * leads to the page behind it. Role: operator or client.
   */
  async bills(query: BillPageQuery = {}, signal?: AbortSignal): Promise<BillList> {
    const asked = new URLSearchParams();
    if (query.client !== undefined) asked.set("client", query.client);
    if (query.sinceMs !== undefined) asked.set("since", String(query.sinceMs));
    if (query.after !== undefined) asked.set("after", query.after);
    if (query.limit !== undefined) asked.set("limit", String(query.limit));
    const path = asked.size === 0 ? "/v1/bills" : `/v1/bills?${asked}`;
    return this.#read(billListSchema, await this.#ask("GET", path, undefined, signal));
  }

  /** All pages of bills in one, by time of admission. Role: as above. */
  async allBills(query: BillsQuery = {}, signal?: AbortSignal): Promise<BillList> {
    const { next, ...list } = await this.bills(query, signal);
    const key = ({ lease, node, epoch }: Bill) => `${lease} ${node} ${epoch}`;
    const bills = new Map(list.bills.map((bill) => [key(bill), bill]));
    for (let after = next; after !== undefined;) {
      const page = await this.bills({ ...query, after }, signal);
      for (const bill of page.bills) bills.set(key(bill), bill); // one that has grown meanwhile comes again
      after = page.next;
    }
    return { ...list, bills: [...bills.values()].sort((a, b) => a.sinceMs - b.sinceMs) };
  }

  /**
   * Asks for a lease, and waits for room up to `waitMs`. Its grants name candidates: claim as many workers as were asked
   * for within two seconds, on one of them or on several. Role: client.
   *
   * @throws {LeaseRefused} with reason `full`, `no-nodes`, `quota` or `bad-request`.
   */
  async takeLease(request: api.LeaseRequest, signal?: AbortSignal): Promise<api.LeaseTaken> {
    try {
      const answer = await this.#ask("POST", "/v1/leases", request, signal, request.waitMs);
      return this.#read(api.leaseTakenSchema, answer);
    } catch (cause) {
      if (!(cause instanceof ManagerRefused)) throw cause;
      throw new LeaseRefused(cause.message, cause.code, { cause });
    }
  }

  /**
   * Asks for a later end and for grants that say so. Role: client.
   *
   * @throws {LeaseOver} if the lease has ended, or is not one of the caller's.
   */
  async renewLease(
    lease: string,
    renewal: api.LeaseRenewal,
    signal?: AbortSignal,
  ): Promise<api.LeaseRenewed> {
    const path = `/v1/leases/${encodeURIComponent(lease)}/renew`;
    return this.#read(
      api.leaseRenewedSchema,
      await this.#askOfLease("POST", path, renewal, signal),
    );
  }

  /**
   * Gives a lease back. May be repeated. Role: client (its own) or operator (any).
   *
   * @throws {LeaseOver} if no such lease is known.
   */
  async endLease(lease: string, signal?: AbortSignal): Promise<void> {
    const path = `/v1/leases/${encodeURIComponent(lease)}`;
    await this.#askOfLease("DELETE", path, undefined, signal);
  }

  /**
   * Gives back what a lease has of one node; the rest of it goes on. May be repeated. Role: client (its own) or operator.
   *
   * @throws {LeaseOver} if no such lease is known, or it never had anything of that node.
   */
  async endLeaseOn(lease: string, node: string, signal?: AbortSignal): Promise<void> {
    const path = `/v1/leases/${encodeURIComponent(lease)}/nodes/${encodeURIComponent(node)}`;
    await this.#askOfLease("DELETE", path, undefined, signal);
  }

  /**
   * Makes a token; its text is told this one time. Role: operator.
   *
   * @throws {ManagerRefused} with code `exists` if there is one of this name.
   */
  async createToken(token: api.TokenRequest, signal?: AbortSignal): Promise<api.TokenCreated> {
    const answer = await this.#ask("POST", "/v1/tokens", token, signal);
    return this.#read(api.tokenCreatedSchema, answer);
  }

  /** All tokens without their texts. Role: operator. */
  async tokens(signal?: AbortSignal): Promise<api.TokenList> {
    return this.#read(api.tokenListSchema, await this.#ask("GET", "/v1/tokens", undefined, signal));
  }

  /**
   * Makes a token void and ends the leases that were taken with it. Role: operator.
   *
   * @throws {ManagerRefused} with code `not-found` if there is none of this name.
   */
  async revokeToken(name: string, signal?: AbortSignal): Promise<void> {
    await this.#ask("DELETE", `/v1/tokens/${encodeURIComponent(name)}`, undefined, signal);
  }

  /** The keys that grants are signed with, newest first. Role: operator. */
  async keys(signal?: AbortSignal): Promise<api.KeyList> {
    return this.#read(api.keyListSchema, await this.#ask("GET", "/v1/keys", undefined, signal));
  }

  /**
   * Makes a new key, which signs once nodes have had the time to learn of it. Role: operator.
   *
   * @throws {ManagerRefused} with code `rotating` while one waits to sign, or `too-many-keys`.
   */
  async rotateKeys(signal?: AbortSignal): Promise<api.KeyList> {
    const answer = await this.#ask("POST", "/v1/keys/rotate", undefined, signal);
    return this.#read(api.keyListSchema, answer);
  }

  /** Drops the connections; what is under way fails. May be called twice. */
  close(): void {
    this.#http.close();
  }

  /** The same as {@linkcode ManagerClient.close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  async #askOfLease(method: string, path: string, body?: unknown, signal?: AbortSignal) {
    try {
      return await this.#ask(method, path, body, signal);
    } catch (cause) {
      if (cause instanceof ManagerRefused && (cause.status === 404 || cause.status === 410)) {
        throw new LeaseOver(cause.message, { cause });
      }
      throw cause;
    }
  }

  async #ask(method: string, path: string, body?: unknown, signal?: AbortSignal, waitMs = 0) {
    const answer = await this.#http.send(method, path, body, signal, waitMs);
    if (answer.status >= 200 && answer.status < 300) return answer;
    const { code, message } = this.#read(api.errorSchema, answer).error;
    if (answer.status === 401 || answer.status === 403) throw new Unauthorized(message);
    if (answer.status >= 400) throw new ManagerRefused(message, answer.status, code);
    throw this.#http.unreachable(`it answered ${answer.status}`);
  }

  #read<S extends v.GenericSchema>(schema: S, answer: ManagerAnswer): v.InferOutput<S> {
    let json: unknown;
    try {
      json = JSON.parse(answer.body);
    } catch (cause) {
      throw this.#http.unreachable(`its answer ${answer.status} is not JSON`, { cause });
    }
    const checked = v.safeParse(schema, json);
    if (checked.success) return checked.output;
    const issue = checked.issues[0];
    const field = issue.path?.map((item) => String(item.key)).join(".") ?? "body";
    throw this.#http.unreachable(`its answer makes no sense: field ${field}: ${issue.message}`);
  }
}
