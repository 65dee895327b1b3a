/**
 * The typed client of a resource manager's HTTP interface: list nodes, leases and bills, drain a node, create tokens,
 * rotate keys. An operator's programs and dashboards use it, and anything that takes leases without calling functions.
 *
 * To call functions import the package's main module instead.
 *
 * ```ts
 * import { ManagerClient } from "@rfaas/rfaas/manager";
 *
 * async function drain(token: string, name: string): Promise<void> {
 *   using manager = new ManagerClient({ url: "https://manager.example:7400", token });
 *   const { nodes } = await manager.nodes();
 *   const node = nodes.find((entry) => entry.name === name);
 *   if (node) await manager.drainNode(node.node, { graceMs: 30_000 });
 * }
 * ```
 *
 * @module
 */

export { ManagerClient } from "./runtime/http/manager_client.ts";
export type { ManagerLists } from "./runtime/http/manager_lists.ts";
export type { ManagerAddress } from "./runtime/http/manager_http.ts";
export type { Page, PageQuery } from "./runtime/http/page_api.ts";
export type {
  Bill,
  BillList,
  BillPageQuery,
  BillReport,
  BillsQuery,
  BillTotals,
  Prices,
} from "./runtime/http/bill_api.ts";
export type {
  ClusterEvent,
  EventList,
  EventPageQuery,
  EventsQuery,
} from "./runtime/http/event_api.ts";
export type {
  NodeObstacle,
  QueueList,
  WaitCode,
  WaitingEntry,
  WaitReason,
} from "./runtime/http/queue_api.ts";
export type {
  DrainRequest,
  ExecutorEnd,
  GrantKey,
  Health,
  Heartbeat,
  HeartbeatResponse,
  KeyEntry,
  KeyList,
  LeaseEntry,
  LeaseList,
  LeaseNode,
  LeaseRenewal,
  LeaseRenewalResponse,
  LeaseReport,
  LeaseRequest,
  LeaseResponse,
  LeaseStart,
  LeavingLease,
  LendRequest,
  Lent,
  LentHour,
  LentHourList,
  NodeEntry,
  NodeExecutors,
  NodeGrant,
  NodeList,
  NodePageQuery,
  NodeRegistration,
  NodeRegistrationResponse,
  NotificationsRequest,
  NotificationsResponse,
  Quota,
  Reclaimed,
  ReclaimRequest,
  TokenEntry,
  TokenList,
  TokenRequest,
  TokenResponse,
  TokenRole,
} from "./runtime/http/manager_api.ts";
export { ManagerRefusedError } from "./runtime/http/manager_refused.ts";
export type { EndCode } from "./runtime/protocol/end_reason.ts";
export {
  LeaseOverError,
  LeaseRefusedError,
  ManagerUnreachableError,
  RfaasError,
  UnauthorizedError,
} from "./runtime/errors.ts";
