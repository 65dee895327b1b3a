/** The resource manager's routes as typed methods. docs/http.md describes each. */
import { LeaseRefusedError } from "../errors.ts";
import * as api from "./manager_api.ts";
import type { ManagerAddress } from "./manager_http.ts";
import { ManagerLists } from "./manager_lists.ts";
import { leasePath, nodePath } from "./manager_paths.ts";
import { ManagerRefusedError } from "./manager_refused.ts";
import { ManagerRequests } from "./manager_requests.ts";

/**
 * A client of a resource manager's HTTP interface, in the role of its token.
 *
 * Each method sends one request; a list is read in pages. When its signal fires a method rejects with the signal's reason. All methods but
 * {@linkcode ManagerClient.url} and {@linkcode ManagerClient.close} reject with
 *
 * - {@linkcode ManagerUnreachableError} when no valid response arrives in time,
 * - {@linkcode UnauthorizedError} when the token is unknown or has another role,
 * - {@linkcode ManagerRefusedError} when the resource manager refuses the request for any other reason.
 *
 * @example Listing the nodes of a cluster
 * ```ts
 * import { ManagerClient } from "@rfaas/rfaas/manager";
 *
 * async function printNodes(token: string): Promise<void> {
 *   using manager = new ManagerClient({ url: "http://127.0.0.1:7400", token });
 *   const { nodes } = await manager.nodes();
 *   for (const { name, state, freeCores } of nodes) console.log(name, state, freeCores);
 * }
 * ```
 */
export class ManagerClient extends ManagerLists implements Disposable {
  readonly #requests: ManagerRequests;

  /**
   * Makes a client. It sends nothing before the first request.
   *
   * @param address The resource manager's address, the token, and the timeout of a request.
   * @throws {TypeError} When `url` is not `http://…`, `https://…` or `unix:/path`, or the token has characters that
   * no token has.
   * @throws {RangeError} When `timeoutMs` is not greater than 0.
   */
  constructor(address: ManagerAddress) {
    const requests = new ManagerRequests(address);
    super(requests);
    this.#requests = requests;
  }

  /** The resource manager's address, without user name and password. */
  get url(): string {
    return this.#requests.url;
  }

  /**
   * Checks that the resource manager is alive. Any token will do.
   *
   * @param signal Ends the request.
   * @returns The resource manager's version.
   * @throws {ManagerUnreachableError} When no valid response arrives in time.
   */
  async health(signal?: AbortSignal): Promise<api.Health> {
    return await this.#requests.get(api.healthSchema, "/v1/health", signal);
  }

  /**
   * Registers a node at the start of its executor manager. Role: node.
   *
   * @param node What the node lends, and where it listens.
   * @param signal Ends the request.
   * @returns The node's id, its epoch and the keys whose grants it accepts.
   * @throws {ManagerRefusedError} When the registration is not valid.
   */
  async registerNode(
    node: api.NodeRegistration,
    signal?: AbortSignal,
  ): Promise<api.NodeRegistrationResponse> {
    const response = await this.#requests.send("POST", "/v1/nodes", node, signal);
    return this.#requests.read(api.nodeRegistrationResponseSchema, response);
  }

