/** The lists of the resource manager as typed methods. docs/http.md describes each. */
import {
  type Bill,
  type BillList,
  billListSchema,
  type BillPageQuery,
  type BillsQuery,
} from "./bill_api.ts";
import { type EventList, eventListSchema, type EventPageQuery } from "./event_api.ts";
import * as api from "./manager_api.ts";
import { billsPath, eventsPath, pagePath } from "./manager_paths.ts";
import type { ManagerRequests } from "./manager_requests.ts";
import { followPages, type PageQuery } from "./page_api.ts";
import { type QueueList, queueListSchema } from "./queue_api.ts";

/** The methods of {@linkcode ManagerClient} that list something. */
export class ManagerLists {
  readonly #requests: ManagerRequests;

  /** @internal Use {@linkcode ManagerClient}. */
  constructor(requests: ManagerRequests) {
    this.#requests = requests;
  }

  /**
   * Lists all nodes. Role: node, operator or client.
   *
   * @param signal Ends the request.
   * @returns The nodes, by name.
   */
  async nodes(signal?: AbortSignal): Promise<api.NodeList> {
    const read = (query: PageQuery) => this.nodePage(query, signal);
    const { list, entries } = await followPages(read, ({ nodes }) => nodes);
    return { ...list, nodes: entries };
  }

  /**
   * Lists one page of nodes. Role: node, operator or client.
   *
   * @param query Selects the page, or one node by its name.
   * @param signal Ends the request.
   * @returns The page, by name. Its `next` is `after` of the query for the page behind it.
   * @throws {ManagerRefusedError} When the query is not valid.
   */
  async nodePage(query: api.NodePageQuery = {}, signal?: AbortSignal): Promise<api.NodeList> {
    const { name, ...page } = query;
    const path = pagePath("/v1/nodes", page, { name });
    return await this.#requests.get(api.nodeListSchema, path, signal);
  }

  /**
   * Lists the running leases: all of them for an operator, its own for a client.
   *
   * @param signal Ends the request.
   * @returns The leases, oldest first.
   */
  async leases(signal?: AbortSignal): Promise<api.LeaseList> {
    const read = (query: PageQuery) => this.leasePage(query, signal);
    const { list, entries } = await followPages(read, ({ leases }) => leases);
    return { ...list, leases: entries };
  }

  /**
   * Lists one page of leases. Role: operator for all, client for its own.
   *
   * @param query Selects the page.
   * @param signal Ends the request.
   * @returns The page, oldest first. Its `next` is `after` of the query for the page behind it.
   * @throws {ManagerRefusedError} When the query is not valid.
   */
  async leasePage(query: PageQuery = {}, signal?: AbortSignal): Promise<api.LeaseList> {
    return await this.#requests.get(api.leaseListSchema, pagePath("/v1/leases", query), signal);
  }

  /**
   * Lists the requests for leases that wait for capacity: all of them for an operator, its own for a client.
   *
   * @param signal Ends the request.
   * @returns The requests, in the order in which they are tried.
   */
  async queue(signal?: AbortSignal): Promise<QueueList> {
    return await this.#requests.get(queueListSchema, "/v1/queue", signal);
  }

  /**
   * Lists one page of bills: those of all clients or of one for an operator, its own for a client.
   *
   * @param query Selects the bills and the page.
   * @param signal Ends the request.
   * @returns The page. Its `next` is `after` of the query for the page behind it.
   * @throws {ManagerRefusedError} When the query is not valid.
   */
  async bills(query: BillPageQuery = {}, signal?: AbortSignal): Promise<BillList> {
    return await this.#requests.get(billListSchema, billsPath(query), signal);
  }

  /**
   * Lists all pages of bills as one. Role: as {@linkcode ManagerClient.bills}.
   *
   * @param query Selects the bills.
   * @param signal Ends the requests.
   * @returns The bills, by time of admission.
   * @throws {ManagerRefusedError} When the query is not valid.
   */
  async allBills(query: BillsQuery = {}, signal?: AbortSignal): Promise<BillList> {
    const { next, ...list } = await this.bills(query, signal);
    const key = ({ lease, node, epoch }: Bill) => `${lease} ${node} ${epoch}`;
    const bills = new Map(list.bills.map((bill) => [key(bill), bill]));
    for (let after = next; after !== undefined;) {
      const page = await this.bills({ ...query, after }, signal);
      for (const bill of page.bills) bills.set(key(bill), bill); // a bill that grew between two pages is on both
      after = page.next;
    }
    return { ...list, bills: [...bills.values()].sort((a, b) => a.sinceMs - b.sinceMs) };
  }

  /**
   * Lists what all nodes together had to lend, by the hour. Role: operator.
   *
   * @param sinceMs Hours that end before this time, in milliseconds since 1970, are left out.
   * @param signal Ends the requests.
   * @returns The hours, oldest first. Those without a resource manager are left out.
   */
  async lentHours(sinceMs = 0, signal?: AbortSignal): Promise<api.LentHourList> {
    const read = (query: PageQuery) =>
      this.#requests.get(
        api.lentHourListSchema,
        pagePath("/v1/lent", query, { since: sinceMs }),
        signal,
      );
    const { list, entries } = await followPages(read, ({ hours }) => hours);
    return { ...list, hours: entries };
  }

  /**
   * Lists one page of what happened: all events for an operator, those of its own leases for a client. With `waitMs` it
   * waits for one.
   *
   * @param query Selects the events and the page.
   * @param signal Ends the request.
   * @returns The page, oldest first. Its `next`, or else its `last`, is `after` of the query for what follows.
   * @throws {ManagerRefusedError} When the query is not valid.
   */
  async events(query: EventPageQuery = {}, signal?: AbortSignal): Promise<EventList> {
    const path = eventsPath(query);
    const response = await this.#requests.send("GET", path, undefined, signal, query.waitMs);
    return this.#requests.read(eventListSchema, response);
  }

  /**
   * Lists all tokens, without their texts. Role: operator.
   *
   * @param signal Ends the request.
   * @returns The tokens, by name.
   */
  async tokens(signal?: AbortSignal): Promise<api.TokenList> {
    const read = (query: PageQuery) => this.tokenPage(query, signal);
    const { list, entries } = await followPages(read, ({ tokens }) => tokens);
    return { ...list, tokens: entries };
  }

  /**
   * Lists one page of tokens. Role: operator.
   *
   * @param query Selects the page.
   * @param signal Ends the request.
   * @returns The page, by name. Its `next` is `after` of the query for the page behind it.
   * @throws {ManagerRefusedError} When the query is not valid.
   */
  async tokenPage(query: PageQuery = {}, signal?: AbortSignal): Promise<api.TokenList> {
    return await this.#requests.get(api.tokenListSchema, pagePath("/v1/tokens", query), signal);
  }

  /**
   * Lists the keys that sign grants. Role: operator.
   *
   * @param signal Ends the request.
   * @returns The keys, newest first.
   */
  async keys(signal?: AbortSignal): Promise<api.KeyList> {
    return await this.#requests.get(api.keyListSchema, "/v1/keys", signal);
  }
}
