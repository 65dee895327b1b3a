/**
 * rfaas: functions as a service at the speed of memory.
 *
 * An app connects to a resource manager, takes a lease on idle cores, and calls functions there by writing the
 * arguments straight into the executor's memory.
 *
 * @module
 */

export { Client, connect, type ConnectOptions } from "./runtime/client/client.ts";
export type { FabricChoice } from "./runtime/keeper/reach_node.ts";
export { Lease, type LeasePartInfo } from "./runtime/client/lease.ts";
export type { FunctionPermissions } from "./runtime/permissions.ts";
export type { ByteSize, LeaseOptions, LogLine } from "./runtime/client/lease_options.ts";
export { CodecError } from "./runtime/codec/codec.ts";
export type {
  CallOf,
  CallOptions as TypedCallOptions,
  Calls,
  StreamCall,
  ValueCall,
} from "./runtime/call/typed_calls.ts";
export {
  type Memory,
  PreparedValues,
  type PrepareValuesOptions,
} from "./runtime/call/prepared_values.ts";
export type { StreamOptions } from "./runtime/call/stream_task.ts";
export type { InvokeOptions } from "./runtime/call/call_task.ts";
export type { LeaseStartup } from "./runtime/keeper/lease_startup.ts";
export type { MapOptions } from "./runtime/client/map.ts";
export type { LeaseEvent } from "./runtime/client/lease_events.ts";
export {
  type CallOptions,
  PreparedCall,
  type PrepareOptions,
} from "./runtime/call/prepared_call.ts";
export {
  ArgumentTooLong,
  Busy,
  DeadlineExceeded,
  ExecutorLost,
  FabricUnavailable,
  FunctionError,
  LeaseOver,
  LeaseRefused,
  LimitExceeded,
  ManagerUnreachable,
  NodeLost,
  type Outcome,
  ResultTooLong,
  RfaasError,
  Unauthorized,
  UnknownCodec,
  UnknownFunction,
} from "./runtime/errors.ts";
