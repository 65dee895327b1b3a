/**
 * rfaas: functions as a service at the speed of memory. An app connects to a resource manager, takes a lease on idle
 * cores, and calls functions there by writing their arguments straight into the executor's memory.
 *
 * ```ts
 * import { connect } from "@rfaas/rfaas";
 *
 * await using client = await connect({ manager: "http://127.0.0.1:7400", token: "…" });
 * await using lease = await client.lease({
 *   functions: new TextEncoder().encode("export const f = (input, output) => (output.set(input), input.length);"),
 * });
 * console.log(await lease.invoke("f", Uint8Array.of(1, 2, 3)));
 * ```
 *
 * {@linkcode Lease.call} calls functions with values, {@linkcode Lease.prepare} without a copy or an allocation,
 * {@linkcode Lease.map} for many inputs, {@linkcode Lease.stream} with many results.
 *
 * @module
 */

export { Client, connect, type ConnectOptions } from "./runtime/client/client.ts";
export type { FabricChoice } from "./runtime/keeper/reach_node.ts";
export { Lease } from "./runtime/client/lease.ts";
export type { LeasePartInfo } from "./runtime/client/lease_part_info.ts";
export type { FunctionPermissions } from "./runtime/permissions.ts";
export type { ByteSize } from "./runtime/byte_size.ts";
export type { LeaseOptions, LogLine } from "./runtime/client/lease_options.ts";
export type { LogLevel } from "./runtime/control/log_relay.ts";
export type { StreamFunction, TypedFunction } from "./runtime/functions/define_function.ts";
export { CodecError } from "./runtime/codec/codec.ts";
export type {
  BytesFunction,
  CallOf,
  Calls,
  HookName,
  PlainCall,
  StreamCall,
  TypedCallOptions,
  ValueCall,
} from "./runtime/call/typed_calls.ts";
export {
  PreparedValues,
  type PrepareValuesOptions,
  type TypedArrayLike,
} from "./runtime/call/prepared_values.ts";
export type { StreamOptions } from "./runtime/call/stream_task.ts";
export type { InvokeOptions } from "./runtime/call/call_task.ts";
export type { LeaseStartup } from "./runtime/keeper/lease_startup.ts";
export type { MapOptions } from "./runtime/client/map.ts";
export type { LeaseStats } from "./runtime/call/call_stats.ts";
export type { LatencyStats } from "./runtime/call/latency_histogram.ts";
export type { LeaseEvent } from "./runtime/client/lease_events.ts";
export type { EndCode, EndReason, LimitName } from "./runtime/protocol/end_reason.ts";
export { PreparedCall } from "./runtime/call/prepared_call.ts";
export type { PreparedCallOptions, PrepareOptions } from "./runtime/call/prepare_options.ts";
export {
  ArgumentTooLongError,
  BusyError,
  DeadlineExceededError,
  ExecutorLostError,
  FabricUnavailableError,
  FunctionError,
  LeaseOverError,
  LeaseRefusedError,
  LimitExceededError,
  ManagerUnreachableError,
  NodeLostError,
  type Outcome,
  ResultTooLongError,
  RfaasError,
  UnauthorizedError,
  UnknownCodecError,
  UnknownFunctionError,
} from "./runtime/errors.ts";
