/**
 * Handles of the verbs library's objects: typed, opaque, never null.
 *
 * A null argument to a verbs call ends the process, and so does a queue pair where a completion queue belongs. So every
 * parameter of the symbol tables has the type of its object and refuses null, at compile time. A result may be null and
 * must be checked first. The folders above ffi need only these types.
 */

/** struct ibv_device * */
export type Device = Deno.PointerObject<"ibv_device">;
/** struct ibv_device ** */
export type DeviceList = Deno.PointerObject<"ibv_device *">;
/** struct ibv_context *: an open device. */
export type Context = Deno.PointerObject<"ibv_context">;
/** struct ibv_pd * */
export type ProtectionDomain = Deno.PointerObject<"ibv_pd">;
/** struct ibv_mr * */
export type MemoryRegion = Deno.PointerObject<"ibv_mr">;
/** struct ibv_mw * */
export type MemoryWindow = Deno.PointerObject<"ibv_mw">;
/** struct ibv_comp_channel * */
export type CompletionChannel = Deno.PointerObject<"ibv_comp_channel">;
/** struct ibv_cq * */
export type CompletionQueue = Deno.PointerObject<"ibv_cq">;
/** struct ibv_qp * */
export type QueuePair = Deno.PointerObject<"ibv_qp">;
/** struct rdma_event_channel * */
export type EventChannel = Deno.PointerObject<"rdma_event_channel">;
/** struct rdma_cm_id * */
export type CmId = Deno.PointerObject<"rdma_cm_id">;
/** struct rdma_cm_event * */
export type CmEvent = Deno.PointerObject<"rdma_cm_event">;

/** A struct ibv_send_wr in mapped memory. */
export type SendRequest = Deno.PointerObject<"ibv_send_wr">;
/** A struct ibv_recv_wr in mapped memory. */
export type ReceiveRequest = Deno.PointerObject<"ibv_recv_wr">;
/** An array of struct ibv_wc in mapped memory. */
export type Completions = Deno.PointerObject<"ibv_wc">;
/** A struct ibv_mw_bind in mapped memory. */
export type WindowBind = Deno.PointerObject<"ibv_mw_bind">;
/** Eight bytes in mapped memory, where a post writes the address of the request that it refused. */
export type RefusedRequest = Deno.PointerObject<"ibv_wr *">;
/** Memory to be registered. */
export type Memory = Deno.PointerObject<"void">;

type Typed<T extends Deno.PointerObject> = Deno.NativeTypedPointer<T>;

/** The pointer types of the symbol tables. */
export const POINTER = {
  device: "pointer" as Typed<Device>,
  deviceList: "pointer" as Typed<DeviceList>,
  context: "pointer" as Typed<Context>,
  pd: "pointer" as Typed<ProtectionDomain>,
  mr: "pointer" as Typed<MemoryRegion>,
  mw: "pointer" as Typed<MemoryWindow>,
  channel: "pointer" as Typed<CompletionChannel>,
  cq: "pointer" as Typed<CompletionQueue>,
  qp: "pointer" as Typed<QueuePair>,
  eventChannel: "pointer" as Typed<EventChannel>,
  id: "pointer" as Typed<CmId>,
  event: "pointer" as Typed<CmEvent>,
  sendRequest: "pointer" as Typed<SendRequest>,
  receiveRequest: "pointer" as Typed<ReceiveRequest>,
  completions: "pointer" as Typed<Completions>,
  windowBind: "pointer" as Typed<WindowBind>,
  refused: "pointer" as Typed<RefusedRequest>,
  memory: "pointer" as Typed<Memory>,
} as const;

/** Only a plain "pointer", of an unknown kind, may be null. */
type NotNull<P> = [P] extends [Deno.PointerObject<infer Kind> | null]
  ? unknown extends Kind ? P : NonNullable<P>
  : NonNullable<P>;

/** The functions of a table, with parameters that refuse null. */
export type NonNull<Symbols> = {
  readonly [Name in keyof Symbols]: Symbols[Name] extends (...args: infer Args) => infer Result
    ? (...args: { [I in keyof Args]: NotNull<Args[I]> }) => Result
    : Symbols[Name];
};