  /**
   * Reports that a node is alive and which leases it serves. Role: node.
   *
   * @param node The node's id.
   * @param heartbeat Its leases, and bills that have grown.
   * @param signal Ends the request.
   * @returns The keys whose grants the node accepts, the leases that it has to end, and what it has to lend.
   * @throws {ManagerRefusedError} With code `register-again` when the node or its epoch is unknown.
   */
  async heartbeat(
    node: string,
    heartbeat: api.Heartbeat,
    signal?: AbortSignal,
  ): Promise<api.HeartbeatResponse> {
    const response = await this.#requests.send(
      "POST",
      nodePath(node, "/heartbeat"),
      heartbeat,
      signal,
    );
    return this.#requests.read(api.heartbeatResponseSchema, response);
  }

  /**
   * Waits until the resource manager has something new for a node, for 20 s at most. Role: node.
   *
   * @param node The node's id.
   * @param request Its epoch, and the revision of the last response.
   * @param signal Ends the request.
   * @returns The newest revision. If it differs from `since`, a heartbeat is due.
   * @throws {ManagerRefusedError} With code `register-again` when the node or its epoch is unknown, `replaced` when
   * another request of the node took the place of this one.
   */
  async awaitNotifications(
    node: string,
    request: api.NotificationsRequest,
    signal?: AbortSignal,
  ): Promise<api.NotificationsResponse> {
    const path = nodePath(node, "/notifications");
    const waitMs = api.NOTIFICATIONS_WAIT_MS;
    const response = await this.#requests.send("POST", path, request, signal, waitMs);
    return this.#requests.read(api.notificationsResponseSchema, response);
  }

  /**
   * Reports that a node has admitted a lease or has ended it. May be repeated. Role: node.
   *
   * @param node The node's id.
   * @param lease The lease's id.
   * @param report What happened.
   * @param signal Ends the request.
   * @throws {LeaseOverError} When the lease is unknown or has ended, so that the node has to end it.
   * @throws {ManagerRefusedError} With code `register-again` when the node or its epoch is unknown.
   */
  async reportLease(
    node: string,
    lease: string,
    report: api.LeaseReport,
    signal?: AbortSignal,
  ): Promise<void> {
    const path = nodePath(node, `/leases/${encodeURIComponent(lease)}`);
    await this.#requests.sendOfLease("PUT", path, report, signal);
  }

  /**
   * Removes a node and ends what it has of leases. May be repeated. Role: node or operator.
   *
   * @param node The node's id.
   * @param signal Ends the request.
   */
  async removeNode(node: string, signal?: AbortSignal): Promise<void> {
    await this.#requests.send("DELETE", nodePath(node), undefined, signal);
  }

  /**
   * Drains a node: it gets no new leases, and those that it serves have a grace period to move to other nodes. May be
   * repeated. Role: node or operator.
   *
   * @param node The node's id.
   * @param drain The grace period, and the program that drains it.
   * @param signal Ends the request.
   * @throws {ManagerRefusedError} With code `not-found` when no such node is known.
   */
  async drainNode(node: string, drain: api.DrainRequest, signal?: AbortSignal): Promise<void> {
    await this.#requests.send("POST", nodePath(node, "/drain"), drain, signal);
  }

  /**
   * Drains a node for a batch job, and waits until the node is free. May be repeated. Role: node or operator.
   *
   * @param reclaim The name of the node, the program that reclaims it, the grace period, and how long to wait.
   * @param signal Ends the request. The node drains all the same.
   * @returns Whether the node is free. If it is not, it drains on.
   * @throws {ManagerRefusedError} With code `not-found` when no such node is known.
   */
  async reclaimNode(reclaim: api.ReclaimRequest, signal?: AbortSignal): Promise<api.Reclaimed> {
    const { waitMs } = reclaim;
    const response = await this.#requests.send("POST", "/v1/reclaim", reclaim, signal, waitMs);
    return this.#requests.read(api.reclaimedSchema, response);
  }

  /**
   * Lends a node again after it was drained, or changes how many cores it lends while it serves: leases beyond them have
   * a grace period to move to other nodes, the rest goes on. May be repeated. Role: node or operator.
   *
   * @param node The node's id.
   * @param lend The cores, and the program that lends them. By default all cores, lent by an operator.
   * @param signal Ends the request.
   * @throws {ManagerRefusedError} With code `not-found` when no such node is known, `bad-request` when it has fewer
   * cores, `drained` when another still drains it: what this one lends is kept until then.
   */
  async lendNode(node: string, lend: api.LendRequest = {}, signal?: AbortSignal): Promise<void> {
    await this.#requests.send("PUT", nodePath(node, "/lent"), lend, signal);
  }

  /**
   * Requests a lease, and waits for capacity for up to `waitMs`. The response names candidates: the client has two
   * seconds to claim the workers, on one of them or on several. Role: client.
   *
   * @param request The workers, memory and term.
   * @param signal Ends the request.
   * @param traceparent The trace that the request is part of, in the form of the header of W3C Trace Context. Left out:
   * that of the active span, if there is one.
   * @returns The lease's id and its grants.
   * @throws {LeaseRefusedError} With reason `full`, `no-nodes`, `quota` or `bad-request`.
   */
  async takeLease(
    request: api.LeaseRequest,
    signal?: AbortSignal,
    traceparent?: string,
  ): Promise<api.LeaseResponse> {
    try {
      const response = await this.#requests.send(
        "POST",
        "/v1/leases",
        request,
        signal,
        request.waitMs,
        traceparent,
      );
      return this.#requests.read(api.leaseResponseSchema, response);
    } catch (cause) {
      if (!(cause instanceof ManagerRefusedError)) throw cause;
      throw new LeaseRefusedError(cause.message, cause.code, { cause });
    }
  }

  /**
   * Extends the term of a lease. Role: client.
   *
   * @param lease The lease's id.
   * @param renewal The new term.
   * @param signal Ends the request.
   * @returns When the new term ends, and grants that hold until then.
   * @throws {LeaseOverError} When the lease has ended, or is not the client's own.
   * @throws {ManagerRefusedError} With code `quota` when the term is longer than the client's quota permits.
   */
  async renewLease(
    lease: string,
    renewal: api.LeaseRenewal,
    signal?: AbortSignal,
  ): Promise<api.LeaseRenewalResponse> {
    const response = await this.#requests.sendOfLease(
      "POST",
      leasePath(lease, "/renew"),
      renewal,
      signal,
    );
    return this.#requests.read(api.leaseRenewalResponseSchema, response);
  }

  /**
   * Releases a lease. May be repeated. Role: client for its own, operator for any.
   *
   * @param lease The lease's id.
   * @param signal Ends the request.
   * @throws {LeaseOverError} When no such lease is known.
   */
  async releaseLease(lease: string, signal?: AbortSignal): Promise<void> {
    await this.#requests.sendOfLease("DELETE", leasePath(lease), undefined, signal);
  }

  /**
   * Releases what a lease has of one node; the rest of it goes on. May be repeated. Role: client for its own, operator
   * for any.
   *
   * @param lease The lease's id.
   * @param node The node's id.
   * @param signal Ends the request.
   * @throws {LeaseOverError} When no such lease is known, or it never had anything of that node.
   */
  async releasePart(lease: string, node: string, signal?: AbortSignal): Promise<void> {
    const path = leasePath(lease, `/nodes/${encodeURIComponent(node)}`);
    await this.#requests.sendOfLease("DELETE", path, undefined, signal);
  }

  /**
   * Creates a token. Role: operator.
   *
   * @param token Its role, its name, and the quota of a client.
   * @param signal Ends the request.
   * @returns The token's text, which the resource manager does not keep.
   * @throws {ManagerRefusedError} With code `exists` when there is a token of this name.
   */
  async createToken(token: api.TokenRequest, signal?: AbortSignal): Promise<api.TokenResponse> {
    const response = await this.#requests.send("POST", "/v1/tokens", token, signal);
    return this.#requests.read(api.tokenResponseSchema, response);
  }

  /**
   * Revokes a token and ends the leases that were taken with it. Role: operator.
   *
   * @param name The token's name.
   * @param signal Ends the request.
   * @throws {ManagerRefusedError} With code `not-found` when there is no token of this name, `in-use` when it is the
   * token of this client.
   */
  async revokeToken(name: string, signal?: AbortSignal): Promise<void> {
    await this.#requests.send(
      "DELETE",
      `/v1/tokens/${encodeURIComponent(name)}`,
      undefined,
      signal,
    );
  }

  /**
   * Makes a new key. It signs once all nodes have had the time to learn of it. Role: operator.
   *
   * @param signal Ends the request.
   * @returns The keys, newest first.
   * @throws {ManagerRefusedError} With code `rotating` while another key waits to sign, `too-many-keys` when too many
   * old keys are still needed.
   */
  async rotateKeys(signal?: AbortSignal): Promise<api.KeyList> {
    const response = await this.#requests.send("POST", "/v1/keys/rotate", undefined, signal);
    return this.#requests.read(api.keyListSchema, response);
  }

  /** Closes the connections. Pending requests fail. May be called twice. */
  close(): void {
    this.#requests.close();
  }

  /** Closes the client, as {@linkcode ManagerClient.close} does. */
  [Symbol.dispose](): void {
    this.close();
  }
}
